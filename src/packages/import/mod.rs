//! Makes the files of an ONNX package out of a GGUF file, or out of safetensors.
//!
//! [`import`] reads a decoder of the `llama` or `qwen2` architecture with weights in F32, F16, BF16,
//! Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q4_K, Q5_K or Q6_K and writes `model.onnx` with `model.onnx.data` beside it, `tokenizer.json`,
//! `generation_config.json` and, where the file has one, `chat_template.jinja`. What else a
//! manifest or a model card needs comes back as [`Imported`].
//!
//! The graph has the shape that onnxruntime-genai's builder gives a decoder: `input_ids`,
//! `attention_mask` and `past_key_values.N.key/value` in, `logits` and `present.N.key/value` out,
//! with `MatMulNBits`, `GatherBlockQuantized` and `GroupQueryAttention` of `com.microsoft`.
//!
//! [`import_encoder`] reads a BERT encoder's `model.safetensors` and `config.json` and writes
//! `model.onnx` with `model.onnx.data`.
//!
//! **Invariants**
//! - Nothing is quantised anew: stored blocks are rearranged, and each weight of the ONNX form is
//!   within 2 f32 ulp of its block's magnitude of the GGUF's.
//! - A tensor, a rotary scaling or a tokeniser that is not understood is refused by name. No
//!   tensor of the file is left out silently.
//! - The same file gives the same bytes.
//! - Memory is bounded by one tensor's scales and a few buffers; weights go from the mapped file
//!   to the written one.
//! - Every file is on disk (fsync) when [`import`] returns.
//!
//! **Not here**: the manifest, digests, the model card, and how a folder becomes a package.

mod architecture;
mod blocks;
mod data;
mod decoder;
mod encoder;
mod family;
mod onnx;
mod pre_tokenizer;
mod rotary;
mod special_tokens;
mod tensors;
mod tokenizer;
mod weights;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use memmap2::Mmap;
use prost::Message as _;

use crate::packages::gguf::{Gguf, GgufError, Value};
use crate::packages::safetensors::SafetensorsError;
use architecture::Architecture;
use data::DataFile;
pub use encoder::{Encoder, import_encoder};
use special_tokens::SpecialTokens;
use tokenizer::Vocabulary;
use weights::Weights;

/// The graph.
pub const MODEL_FILE: &str = "model.onnx";
/// The weights, named by the graph.
pub const DATA_FILE: &str = "model.onnx.data";
/// The tokeniser, in the form of Hugging Face `tokenizers`.
pub const TOKENIZER_FILE: &str = "tokenizer.json";
/// The chat template, in Jinja.
pub const CHAT_TEMPLATE_FILE: &str = "chat_template.jinja";
/// Generation defaults, in the form of Hugging Face `transformers`.
pub const GENERATION_CONFIG_FILE: &str = "generation_config.json";

/// What an imported file said of itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Imported {
    /// Architecture, as GGUF names it.
    pub architecture: String,
    /// `general.name`, for people.
    pub name: Option<String>,
    /// `general.license`, usually an SPDX identifier in lower case.
    pub licence: Option<String>,
    /// `general.organization` or `general.author`.
    pub organisation: Option<String>,
    /// `general.source.url` or `general.url`.
    pub source_url: Option<String>,
    /// `general.languages`.
    pub languages: Vec<String>,
    /// Positions the model was made for.
    pub context_tokens: usize,
    /// Size of the vocabulary.
    pub vocabulary: usize,
    /// Attention layers.
    pub layers: usize,
    /// Number of weights.
    pub parameters: u64,
    /// Number of tensors by type of storage in the GGUF file, such as `("Q4_1", 210)`.
    pub quantisation: Vec<(String, usize)>,
    /// Tokens that end an answer, the model's own first.
    pub end_tokens: Vec<u32>,
    /// Text of the token that begins a sequence.
    pub bos_token: Option<String>,
    /// Text of the token that ends a sequence.
    pub eos_token: Option<String>,
    /// Whether a text that is no chat should begin with `bos_token`.
    pub adds_bos: bool,
    /// Names of the files that were written.
    pub files: Vec<&'static str>,
}

