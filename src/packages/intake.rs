//! From what a person or a source hands in to the files of a package.

use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use super::card::Card;
use super::catalogue::{Entry, FileRole, Form};
use super::defaults::GenerationDefaults;
use super::digest;
use super::disk;
use super::error::{At, PackageError};
use super::external;
use super::folder::OnnxFolder;
use super::import::{self, ImportError, Imported};
use super::manifest::{MANIFEST_FILE, Role, Task};
use super::name::PackageName;
use super::package::Package;
use super::progress::Progress;
use super::staging::Draft;

/// Bytes of a `config.json` at most.
const MAX_CONFIG_BYTES: usize = 4 << 20;

/// What was handed in.
#[derive(Debug)]
pub(super) enum Origin {
    Gguf(PathBuf),
    Onnx(OnnxFolder),
    Package(Package),
}

impl Origin {
    /// Tells by looking.
    pub(super) fn find(path: &Path) -> Result<Self, PackageError> {
        let found = fs::metadata(path).at("reading", path)?;
        if found.is_file() {
            return Ok(Self::Gguf(path.to_owned()));
        }
        if path.join(MANIFEST_FILE).exists() {
            return Package::open(path).map(Self::Package);
        }
        if OnnxFolder::is_one(path) {
            return OnnxFolder::read(path).map(Self::Onnx);
        }
        let why = format!(
            "it is not a GGUF file, and as a folder it has neither {MANIFEST_FILE} nor model.onnx"
        );
        Err(PackageError::Import { path: path.to_owned(), why })
    }

    /// A name for the package, from what was handed in.
    pub(super) fn suggested_name(&self) -> Result<PackageName, PackageError> {
        let title = match self {
            Self::Package(package) => package.name().to_owned(),
            Self::Gguf(path) => path.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
            Self::Onnx(onnx) => {
                let folder = onnx.folder.canonicalize().at("reading", &onnx.folder)?;
                folder.file_name().unwrap_or_default().to_string_lossy().into_owned()
            }
        };
        PackageName::from_title(&title).map_err(PackageError::Name)
    }

    /// About how much room its package takes.
    pub(super) fn bytes(&self) -> Result<u64, PackageError> {
        Ok(match self {
            Self::Gguf(path) => gguf_package_bytes(fs::metadata(path).at("reading", path)?.len()),
            Self::Onnx(onnx) => onnx.bytes(),
            Self::Package(package) => package.bytes(),
        })
    }
}

/// Room that the weights of a GGUF file take at most: numbers of five and six bits become bytes,
/// bfloat16 becomes f32.
pub(super) fn gguf_package_bytes(file_bytes: u64) -> u64 {
    file_bytes.saturating_mul(2)
}

/// Puts the files of a package into `out`.
pub(super) fn prepare(
    origin: &Origin,
    name: &PackageName,
    out: &Path,
    progress: &dyn Progress,
) -> Result<Draft, PackageError> {
    match origin {
        Origin::Gguf(path) => {
            progress.start("reading the file", fs::metadata(path).ok().map(|m| m.len()));
            let digest = digest::of_file(path, progress);
            progress.finish();
            let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let card = Card { digests: vec![(file, digest?.finish())], ..Card::default() };
            let none = GenerationDefaults::default();
            let mut draft = from_gguf(path, name, "1", card, &none, out, progress)?;
            if let Some(card) = draft.card.as_mut().filter(|c| c.source.is_empty()) {
                card.source = address(path);
            }
            Ok(draft)
        }
        Origin::Onnx(onnx) => from_onnx(onnx, name, out),
        Origin::Package(package) => from_package(package, name, out, progress),
    }
}

/// A local path as an address; empty where it has none.
fn address(path: &Path) -> String {
    let path = path.canonicalize().ok();
    let url = path.and_then(|p| reqwest::Url::from_file_path(p).ok());
    url.map(String::from).unwrap_or_default()
}

/// Room that the package of a catalogue entry takes at most.
pub(super) fn package_bytes(entry: &Entry) -> u64 {
    match entry.form {
        Form::Gguf => gguf_package_bytes(entry.bytes()),
        Form::Onnx => entry.bytes(),
        Form::Safetensors => entry.bytes().saturating_mul(2),
    }
}

/// Puts the files of a catalogue entry's package into `out`. `files` are those of the entry, in
/// its order.
pub(super) fn prepare_entry(
    entry: &Entry,
    files: &[PathBuf],
    out: &Path,
    progress: &dyn Progress,
) -> Result<Draft, PackageError> {
    let mut card = entry.card.clone();
    match (entry.form, files, entry.files.as_slice()) {
        (Form::Gguf, [file], [source]) => {
            let origin = format!("source file of {} bytes", source.bytes);
            card.digests.push((origin, source.sha256.clone()));
            from_gguf(file, &entry.name, &entry.version, card, &entry.generation, out, progress)
        }
        (Form::Gguf, ..) => Err(PackageError::Internal("a GGUF file comes alone".into())),
        (Form::Onnx, ..) => from_files(entry, files, card, out),
        (Form::Safetensors, ..) => from_safetensors(entry, files, card, out, progress),
    }
}

