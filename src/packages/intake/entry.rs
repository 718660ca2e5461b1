//! From the files of a catalogue entry to those of a package.

use std::cell::Cell;
use std::path::{Path, PathBuf};

use super::super::card::Card;
use super::super::catalogue::{Entry, FileRole, Form};
use super::super::disk;
use super::super::error::PackageError;
use super::super::external;
use super::super::graph::GraphFacts;
use super::super::import;
use super::super::manifest::Role;
use super::super::progress::Progress;
use super::super::staging::Draft;
use super::{from_gguf, gguf_package_bytes, refuse_import, role_of};

/// Bytes of a `config.json` at most.
const MAX_CONFIG_BYTES: usize = 4 << 20;

/// Room that the package of a catalogue entry takes at most.
pub(in super::super) fn package_bytes(entry: &Entry) -> u64 {
    match entry.form {
        Form::Gguf => gguf_package_bytes(entry.bytes()),
        Form::Onnx => entry.bytes(),
        Form::Safetensors => entry.bytes().saturating_mul(2),
    }
}

/// Puts the files of a catalogue entry's package into `out`. `files` are those of the entry, in
/// its order.
pub(in super::super) fn prepare_entry(
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
    tensors(entry, kept, card, out)
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
    Ok(Draft { context_tokens: imported.context_tokens, ..tensors(entry, kept, card, out)? })
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
fn tensors(
    entry: &Entry,
    files: Vec<(String, Role)>,
    card: Card,
    out: &Path,
) -> Result<Draft, PackageError> {
    let graph = files.iter().find(|(_, role)| *role == Role::Onnx);
    let graph = graph.ok_or_else(|| PackageError::Internal("no graph was made".into()))?;
    let facts = GraphFacts::read(&out.join(&graph.0))?;
    Ok(Draft::of_tensors(&entry.name, &entry.version, files, card, &facts))
}
