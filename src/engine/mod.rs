//! Runs models: language models with token ids in, text and log-probabilities out ([`Model`]); any
//! other graph with arrays in, arrays out ([`Network`]).
//!
//! [`Model::load`] reads a quantised ONNX decoder through tract, with operators of our own for
//! quantised matrix products and attention, and starts the one thread that owns the model and its
//! KV memory. [`Model::generate`] hands it a request; the answer comes back as a stream of
//! [`Chunk`]s. Requests share every step: each step is one run of one plan whose rows are tokens
//! of any sequences.
//!
//! **Invariants**
//! - A sequence's logits, and with a seed its text, do not depend on what else is in the batch,
//!   on how its prompt was cut into chunks or on the kernels chosen at run time.
//! - Nothing is queued without a bound: a full queue refuses with the time to come back.
//! - A dropped [`Generation`] stops its sequence before the next step.
//! - Weights and KV pages of all models together stay within one [`Budget`].
//! - A shared beginning of two prompts is computed once, and never shared across [`Scope`]s.
//! - A chunk's text is whole characters.
//!
//! **Not here**: HTTP, prompts and chat templates, where a model's files come from.

// A room's paths are the same wherever they are written.
extern crate self as engine;

mod activation;
mod backend;
mod budget;
mod constraint;
mod cpu;
mod ending;
mod heap;
mod kv;
mod limits;
mod model;
mod network;
mod probe;
mod sampler;
mod scheduler;
mod text;
mod tokenizer;

pub use activation::Activation;
pub use backend::{Accelerator, Backend, Graphics, accelerators, device_bandwidth};
pub use budget::{Budget, Holding};
pub use constraint::{Constraint, ConstraintError, Form};
pub use heap::{give_back_freed_memory, keep_few_arenas};
pub use kv::KvType;
pub use limits::Limits;
pub use model::{Generation, Model};
pub use network::{
    Array, ArrayError, BatchStatistics, Dim, ElementType, InferError, Inference, Network,
    NetworkObserver, NetworkReport, NetworkSource, Port, Statistics, Total,
};
pub use probe::Probe;
pub use tokenizer::{Placed, Tokenizer};

use std::borrow::Cow;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A token of a model's vocabulary.
pub type TokenId = u32;

/// The files and facts of a decoder that is ready to load.
#[derive(Debug, Clone)]
pub struct ModelSource {
    /// Name by which logs and metrics call the model.
    pub name: String,
    /// The ONNX graph; external data is looked up beside it.
    pub onnx: PathBuf,
    /// Hugging Face `tokenizer.json`.
    pub tokenizer: PathBuf,
    /// Tokens that end an answer.
    pub end_tokens: Vec<TokenId>,
    /// Positions the model was made for; prompt and answer together stay below it.
    pub context_tokens: usize,
    /// Where the model may be kept as the kernels read it, so that the next start only maps it.
    pub derived: Option<Derived>,
}

/// A file that the engine makes of a model's files and may make again at any time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Derived {
    /// The file.
    pub path: PathBuf,
    /// Tells what it is made of: with other files the key is another.
    pub key: String,
}

/// Limits of one loaded model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Bytes for the weights and KV pages of all models of the process; half of what the machine
    /// has where it is `None`.
    pub memory_budget_bytes: Option<u64>,
    /// Bytes that KV pages of this model may have of it; `None` is as much as others leave.
    pub kv_budget_bytes: Option<u64>,
    /// How keys and values are stored.
    pub kv_type: KvType,
    /// Sequences that share a step; others wait in the queue.
    pub max_sequences: usize,
    /// Requests that may wait before new ones are refused.
    pub max_queue: usize,
    /// Prompt tokens that may join one step at most. Beside running answers fewer do, so that these
    /// are not held up.
    pub prefill_chunk_tokens: usize,
    /// Threads for the kernels; 0 takes every core the process may use.
    pub threads: usize,
    /// How finely activations are kept.
    pub activation: Activation,
    /// Rows of requests to a network that run together at most; 1 joins none.
    pub max_batch_rows: usize,
    /// How long requests to a network that come together wait for more of them.
    pub batch_window: Duration,
    /// What runs decoders and encoders.
    pub backend: Backend,
    /// What a graphics processor may have, and which one may serve.
    pub graphics: Graphics,
}

impl Config {
    /// Threads for the kernels.
    fn threads(&self) -> usize {
        match self.threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            threads => threads,
        }
    }

    /// The memory that models loaded with this share.
    pub fn budget(&self) -> Budget {
        self.memory_budget_bytes.map_or_else(Budget::of_this_machine, Budget::new)
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            memory_budget_bytes: None,
            kv_budget_bytes: None,
            kv_type: KvType::default(),
            max_sequences: 16,
            max_queue: 64,
            prefill_chunk_tokens: 512,
            threads: 0,
            activation: Activation::default(),
            max_batch_rows: 32,
            batch_window: Duration::from_millis(2),
            // Whoever wants a device says so: what it computes is not the same to the last bit.
            backend: Backend::Cpu,
            graphics: Graphics::default(),
        }
    }
}

