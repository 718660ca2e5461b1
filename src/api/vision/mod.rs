//! Pictures in, answers out: `POST /store/v1/vision/{classify|segment|ocr}`.
//!
//! The body is a picture's file; what is done with it stands in the card of the package that is
//! asked (`skills::heads`). Where only one package here has such a head, it need not be named.
//!
//! A picture's pixels are held from its decoding to its answer, and those of all requests together
//! have a limit (`limits.max_picture_pixels`). Whatever takes long runs on blocking threads.

pub(super) mod classify;
pub(super) mod ocr;
mod run;
pub(super) mod segment;
mod upload;

use std::time::{Duration, Instant};

use schemars::JsonSchema;
use serde::Serialize;

/// Size of a picture as it stands upright.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
pub(super) struct PictureSize {
    /// Pixels of a row.
    width: usize,
    /// Rows.
    height: usize,
}

/// What an answer took, in milliseconds.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
pub(super) struct Timing {
    /// Reading the file, the wait for room included.
    decode_ms: f64,
    /// Everything after that: input, model, answer.
    model_ms: f64,
}

impl Timing {
    fn since(decoding: Instant, decoded: Instant) -> Self {
        let ms = |time: Duration| (time.as_secs_f64() * 10_000.0).round() / 10.0;
        Self { decode_ms: ms(decoded - decoding), model_ms: ms(decoded.elapsed()) }
    }
}
