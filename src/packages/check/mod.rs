//! Whether the engine would run a model, and how fast, without installing it.

mod inputs;
mod network;

use std::path::Path;

use super::error::{At, PackageError};
use super::intake;
use super::manifest::{Role, Task};
use super::name::PackageName;
use super::origin::Origin;
use super::progress::Progress;
use crate::engine::{Model, ModelSource, Report};
pub use network::{Measured, NetworkCheck, Operator, Workload};

/// What was checked, and what the engine says of it.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Checked {
    /// `gguf file`, `onnx graph` or `package`.
    pub kind: &'static str,
    /// What the model needs and how it would run.
    pub report: Finding,
}

/// What the engine says of a model.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
#[serde(untagged)]
pub enum Finding {
    /// Of a decoder, which is run as one.
    Decoder(Report),
    /// Of a graph of arrays; it may have found nodes that cannot run.
    Network(NetworkCheck),
}

/// Checks a GGUF file (by converting it in a temporary folder), an ONNX graph or a package
/// (digests included). Nothing is installed. A graph of arrays is run with made-up inputs where a
/// workload is given. Blocks for seconds.
pub fn check(
    path: &Path,
    workload: Option<&Workload>,
    progress: &dyn Progress,
) -> Result<Checked, PackageError> {
    let mut origin = Origin::find(path)?;
    let name = origin.suggested_name()?;
    let (kind, report) = match &mut origin {
        Origin::Package(package) => {
            package.verify_with(progress)?;
            let report = match package.manifest().task {
                Task::Chat => Finding::Decoder(Model::check(&package.decoder())?),
                Task::Tensors => Finding::Network(network::check(&package.network(), workload)?),
            };
            ("package", report)
        }
        Origin::Onnx(onnx) => {
            let report = match onnx.decoder(name.as_str()) {
                Some(decoder) => Finding::Decoder(Model::check(&decoder)?),
                None => {
                    let source = onnx.network(name.as_str());
                    Finding::Network(network::check(&source, workload)?)
                }
            };
            ("onnx graph", report)
        }
        Origin::Gguf(_) => {
            ("gguf file", Finding::Decoder(check_converted(&mut origin, &name, progress)?))
        }
    };
    Ok(Checked { kind, report })
}

fn check_converted(
    origin: &mut Origin,
    name: &PackageName,
    progress: &dyn Progress,
) -> Result<Report, PackageError> {
    let temporary = std::env::temp_dir();
    let out = tempfile::tempdir().at("making", &temporary)?;
    let out = out.path();
    super::disk::require_space(out, origin.bytes()?)?;
    let draft = intake::prepare(origin, name, None, out, progress)?;
    let file =
        |role| draft.files.iter().find(|f| f.1 == role).map(|f| out.join(&f.0)).unwrap_or_default();
    let source = ModelSource {
        name: draft.name.clone(),
        onnx: file(Role::Onnx),
        tokenizer: file(Role::Tokenizer),
        end_tokens: draft.end_tokens.clone(),
        context_tokens: draft.context_tokens,
        derived: None,
    };
    Ok(Model::check(&source)?)
}