/// The entry's files as they are.
fn from_files(
    entry: &Entry,
    files: &[PathBuf],
    card: Card,
    out: &Path,
) -> Result<Draft, PackageError> {
    let kept = keep(entry, files, out)?;
    for (name, _) in kept.iter().filter(|(_, role)| *role == Role::Onnx) {
        let path = out.join(name);
        let known = |location: &String| kept.iter().any(|(name, _)| name == location);
        if let Some(location) = external::locations(&path)?.iter().find(|l| !known(l)) {
            let why = format!("its graph names external data `{location}`, which the entry lacks");
            return Err(PackageError::Import { path, why });
        }
    }
    Ok(tensors(entry, kept, card))
}

/// A graph made of an encoder's weights and configuration, and the entry's other files.
fn from_safetensors(
    entry: &Entry,
    files: &[PathBuf],
    mut card: Card,
    out: &Path,
    progress: &dyn Progress,
) -> Result<Draft, PackageError> {
    let with_role = |role| {
        let found = entry.files.iter().zip(files).find(|(file, _)| file.role == role);
        found.map(|(file, path)| (file, path.as_path())).ok_or_else(|| {
            PackageError::Internal(format!("{} has no file for {role:?}", entry.name))
        })
    };
    let (weights, weights_path) = with_role(FileRole::Weights)?;
    let (config, config_path) = with_role(FileRole::Config)?;
    let json = disk::read_bounded(config_path, MAX_CONFIG_BYTES)?;
    progress.start(&format!("converting to {}", entry.name), Some(weights.bytes));
    let told = Cell::new(0);
    let tell = |done: u64| progress.advance(done.saturating_sub(told.replace(done)));
    let imported = import::import_encoder(weights_path, &json, out, &tell);
    progress.finish();
    let imported = imported.map_err(|e| refuse_import(weights_path, e))?;
    let mut kept = keep(entry, files, out)?;
    kept.extend(imported.files.iter().map(|file| ((*file).to_owned(), role_of(file))));
    for file in [weights, config] {
        card.digests.push((format!("source file {}", file.name), file.sha256.clone()));
    }
    Ok(Draft { context_tokens: imported.context_tokens, ..tensors(entry, kept, card) })
}

/// Copies the files that belong into the package as they are.
fn keep(entry: &Entry, files: &[PathBuf], out: &Path) -> Result<Vec<(String, Role)>, PackageError> {
    let mut kept = Vec::new();
    for (file, path) in entry.files.iter().zip(files) {
        if let Some(role) = file.role.kept() {
            disk::copy_new(path, &out.join(&file.name))?;
            kept.push((file.name.clone(), role));
        }
    }
    Ok(kept)
}

/// A package of arrays of these files.
fn tensors(entry: &Entry, files: Vec<(String, Role)>, card: Card) -> Draft {
    let (name, version) = (entry.name.to_string(), entry.version.clone());
    Draft {
        card: Some(Card { name: name.clone(), version: version.clone(), ..card }),
        name,
        version,
        task: Task::Tensors,
        context_tokens: 0,
        end_tokens: Vec::new(),
        bos_token: String::new(),
        eos_token: String::new(),
        adds_bos: false,
        files,
    }
}

fn from_gguf(
    file: &Path,
    name: &PackageName,
    version: &str,
    card: Card,
    generation: &GenerationDefaults,
    out: &Path,
    progress: &dyn Progress,
) -> Result<Draft, PackageError> {
    progress.start(&format!("converting to {name}"), fs::metadata(file).ok().map(|m| m.len()));
    let told = Mutex::new(0);
    let tell = |done: u64, _all: u64| {
        let mut told = told.lock().unwrap_or_else(|e| e.into_inner());
        progress.advance(done.saturating_sub(*told));
        *told = done;
    };
    let imported = import::import(file, out, &tell);
    progress.finish();
    let imported = imported.map_err(|e| refuse_import(file, e))?;
    merge_generation(&out.join(import::GENERATION_CONFIG_FILE), generation)?;
    let files = imported.files.iter().map(|f| ((*f).to_owned(), role_of(f))).collect();
    Ok(Draft {
        name: name.to_string(),
        version: version.to_owned(),
        task: Task::Chat,
        context_tokens: imported.context_tokens,
        end_tokens: imported.end_tokens.clone(),
        bos_token: imported.bos_token.clone().unwrap_or_default(),
        eos_token: imported.eos_token.clone().unwrap_or_default(),
        adds_bos: imported.adds_bos,
        files,
        card: Some(complete(card, name, version, &imported)),
    })
}

