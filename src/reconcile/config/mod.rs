//! The settings that HQ may set, in layers: the file's below, HQ's document above, and on top what
//! somebody in the store laid over it for a while.
//!
//! **Invariants**
//! - An override has an owner, a reason and an end, is shown to HQ, and ends by itself.
//! - What is in force is computed from the layers, and is the same after a restart.
//! - A document that cannot be read as a whole changes nothing; of one that can, what this program
//!   cannot do is named to HQ and hides nothing below.

mod honour;
mod layers;
mod origins;
mod room;
mod task;

pub use honour::{Honour, Unmet};
pub use layers::{Effective, Layers, MAX_LEASE_MS, Override};
pub use origins::{InForce, Layer};
pub use room::{ConfigRoom, Standing};
pub use task::ConfigTask;