/// How the next token is chosen. [`Sampling::default`] is greedy.
#[derive(Debug, Clone, PartialEq)]
pub struct Sampling {
    /// 0 is greedy; otherwise logits are divided by it.
    pub temperature: f32,
    /// Keep the k most probable tokens; `None` and 0 keep all.
    pub top_k: Option<u32>,
    /// Keep the smallest set whose probability reaches this, in (0, 1].
    pub top_p: f32,
    /// Keep tokens at least this share as probable as the best, in [0, 1).
    pub min_p: f32,
    /// Divide (or multiply, below zero) logits of tokens seen in prompt or answer; 1 is off.
    pub repetition_penalty: f32,
    /// Subtracted once from tokens of the answer so far; 0 is off.
    pub presence_penalty: f32,
    /// Subtracted per occurrence in the answer so far; 0 is off.
    pub frequency_penalty: f32,
    /// Added to logits before anything else, by token.
    pub logit_bias: Vec<(TokenId, f32)>,
    /// Same seed, same request: same text.
    pub seed: u64,
}

impl Default for Sampling {
    fn default() -> Self {
        Self {
            temperature: 0.0,
            top_k: None,
            top_p: 1.0,
            min_p: 0.0,
            repetition_penalty: 1.0,
            presence_penalty: 0.0,
            frequency_penalty: 0.0,
            logit_bias: Vec::new(),
            seed: 0,
        }
    }
}

/// Who may share what was computed of a prompt. Requests of two scopes never do, so that none can
/// tell by its waiting what another asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Scope {
    /// All requests that name no other.
    #[default]
    Public,
    /// Requests with the same name, such as the digest of whom they are for.
    Named(u128),
    /// This request by itself; nothing of it is kept.
    Alone,
}

/// One sequence to generate.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// At least one token.
    pub prompt: Vec<TokenId>,
    /// How tokens are chosen.
    pub sampling: Sampling,
    /// Tokens to generate at most; at least 1.
    pub max_tokens: usize,
    /// Texts that end the answer and are not part of it.
    pub stop: Vec<String>,
    /// Report each token's log-probability, and this many alternatives.
    pub logprobs: Option<u8>,
    /// The answer is complete by then, or it fails.
    pub deadline: Option<std::time::Instant>,
    /// With whom the beginning of the prompt is shared.
    pub scope: Scope,
    /// The form that the answer must have; [`Model::constrain`] makes one.
    pub constraint: Option<Constraint>,
}

/// A token with its log-probability under the model (before temperature and filters).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TokenLogprob {
    /// The token.
    pub token: TokenId,
    /// Its bytes; not always whole characters.
    pub bytes: Vec<u8>,
    /// Natural logarithm of its probability.
    pub logprob: f32,
}

/// A generated token with what was asked to be reported of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TokenReport {
    /// The token that was chosen.
    pub chosen: TokenLogprob,
    /// The most probable tokens, best first.
    pub top: Vec<TokenLogprob>,
}

/// Why an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum FinishReason {
    /// An end token or a stop text.
    Stop,
    /// `max_tokens` or the context is used up.
    Length,
}

/// What an answer took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens of the prompt.
    pub prompt_tokens: usize,
    /// Tokens generated, an end token included.
    pub completion_tokens: usize,
    /// Tokens of the prompt that were computed before, for another request.
    pub cached_tokens: usize,
}

/// The next part of an answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Chunk {
    /// New text; may be empty while a character or a possible stop text is incomplete.
    pub text: String,
    /// The tokens reported with this chunk, where the request asked for log-probabilities.
    pub tokens: Vec<TokenReport>,
    /// Set on the last chunk.
    pub finish: Option<(FinishReason, Usage)>,
}

/// A node that this engine cannot run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NodeFault {
    /// Name of the node in the graph.
    pub node: String,
    /// Its operator.
    pub operator: String,
    /// What is not supported.
    pub why: String,
}

