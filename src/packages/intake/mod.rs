//! From what a person or a source hands in to the files of a package.

mod entry;

use std::fs;
use std::path::Path;
use std::sync::Mutex;

use super::card::Card;
use super::defaults::GenerationDefaults;
use super::digest;
use super::disk;
use super::error::PackageError;
use super::folder::OnnxFolder;
use super::import::{self, ImportError, Imported};
use super::manifest::{Role, Task};
use super::name::PackageName;
use super::origin::Origin;
use super::package::Package;
use super::progress::Progress;
use super::staging::Draft;
use crate::telemetry::with_causes;
pub(super) use entry::{package_bytes, prepare_entry};

/// Version of a package that is made of files by hand.
const FIRST_VERSION: &str = "1";

/// Room that the weights of a GGUF file take at most: numbers of five and six bits become bytes,
/// bfloat16 becomes f32.
pub(super) fn gguf_package_bytes(file_bytes: u64) -> u64 {
    file_bytes.saturating_mul(2)
}

/// Puts the files of a package with this card into `out`; without one, a package keeps its own.
pub(super) fn prepare(
    origin: &mut Origin,
    name: &PackageName,
    card: Option<Card>,
    out: &Path,
    progress: &dyn Progress,
) -> Result<Draft, PackageError> {
    match origin {
        Origin::Gguf(path) => {
            let path = path.as_path();
            progress.start("reading the file", fs::metadata(path).ok().map(|m| m.len()));
            let digest = digest::of_file(path, progress);
            progress.finish();
            let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let digests = vec![(file, digest?.finish())];
            let card = Card { digests, ..card.unwrap_or_default() };
            let none = GenerationDefaults::default();
            let mut draft = from_gguf(path, name, FIRST_VERSION, card, &none, out, progress)?;
            if let Some(card) = draft.card.as_mut().filter(|c| c.source.is_empty()) {
                card.source = address(path);
            }
            Ok(draft)
        }
        Origin::Onnx(onnx) => from_onnx(onnx, name, card.unwrap_or_default(), out),
        Origin::Package(package) => from_package(package, name, card, out, progress),
    }
}

/// A local path as an address; empty where it has none.
fn address(path: &Path) -> String {
    let path = path.canonicalize().ok();
    let url = path.and_then(|p| reqwest::Url::from_file_path(p).ok());
    url.map(String::from).unwrap_or_default()
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
        bundle: None,
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
    let about = &imported.about;
    let stored: Vec<String> =
        about.quantisation.iter().map(|(kind, n)| format!("{n} tensors {kind}")).collect();
    let described = about.name.as_ref().map(|title| {
        format!("{title}: {} weights in {} layers.", about.parameters, imported.layers)
    });
    let card = Card {
        name: or(card.name, Some(name.to_string())),
        version: or(card.version, Some(version.to_owned())),
        description: or(card.description, described),
        licence: or(card.licence, about.licence.clone()),
        source: or(card.source, about.source_url.clone()),
        maker: or(card.maker, about.organisation.clone()),
        architecture: or(card.architecture, Some(about.architecture.clone())),
        quantisation: or(card.quantisation, Some(stored.join(", "))),
        ..card
    };
    card.of_chat()
}

fn or(text: String, other: Option<String>) -> String {
    if text.is_empty() { other.unwrap_or_default() } else { text }
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

pub(super) fn refuse_import(file: &Path, error: ImportError) -> PackageError {
    match error {
        ImportError::Write { path, source } => PackageError::io("writing", &path, source),
        other => PackageError::Import { path: file.to_owned(), why: with_causes(&other) },
    }
}

fn from_onnx(
    onnx: &mut OnnxFolder,
    name: &PackageName,
    card: Card,
    out: &Path,
) -> Result<Draft, PackageError> {
    onnx.take_named(&card)?;
    let files = onnx.copy_to(out)?;
    let card = Card {
        name: or(card.name, Some(name.to_string())),
        version: or(card.version, Some(FIRST_VERSION.to_owned())),
        source: or(card.source, Some(address(&onnx.folder))),
        architecture: or(card.architecture, Some(onnx.architecture.clone())),
        ..card
    };
    let Some(chat) = onnx.chat() else {
        return Ok(Draft::of_tensors(name, FIRST_VERSION, files, card, onnx.facts()));
    };
    Ok(Draft {
        bundle: None,
        name: name.to_string(),
        version: FIRST_VERSION.into(),
        task: Task::Chat,
        context_tokens: chat.context_tokens,
        end_tokens: chat.end_tokens.clone(),
        bos_token: chat.bos_token.clone(),
        eos_token: chat.eos_token.clone(),
        adds_bos: chat.adds_bos,
        files,
        card: Some(card.of_chat()),
    })
}

fn from_package(
    package: &Package,
    name: &PackageName,
    card: Option<Card>,
    out: &Path,
    progress: &dyn Progress,
) -> Result<Draft, PackageError> {
    package.verify_with(progress)?;
    let manifest = package.manifest();
    let card = match card {
        // What it does and is given is the graph's matter, not that of who wrote the card.
        Some(new) => {
            let Card { task, inputs, outputs, .. } = package.card()?;
            Some(Card { name: name.to_string(), task, inputs, outputs, ..new })
        }
        None => None,
    };
    let mut files = Vec::new();
    for file in manifest.files.iter().filter(|f| card.is_none() || f.role != Role::Card) {
        disk::copy_new(&package.folder().join(&file.path), &out.join(&file.path))?;
        files.push((file.path.clone(), file.role));
    }
    Ok(Draft::like(manifest, name, files, card))
}