/// Why a file cannot become a package.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file cannot be opened or mapped.
    #[error("opening {path}")]
    Open {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file is not sound GGUF.
    #[error("reading {path}")]
    Gguf {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: GgufError,
    },
    /// The file is not sound safetensors.
    #[error("reading {path}")]
    Safetensors {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: SafetensorsError,
    },
    /// A `config.json` that does not describe a model.
    #[error("config.json: {0}")]
    Config(String),
    /// A package file cannot be written.
    #[error("writing {path}")]
    Write {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A metadata key that must be there.
    #[error("metadata key {key} is missing or is not {wanted}")]
    Metadata {
        /// Which key.
        key: String,
        /// What it must be.
        wanted: &'static str,
    },
    /// A metadata value that this importer does not honour.
    #[error("{key} is {value}; supported is {supported}")]
    Unsupported {
        /// Which key.
        key: String,
        /// What the file says.
        value: String,
        /// What can be imported.
        supported: &'static str,
    },
    /// A tensor that the architecture needs.
    #[error("tensor {0} is missing")]
    MissingTensor(String),
    /// A tensor that the architecture as implemented here does not use.
    #[error("tensor {tensor} is not part of the {architecture} architecture as supported here")]
    UnexpectedTensor {
        /// Which tensor.
        tensor: String,
        /// Of what the file says it is.
        architecture: &'static str,
    },
    /// A tensor whose shape contradicts the metadata.
    #[error("tensor {tensor} has shape {found:?}; the metadata asks for {wanted:?}")]
    Shape {
        /// Which tensor.
        tensor: String,
        /// What the file has, neighbours first.
        found: Vec<u64>,
        /// What it should have.
        wanted: Vec<u64>,
    },
    /// A tensor stored in a way that has no ONNX form here.
    #[error("tensor {tensor} is stored as {kind}; supported are {supported}")]
    TensorType {
        /// Which tensor.
        tensor: String,
        /// Its type.
        kind: String,
        /// What can be imported.
        supported: &'static str,
    },
    /// A scale or weight that is not a number.
    #[error("tensor {tensor} holds a value that is infinite or not a number")]
    NotFinite {
        /// Which tensor.
        tensor: String,
    },
    /// The tokeniser in the metadata contradicts itself.
    #[error("the tokenizer cannot be taken over: {0}")]
    Tokenizer(String),
}

/// Writes the files of a package into the folder `out`, which is made where it is missing.
///
/// Blocks, for seconds. `progress` hears of bytes of weights done, and of all there are. On error
/// the folder may hold some of the files.
pub fn import(
    gguf: &Path,
    out: &Path,
    progress: &dyn Fn(u64, u64),
) -> Result<Imported, ImportError> {
    let open = |source| ImportError::Open { path: gguf.to_owned(), source };
    let file = File::open(gguf).map_err(open)?;
    // SAFETY: the mapping is read only and lives no longer than this call. A file that another
    // process changes meanwhile can give wrong weights or end this process, as documented for
    // `import`'s callers, who hand in files of their own; it is never written through the mapping.
    let map = unsafe { Mmap::map(&file) }.map_err(open)?;
    let gguf =
        Gguf::parse(&map).map_err(|source| ImportError::Gguf { path: gguf.to_owned(), source })?;
    import_parsed(&gguf, out, progress)
}

fn import_parsed(
    gguf: &Gguf<'_>,
    out: &Path,
    progress: &dyn Fn(u64, u64),
) -> Result<Imported, ImportError> {
    // Everything that can be refused cheaply is refused before the weights are written.
    let architecture = Architecture::read(gguf)?;
    let vocabulary = Vocabulary::read(gguf, architecture.vocabulary)?;
    let special = SpecialTokens::read(gguf, &vocabulary)?;
    tensors::check(gguf, &architecture)?;

    std::fs::create_dir_all(out).map_err(|source| write_error(out, source))?;
    let mut files = vec![MODEL_FILE, DATA_FILE, TOKENIZER_FILE, GENERATION_CONFIG_FILE];
    let mut weights = Weights::new(gguf, DataFile::create(&out.join(DATA_FILE))?, progress);
    let model = decoder::build(&architecture, &mut weights)?;
    weights.finish()?;
    write(&out.join(MODEL_FILE), &model.encode_to_vec())?;
    write(&out.join(TOKENIZER_FILE), tokenizer::to_json(&vocabulary, &special).as_bytes())?;
    write(&out.join(GENERATION_CONFIG_FILE), special.generation_config(gguf).as_bytes())?;
    if let Some(template) = text(gguf, "tokenizer.chat_template") {
        write(&out.join(CHAT_TEMPLATE_FILE), template.as_bytes())?;
        files.push(CHAT_TEMPLATE_FILE);
    }

    Ok(Imported {
        architecture: architecture.family.name().to_owned(),
        name: text(gguf, "general.name"),
        licence: text(gguf, "general.license"),
        organisation: text(gguf, "general.organization").or_else(|| text(gguf, "general.author")),
        source_url: text(gguf, "general.source.url").or_else(|| text(gguf, "general.url")),
        languages: texts(gguf, "general.languages"),
        context_tokens: architecture.context_tokens,
        vocabulary: architecture.vocabulary,
        layers: architecture.layers,
        parameters: gguf.tensors().iter().map(|tensor| tensor.elements()).sum(),
        quantisation: quantisation(gguf),
        end_tokens: special.end_tokens.clone(),
        bos_token: special.bos_text(&vocabulary),
        eos_token: special.eos_text(&vocabulary),
        adds_bos: special.adds_bos,
        files,
    })
}

fn quantisation(gguf: &Gguf<'_>) -> Vec<(String, usize)> {
    let mut counts = BTreeMap::new();
    for tensor in gguf.tensors() {
        *counts.entry(tensor.kind.name()).or_default() += 1;
    }
    counts.into_iter().collect()
}

fn text(gguf: &Gguf<'_>, key: &str) -> Option<String> {
    gguf.value(key).and_then(Value::as_str).map(str::to_owned)
}

fn texts(gguf: &Gguf<'_>, key: &str) -> Vec<String> {
    let strings = gguf.value(key).and_then(Value::as_array).and_then(|array| array.strings());
    strings.into_iter().flatten().map(str::to_owned).collect()
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), ImportError> {
    let written = File::create(path).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    written.map_err(|source| write_error(path, source))
}

fn write_error(path: &Path, source: std::io::Error) -> ImportError {
    ImportError::Write { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests;
