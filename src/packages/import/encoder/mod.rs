//! Makes an ONNX graph out of a BERT encoder's safetensors and `config.json`.
//!
//! The graph is spelled out in ONNX's own operators, as exporters write it, with the weights as
//! single floats beside it. No tensor of the file is left out silently; the pooler, which the
//! hidden states do not need, is passed over.

mod config;
mod graph;
#[cfg(test)]
mod tests;
mod weights;

use std::fs::File;
use std::path::Path;

use memmap2::Mmap;
use prost::Message as _;

use super::data::DataFile;
use super::{DATA_FILE, ImportError, MODEL_FILE, write, write_error};
use crate::packages::safetensors::Safetensors;
use config::Config;
use weights::Weights;

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoder {
    /// Number of weights.
    pub parameters: u64,
    /// Positions the model was made for.
    pub context_tokens: usize,
    /// Names of the files that were written.
    pub files: Vec<&'static str>,
}

/// Writes graph and weights into the folder `out`, which is made where it is missing; `config` is
/// the JSON of the model's `config.json`.
///
/// Blocks, for seconds. `progress` hears of bytes of weights done. On error the folder may hold
/// some of the files.
pub fn import_encoder(
    safetensors: &Path,
    config: &[u8],
    out: &Path,
    progress: &dyn Fn(u64),
) -> Result<Encoder, ImportError> {
    let config = Config::parse(config)?;
    let open = |source| ImportError::Open { path: safetensors.to_owned(), source };
    let file = File::open(safetensors).map_err(open)?;
    // SAFETY: the mapping is read only and lives no longer than this call. A file that another
    // process changes meanwhile can give wrong weights or end this process, as documented for
    // `import`'s callers, who hand in files of their own; it is never written through the mapping.
    let map = unsafe { Mmap::map(&file) }.map_err(open)?;
    let tensors = Safetensors::parse(&map)
        .map_err(|source| ImportError::Safetensors { path: safetensors.to_owned(), source })?;
    std::fs::create_dir_all(out).map_err(|source| write_error(out, source))?;
    let data = DataFile::create(&out.join(DATA_FILE))?;
    let mut weights = Weights::new(&tensors, data, progress);
    let model = graph::build(&config, &mut weights)?;
    let parameters = weights.parameters;
    weights.finish()?;
    write(&out.join(MODEL_FILE), &model.encode_to_vec())?;
    let context_tokens = config.max_position_embeddings;
    Ok(Encoder { parameters, context_tokens, files: vec![MODEL_FILE, DATA_FILE] })
}
