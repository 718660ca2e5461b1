//! Whether the engine would run a model, without installing it.

use std::path::Path;

use super::error::{At, PackageError};
use super::intake::{self, Origin};
use super::name::PackageName;
use super::progress::Progress;
use crate::engine::{Model, Report};

/// What was checked, and what the engine says of it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Checked {
    /// `gguf file`, `onnx folder` or `package`.
    pub kind: &'static str,
    /// What the model needs and how it would run.
    pub report: Report,
}

/// Checks a GGUF file (by converting it in a temporary folder), an ONNX folder or a package
/// (digests included). Nothing is installed. Blocks for seconds.
pub fn check(path: &Path, progress: &dyn Progress) -> Result<Checked, PackageError> {
    let origin = Origin::find(path)?;
    let (kind, report) = match &origin {
        Origin::Package(package) => {
            package.verify_with(progress)?;
            ("package", Model::check(&package.decoder())?)
        }
        Origin::Onnx(onnx) => {
            let name = origin.suggested_name()?;
            ("onnx folder", Model::check(&onnx.decoder(name.as_str()))?)
        }
        Origin::Gguf(_) => {
            let temporary = std::env::temp_dir();
            let out = tempfile::tempdir().at("making", &temporary)?;
            super::disk::require_space(out.path(), origin.bytes()?)?;
            let name = origin.suggested_name()?;
            ("gguf file", check_converted(&origin, &name, out.path(), progress)?)
        }
    };
    Ok(Checked { kind, report })
}

fn check_converted(
    origin: &Origin,
    name: &PackageName,
    out: &Path,
    progress: &dyn Progress,
) -> Result<Report, PackageError> {
    let draft = intake::prepare(origin, name, out, progress)?;
    let file =
        |role| draft.files.iter().find(|f| f.1 == role).map(|f| out.join(&f.0)).unwrap_or_default();
    let source = crate::engine::ModelSource {
        name: draft.name.clone(),
        onnx: file(super::manifest::Role::Onnx),
        tokenizer: file(super::manifest::Role::Tokenizer),
        end_tokens: draft.end_tokens.clone(),
        context_tokens: draft.context_tokens,
        derived: None,
    };
    Ok(Model::check(&source)?)
}
