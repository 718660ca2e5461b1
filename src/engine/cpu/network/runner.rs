//! One plan at work.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use tract_onnx::prelude::*;
use tract_onnx::tract_hir::tract_core;

use super::memory::{self, Peak};
use super::meter::{Meter, Short, with_scratch};
use crate::engine::budget::Account;
use crate::engine::cpu::ops::Step;
use crate::engine::network::InferError;

/// Shapes whose peaks are remembered.
const REMEMBERED: usize = 32;
/// How long a run waits for others to end, and for models that nobody uses to leave.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often a run may turn out larger than was held for it.
const TRIES: usize = 8;

/// A plan with its state.
pub(super) struct Runner {
    plan: Arc<TypedSimplePlan>,
    state: TypedSimpleState,
    peaks: Vec<(Vec<Vec<usize>>, Peak)>,
    /// The step after which each node's outputs are no longer needed.
    last_uses: Vec<usize>,
}

impl Runner {
    pub(super) fn new(plan: Arc<TypedSimplePlan>, step: Step) -> TractResult<Self> {
        let mut state = plan.spawn()?;
        state.turn_state.shared.insert(step);
        let last_uses = memory::last_uses(&plan)?;
        Ok(Self { plan, state, peaks: Vec::new(), last_uses })
    }

    /// Runs within what `account` can have for the time. Where the run itself finds that it needs
    /// more, it begins again with more.
    pub(super) fn run(
        &mut self,
        inputs: TVec<TValue>,
        account: &mut Account,
    ) -> Result<TVec<TValue>, InferError> {
        let peak = self.peak(&inputs).map_err(refused)?;
        let mut bytes = with_scratch(peak.bytes);
        if !peak.open {
            hold(account, bytes)?;
            let run = catch_unwind(AssertUnwindSafe(|| self.state.run(inputs)));
            account.give_pages(bytes);
            return match self.settle(run)? {
                Ok(outputs) => Ok(outputs),
                Err(short) => Err(InferError::Internal(short.to_string())),
            };
        }
        for _ in 0..TRIES {
            hold(account, bytes)?;
            let last_uses = std::mem::take(&mut self.last_uses);
            let mut meter = Meter::new(account, bytes, &last_uses);
            let run = catch_unwind(AssertUnwindSafe(|| self.metered(inputs.clone(), &mut meter)));
            let alive = meter.end();
            self.last_uses = last_uses;
            match self.settle(run)? {
                Ok(outputs) => {
                    self.remember(&inputs, alive);
                    return Ok(outputs);
                }
                // Behind that node there may be larger ones.
                Err(short) => {
                    let most = account.most_for_run();
                    bytes = short.bytes.max(most.min(short.bytes.saturating_add(short.bytes / 2)));
                }
            }
        }
        Err(InferError::Memory { bytes, free_bytes: account.free() })
    }

    /// What became of a run; leaves the plan ready for the next one.
    fn settle(
        &mut self,
        run: std::thread::Result<TractResult<TVec<TValue>>>,
    ) -> Result<Result<TVec<TValue>, Short>, InferError> {
        match run {
            Ok(Ok(outputs)) => Ok(Ok(outputs)),
            Ok(Err(error)) => {
                // A turn that failed leaves its sizes behind, and the next has others.
                self.state.reset_turn().map_err(internal)?;
                match error.downcast::<Short>() {
                    Ok(short) => Ok(Err(short)),
                    Err(error) => Err(refused(error)),
                }
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

    /// The next run with these shapes begins with what this one needed.
    fn remember(&mut self, inputs: &TVec<TValue>, alive: u64) {
        let same = |known: &Vec<Vec<usize>>| {
            known.iter().map(Vec::as_slice).eq(inputs.iter().map(|input| input.shape()))
        };
        let found = self.peaks.iter_mut().find(|(known, _)| same(known));
        found.into_iter().for_each(|(_, peak)| peak.bytes = peak.bytes.max(alive));
    }

    fn metered(
        &mut self,
        inputs: TVec<TValue>,
        meter: &mut Meter<'_>,
    ) -> TractResult<TVec<TValue>> {
        self.state.run_plan_with_eval(inputs, |ctx, state, node, inputs| -> TractResult<_> {
            let made = memory::made(node, ctx.symbols)
                .unwrap_or_else(|| memory::about_to_make(node, &inputs));
            meter.before(node, made)?;
            let outputs = tract_core::plan::eval(ctx, state, node, inputs)?;
            meter.after(node, &outputs)?;
            Ok(outputs)
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

/// Takes what a run needs, waiting for it where others have it.
fn hold(account: &mut Account, bytes: u64) -> Result<(), InferError> {
    if account.hold_run(bytes, PATIENCE) {
        return Ok(());
    }
    let most_bytes = account.most_for_run();
    Err(match bytes > most_bytes {
        true => InferError::TooLarge { bytes, most_bytes },
        false => InferError::Memory { bytes, free_bytes: account.free() },
    })
}

pub(super) fn refused(error: TractError) -> InferError {
    InferError::Refused { why: format!("{error:#}") }
}

pub(super) fn internal(error: TractError) -> InferError {
    InferError::Internal(format!("{error:#}"))
}
