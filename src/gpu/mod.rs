//! Decoders and encoders on whatever graphics processor is there.
//!
//! [`adapters`] lists what the machine has, [`Device::open`] takes the best that may serve. A
//! [`Graph`] says what a decoder computes, in a handful of operations whose rows are tokens;
//! [`Decoder::new`] puts its weights on the device once and makes every kernel and binding that a
//! step needs. [`Decoder::step`] then writes a few numbers, runs one list of kernels, and reads back
//! of each row what it wants: a token, its largest logits with what all of them weigh, or all logits.
//! An [`Encoder`] is made likewise; [`Encoder::run`] brings what its texts begin with and reads back
//! what comes of each token.
//!
//! Kernels are WGSL and get along with what every device has: no 16-bit floats, no subgroups, 16 KiB
//! that a workgroup shares, 256 invocations, 128 MiB of a buffer at once. Of some there are others
//! beside these, for devices with subgroups or fast at prompts; a [`Tuning`] says which are run, and
//! a trial finds the best one for a graph and a device.
//!
//! **Invariants**
//! - A row's results depend on its own sequence alone.
//! - Nothing waits for a device without a limit, and no buffer is outside its device's budget.
//! - A device that failed once says so for ever; nothing that it computed after that is given out.
//!
//! **Not here**: which tokens to compute when, which page belongs to whom, what the packages' formats
//! are, and what to do when the device is gone (the engine).

// A room's paths are the same wherever they are written.
extern crate self as gpu;

mod adapter;
mod bandwidth;
mod decoder;
mod device;
mod encoder;
mod error;
mod graph;
mod kernels;
mod plan;
mod results;
#[cfg(test)]
mod tests;
mod tuning;
mod weights;

pub use adapter::{Adapter, Kind, Software, adapters};
pub use decoder::{Decoder, Row};
pub use device::{Device, Limits};
pub use encoder::{Encoder, HIDDEN, Texts};
pub use error::GpuError;
pub use graph::{
    Attention, Function, Graph, Mask, MaskId, MatrixId, Mutual, Operation, Product, Rotary, ValueId,
};
pub use plan::Capacity;
pub use results::{Found, Need, Top, Wanted};
pub use tuning::Tuning;
pub use weights::{BLOCK, Form, Numbers, Offset, TILE, Tiles, Weights, Width};
