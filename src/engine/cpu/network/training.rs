//! What is only done in training is refused where the graph itself says so.

use tract_onnx::prelude::*;
use tract_onnx::tract_hir::internal::*;

/// Refuses a Dropout that drops: its second input is the share, a half without it, its third whether
/// the graph is in training.
pub(super) fn check(model: &TypedModel) -> TractResult<()> {
    for node in model.nodes().iter().filter(|node| node.op().name() == "Dropout") {
        let facts = model.node_input_facts(node.id)?;
        let known = facts.iter().skip(1).filter_map(|fact| fact.konst.as_ref());
        let (modes, shares): (Vec<_>, Vec<_>) =
            known.partition(|value| value.datum_type() == bool::datum_type());
        let trains = modes.iter().any(|mode| mode.cast_to_scalar::<bool>().unwrap_or(false));
        let keeps =
            shares.iter().any(|share| share.cast_to_scalar::<f32>().is_ok_and(|s| s == 0.0));
        // A share that is an input is judged when it comes.
        let judged = shares.len() + modes.len() + 1 == facts.len();
        ensure!(
            !(trains && judged && !keeps),
            "node \"{}\" (Dropout) drops at random, as in training",
            node.name
        );
    }
    Ok(())
}
