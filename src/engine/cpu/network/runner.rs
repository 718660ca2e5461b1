//! One plan at work.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tract_onnx::prelude::*;
use tract_onnx::tract_hir::internal::*;
use tract_onnx::tract_hir::tract_core;

use super::memory::{self, Peak};
use crate::engine::budget::Account;
use crate::engine::cpu::ops::Step;
use crate::engine::network::InferError;

/// Shapes whose peaks are remembered.
const REMEMBERED: usize = 32;
/// What kernels lay aside while they run, in parts of what is alive.
const SCRATCH_PART: u64 = 4;

/// A plan with its state.
pub(super) struct Runner {
    plan: Arc<TypedSimplePlan>,
    state: TypedSimpleState,
    peaks: Vec<(Vec<Vec<usize>>, Peak)>,
}

impl Runner {
    pub(super) fn new(plan: Arc<TypedSimplePlan>, step: Step) -> TractResult<Self> {
        let mut state = plan.spawn()?;
        state.turn_state.shared.insert(step);
        Ok(Self { plan, state, peaks: Vec::new() })
    }

    /// Runs within what `account` can have for the time.
    pub(super) fn run(
        &mut self,
        inputs: TVec<TValue>,
        account: &mut Account,
    ) -> Result<TVec<TValue>, InferError> {
        let peak = self.peak(&inputs).map_err(refused)?;
        let bytes = peak.bytes.saturating_add(peak.bytes / SCRATCH_PART);
        if !account.take_pages(bytes, bytes) {
            account.wants_no_more();
            return Err(InferError::Memory { bytes, free_bytes: account.free() });
        }
        let limit = if peak.open { account.free() } else { u64::MAX };
        let run = catch_unwind(AssertUnwindSafe(|| self.evaluate(inputs, limit)));
        account.give_pages(bytes);
        match run {
            Ok(Ok(outputs)) => Ok(outputs),
            Ok(Err(error)) => {
                // A turn that failed leaves its sizes behind, and the next has others.
                self.state.reset_turn().map_err(internal)?;
                Err(refused(error))
            }
            Err(_) => {
                self.recover().map_err(internal)?;
                Err(InferError::Internal("an operator panicked".to_owned()))
            }
        }
    }

    fn peak(&mut self, inputs: &TVec<TValue>) -> TractResult<Peak> {
        let shapes: Vec<Vec<usize>> = inputs.iter().map(|input| input.shape().to_vec()).collect();
        if let Some((_, peak)) = self.peaks.iter().find(|(known, _)| *known == shapes) {
            return Ok(*peak);
        }
        let symbols = memory::symbols(self.plan.model(), inputs)?;
        let peak = memory::peak(&self.plan, &symbols)?;
        if self.peaks.len() == REMEMBERED {
            self.peaks.remove(0);
        }
        self.peaks.push((shapes, peak));
        Ok(peak)
    }

    /// No node may make more than `limit` bytes at once.
    fn evaluate(&mut self, inputs: TVec<TValue>, limit: u64) -> TractResult<TVec<TValue>> {
        if limit == u64::MAX {
            return self.state.run(inputs);
        }
        self.state.run_plan_with_eval(inputs, |ctx, state, node, inputs| -> TractResult<_> {
            let made = memory::made(node, ctx.symbols)
                .unwrap_or_else(|| memory::about_to_make(node, &inputs));
            ensure!(
                made <= limit,
                "node \"{}\" would make {made} bytes; {limit} are free of the memory budget",
                node.name
            );
            tract_core::plan::eval(ctx, state, node, inputs)
        })
    }

    /// Makes the plan usable after a panic inside it.
    fn recover(&mut self) -> TractResult<()> {
        let mut state = self.plan.spawn()?;
        if let Some(step) = self.state.turn_state.shared.remove::<Step>() {
            let Step { kernel, activation, pool, weights, .. } = step;
            state.turn_state.shared.insert(Step::new(kernel, activation, pool, weights));
        }
        self.state = state;
        Ok(())
    }
}

pub(super) fn refused(error: TractError) -> InferError {
    InferError::Refused { why: format!("{error:#}") }
}

pub(super) fn internal(error: TractError) -> InferError {
    InferError::Internal(format!("{error:#}"))
}
