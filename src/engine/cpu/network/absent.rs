//! Devices, in a program that was built without them.

use tract_onnx::prelude::*;

use super::Unfit;
use crate::engine::cpu::weights::Weights;

/// There is none.
pub(super) enum Cut {}

impl Cut {
    pub(super) fn of(_: &TypedModel, _: &Weights) -> Result<Self, Unfit> {
        Err(Unfit::no_encoder())
    }
}
