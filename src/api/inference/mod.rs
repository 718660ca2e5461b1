//! The Open Inference Protocol, version 2, over REST, as KServe and Triton speak it: arrays in,
//! arrays out.
//!
//! `parameters.rs` has the table of what may be asked besides; what is not in it is refused by
//! name. [`InferRequest`](request::InferRequest) is what is asked, whatever wire it came by;
//! `written.rs` and `body.rs` are HTTP's. Extensions of Triton's that are honoured: binary tensor
//! data, classification and statistics. What needs a word:
//!
//! | of the wire | here |
//! |---|---|
//! | `data` | one flat list in row-major order, or lists nested as the shape says, nothing between |
//! | integers | whole and in range; `2.0` is 2, beyond 2⁵³ they must be written without a point |
//! | floats | finite and in range; in JSON NaN and the infinities have no words, out or in |
//! | FP16 | numbers in JSON |
//! | BF16 | only as binary data |
//! | BYTES | texts in JSON; bytes led by their length, four bytes, as binary data |
//! | versions | a package has one; another is answered 404 |
//! | `Content-Encoding` | gzip or deflate, up to the same limit when inflated |
//! | `Content-Type` | JSON or bytes; where it is missing, taken for either |
//!
//! Errors are `{"error": "…"}`, as is everything else below `/v2`.

mod answer;
mod asked;
mod body;
mod classification;
mod infer;
mod memory;
mod metadata;
mod parameters;
mod request;
mod statistics;
mod target;
mod tensor;
mod written;

pub(super) use answer::Written;
pub(super) use infer::infer;
pub(super) use memory::TensorMemory;
pub(super) use metadata::{
    ModelMetadata, ModelReady, ServerLive, ServerMetadata, ServerReady, live, model, model_ready,
    ready, server,
};
pub(super) use statistics::{
    ModelStatistics, of_all as all_statistics, of_model as model_statistics,
};
pub(super) use written::InferenceRequest;
