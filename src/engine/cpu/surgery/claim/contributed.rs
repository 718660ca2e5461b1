//! Operators of ONNX Runtime that optimised exports contain, in terms of others.

use tract_onnx::pb::NodeProto;

use super::super::graph::Graph;
use crate::engine::LoadError;

/// Spells them out.
pub(super) fn spell_out(_graph: &mut Graph) -> Result<(), LoadError> {
    Ok(())
}