/// Why a model could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A file of the model cannot be read.
    #[error("reading {path}")]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file is not an ONNX model, or is cut short.
    #[error("{path} is not a readable ONNX model: {why}")]
    NotOnnx {
        /// Which file.
        path: PathBuf,
        /// What the decoder said.
        why: String,
    },
    /// A node that this engine cannot run.
    #[error("node {node} ({operator}) cannot run here: {why}")]
    Node {
        /// Name of the node in the graph.
        node: String,
        /// Its operator.
        operator: String,
        /// What is not supported.
        why: String,
    },
    /// The graph is sound but is not a decoder we can run.
    #[error("not a decoder this engine runs: {why}")]
    Graph {
        /// What is missing or in the way.
        why: String,
    },
    /// The graph as a whole cannot run, whatever it is for.
    #[error("this graph cannot run here: {why}")]
    Unsound {
        /// What is wrong, and where.
        why: String,
    },
    /// The tokeniser cannot be used.
    #[error("tokenizer {path}: {why}")]
    Tokenizer {
        /// Which file.
        path: PathBuf,
        /// What the library said.
        why: String,
    },
    /// The smallest useful KV memory is larger than what it may have.
    #[error("KV memory of {budget_bytes} bytes holds less than one page of {page_bytes} bytes")]
    Budget {
        /// What the model's cap and the other models leave.
        budget_bytes: u64,
        /// One page.
        page_bytes: u64,
    },
    /// A graphics processor is demanded, and none can run it.
    #[error("it is to run on a graphics processor: {why}")]
    Device {
        /// Why not.
        why: String,
    },
    /// The weights do not fit beside what other models have.
    #[error(
        "its weights take {weight_bytes} bytes, and {free_bytes} are free of a memory budget of \
         {budget_bytes}"
    )]
    Memory {
        /// Packed weights.
        weight_bytes: u64,
        /// What was free when it was asked for.
        free_bytes: u64,
        /// The budget of all models.
        budget_bytes: u64,
    },
}

/// Why a request was not served.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// Too many requests wait.
    #[error("{queued} requests are waiting already")]
    QueueFull {
        /// Requests in the queue.
        queued: usize,
        /// When a place is expected to be free.
        retry_after: Duration,
    },
    /// The prompt leaves no room for an answer.
    #[error("the prompt has {prompt_tokens} tokens; this model takes at most {limit_tokens}")]
    PromptTooLong {
        /// Tokens of the prompt.
        prompt_tokens: usize,
        /// The most that leaves room for one token of answer.
        limit_tokens: usize,
    },
    /// A token that the vocabulary does not have.
    #[error("token {token} is outside the vocabulary of {vocabulary}")]
    UnknownToken {
        /// The token asked for.
        token: TokenId,
        /// Size of the vocabulary.
        vocabulary: usize,
    },
    /// The prompt has no token.
    #[error("the prompt is empty")]
    EmptyPrompt,
    /// The deadline passed.
    #[error("the time allowed for this request is over")]
    Deadline,
    /// The answer cannot be kept to the form that was asked for.
    #[error("the form of the answer is too complex: {0}")]
    Constraint(String),
    /// The model is being unloaded or the server stops.
    #[error("the model is shutting down")]
    ShuttingDown,
    /// A fault of ours; the request failed, the model goes on.
    #[error("the engine failed on this request: {0}")]
    Internal(String),
}

/// What the engine tells of itself while it works.
pub trait Observer: Send + Sync {
    /// A request's first token was generated, this long after the request.
    fn first_token(&self, after: Duration);
    /// Another token was generated, this long after the sequence's last.
    fn token_gap(&self, gap: Duration);
    /// Prompt tokens computed.
    fn prompt_tokens(&self, tokens: u64);
    /// An answer is complete.
    fn completed(&self, total: Duration);
    /// An answer's reader went away before its end.
    fn cancelled(&self);
    /// A request failed inside the engine, or its time was over.
    fn failed(&self);
    /// A sequence gave its pages to an older one and will be computed again.
    fn set_aside(&self) {}
    /// Requests that wait and sequences that run, after a change.
    fn queue(&self, waiting: usize, running: usize);
    /// KV memory in use, after a change.
    fn kv_bytes(&self, used: u64, budget: u64);
}

/// What a model needs and which kernels would run it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Kernels chosen for this processor, or for the graphics processor that runs it.
    pub kernel: Cow<'static, str>,
    /// The graphics processor that runs it; `None` where the processor does.
    pub device: Option<Accelerator>,
    /// Bytes of packed weights in memory.
    pub weight_bytes: u64,
    /// Bytes of weights that a step reads, however many tokens it has: those of products whole,
    /// none of an embedding table.
    pub read_bytes_per_token: u64,
    /// Products of a prompt's token with weights; what only tokens with logits need is left out.
    pub multiply_adds_per_token: u64,
    /// KV memory per token of context.
    pub kv_bytes_per_token: u64,
    /// Attention layers.
    pub layers: usize,
    /// Positions the model was made for.
    pub context_tokens: usize,
    /// Tokens it knows.
    pub vocabulary: usize,
    /// Nodes of the plan; on a device the kernels of a token.
    pub nodes: usize,
    /// How often each operator occurs in the plan.
    pub operators: Vec<(String, usize)>,
}