fn role_of(file: &str) -> Role {
    match file {
        import::MODEL_FILE => Role::Onnx,
        import::DATA_FILE => Role::External,
        import::TOKENIZER_FILE => Role::Tokenizer,
        import::CHAT_TEMPLATE_FILE => Role::ChatTemplate,
        import::GENERATION_CONFIG_FILE => Role::GenerationConfig,
        _ => Role::Other,
    }
}

/// Where the card is silent, the file speaks.
fn complete(card: Card, name: &PackageName, version: &str, imported: &Imported) -> Card {
    let or = |text: String, other: Option<String>| {
        if text.is_empty() { other.unwrap_or_default() } else { text }
    };
    let stored: Vec<String> =
        imported.quantisation.iter().map(|(kind, n)| format!("{n} tensors {kind}")).collect();
    let about = imported.name.as_ref().map(|title| {
        format!("{title}: {} weights in {} layers.", imported.parameters, imported.layers)
    });
    Card {
        name: or(card.name, Some(name.to_string())),
        version: or(card.version, Some(version.to_owned())),
        description: or(card.description, about),
        licence: or(card.licence, imported.licence.clone()),
        source: or(card.source, imported.source_url.clone()),
        maker: or(card.maker, imported.organisation.clone()),
        architecture: or(card.architecture, Some(imported.architecture.clone())),
        quantisation: or(card.quantisation, Some(stored.join(", "))),
        owner: card.owner,
        intended_use: card.intended_use,
        limits: card.limits,
        head: card.head,
        digests: card.digests,
    }
}

/// The catalogue's defaults before the file's; other fields of the file's stay.
fn merge_generation(path: &Path, generation: &GenerationDefaults) -> Result<(), PackageError> {
    if *generation == GenerationDefaults::default() {
        return Ok(());
    }
    let refuse =
        |e: serde_json::Error| PackageError::Import { path: path.to_owned(), why: e.to_string() };
    let mut whole = serde_json::Map::new();
    if path.exists() {
        let bytes = disk::read_bounded(path, super::defaults::MAX_DEFAULTS_BYTES)?;
        whole = serde_json::from_slice(&bytes).map_err(refuse)?;
    }
    // By way of text, in which 0.2 is 0.2 for f32 and f64 alike.
    let own = generation
        .to_bytes()
        .map_err(|source| PackageError::Manifest { path: path.to_owned(), source })?;
    let own: serde_json::Map<_, _> = serde_json::from_slice(&own).map_err(refuse)?;
    whole.extend(own);
    let bytes = serde_json::to_vec_pretty(&whole).map_err(refuse)?;
    disk::remove_file(path)?;
    disk::write_new(path, &bytes)
}

fn refuse_import(file: &Path, error: ImportError) -> PackageError {
    match error {
        ImportError::Write { path, source } => PackageError::io("writing", &path, source),
        other => {
            let mut why = other.to_string();
            let mut cause = std::error::Error::source(&other);
            while let Some(source) = cause {
                why = format!("{why}: {source}");
                cause = source.source();
            }
            PackageError::Import { path: file.to_owned(), why }
        }
    }
}

fn from_onnx(onnx: &OnnxFolder, name: &PackageName, out: &Path) -> Result<Draft, PackageError> {
    let files = onnx.copy_to(out)?;
    let card = Card {
        name: name.to_string(),
        version: "1".into(),
        source: address(&onnx.folder),
        architecture: onnx.architecture.clone(),
        ..Card::default()
    };
    Ok(Draft {
        name: name.to_string(),
        version: "1".into(),
        task: Task::Chat,
        context_tokens: onnx.context_tokens,
        end_tokens: onnx.end_tokens.clone(),
        bos_token: onnx.bos_token.clone(),
        eos_token: onnx.eos_token.clone(),
        adds_bos: onnx.adds_bos,
        files,
        card: Some(card),
    })
}

fn from_package(
    package: &Package,
    name: &PackageName,
    out: &Path,
    progress: &dyn Progress,
) -> Result<Draft, PackageError> {
    package.verify_with(progress)?;
    let manifest = package.manifest();
    let mut files = Vec::new();
    for file in &manifest.files {
        disk::copy_new(&package.folder().join(&file.path), &out.join(&file.path))?;
        files.push((file.path.clone(), file.role));
    }
    Ok(Draft {
        name: name.to_string(),
        version: manifest.version.clone(),
        task: manifest.task,
        context_tokens: manifest.context_tokens,
        end_tokens: manifest.end_tokens.clone(),
        bos_token: manifest.bos_token.clone(),
        eos_token: manifest.eos_token.clone(),
        adds_bos: manifest.adds_bos,
        files,
        card: None,
    })
}
