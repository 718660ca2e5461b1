//! A network on the processor, with its texts computed on a graphics processor as long as that does.
//!
//! The processor can run all of it at any time. So what a device does not answer, the processor does,
//! and nobody can tell but by the wait.

use std::time::Instant;

use super::super::budget::Budget;
use super::super::cpu::{NetworkPlan, NetworkState, PATIENCE, STACK_BYTES, Side, Took, Unfit};
use super::super::network::{Array, InferError, NetworkReport};
use super::super::{Config, Derived, LoadError};
use super::Backend;
use super::attempts::Attempts;
use super::graphics::Placed;
use super::texts::TextTimes;
use super::trial::{self, Findings};

/// A network on whatever runs it.
pub(in crate::engine) struct Network {
    state: NetworkState,
    placed: Option<Placed>,
    attempts: Attempts,
    derived: Option<Derived>,
    config: Config,
    budget: Budget,
}

impl Network {
    /// Gives a plan memory, within `budget`, on what the configuration says. Where a graphics processor
    /// is demanded, an encoder that none can run is refused; what is no encoder is the processor's.
    pub(in crate::engine) fn new(
        plan: NetworkPlan,
        derived: Option<&Derived>,
        config: &Config,
        budget: &Budget,
    ) -> Result<Self, LoadError> {
        let mut account = budget.open();
        let weight_bytes = plan.report().weight_bytes;
        if !account.hold_weights(weight_bytes, PATIENCE) {
            let (free_bytes, budget_bytes) = (budget.free_bytes(), budget.total_bytes());
            return Err(LoadError::Memory { weight_bytes, free_bytes, budget_bytes });
        }
        let unfit = plan.unfit().cloned();
        let mut network = Self {
            state: plan.start(config, account)?,
            placed: None,
            attempts: Attempts::default(),
            derived: derived.cloned(),
            config: config.clone(),
            budget: budget.clone(),
        };
        match (config.backend, unfit) {
            (Backend::Cpu, _) => {}
            (Backend::Gpu, Some(Unfit::Texts(why))) => return Err(LoadError::Device { why }),
            (Backend::Auto | Backend::Gpu, Some(unfit)) => {
                let why = unfit.to_string();
                tracing::info!(why, "the processor runs the model");
            }
            (Backend::Gpu, None) => network.place().map_err(|why| LoadError::Device { why })?,
            (Backend::Auto, None) => network.place_where_faster(),
        }
        Ok(network)
    }

    fn place(&mut self) -> Result<(), String> {
        let (derived, config) = (self.derived.as_ref(), &self.config);
        self.placed = Some(Placed::new(&mut self.state, derived, config, &self.budget)?);
        Ok(())
    }

    fn displace(&mut self) {
        if let Some(placed) = self.placed.take() {
            placed.end(&mut self.state);
        }
    }

    /// Stays on a device that is worth it. Where it is not, its share of the budget is free again.
    fn place_where_faster(&mut self) {
        if let Err(why) = self.place() {
            tracing::info!(why, "the processor runs the model");
            return;
        }
        if !self.is_worth_it() {
            self.displace();
        }
    }

    fn is_worth_it(&mut self) -> bool {
        let Some(placed) = self.placed.as_ref() else { return false };
        if placed.was_tried() {
            return true;
        }
        let of = trial::of(self.derived.as_ref(), placed.identity());
        let tuning = placed.tuning();
        let tried = self.try_both();
        let tried =
            tried.map(|[device, processor]| Findings::new(of, tuning, Some(processor), device));
        trial::is_worth_it(tried, self.derived.as_ref())
    }

    /// Times on the device and on the processor.
    fn try_both(&mut self) -> Result<[TextTimes; 2], InferError> {
        let state = &mut self.state;
        let failed = |why: &str| Err(InferError::Internal(why.to_owned()));
        // Whoever runs a plan needs room for it to walk expressions of lengths.
        std::thread::scope(|scope| {
            let thread = std::thread::Builder::new().stack_size(STACK_BYTES);
            let tried = thread.spawn_scoped(scope, || {
                let device = TextTimes::of(state, Side::Device)?;
                Ok([device, TextTimes::of(state, Side::Processor)?])
            });
            match tried.map(|tried| tried.join()) {
                Ok(Ok(times)) => times,
                Ok(Err(_)) => failed("the trial panicked"),
                Err(_) => failed("there is no thread for a trial"),
            }
        })
    }

    /// What it takes to run.
    pub(in crate::engine) fn report(&self) -> NetworkReport {
        let device = self.placed.as_ref().map(|placed| placed.accelerator().clone());
        NetworkReport { device, ..self.state.plan().report().clone() }
    }

    /// Whether rows of several requests may be joined along the first axis.
    pub(in crate::engine) fn joins(&self) -> bool {
        self.state.joins()
    }

    /// Computes the outputs at these places from inputs in the graph's order.
    pub(in crate::engine) fn run(
        &mut self,
        inputs: &[Array],
        outputs: &[usize],
    ) -> Result<(Vec<Array>, Took), InferError> {
        let Some(placed) = &self.placed else {
            return self.state.run(inputs, outputs, Side::Processor);
        };
        match (self.state.run(inputs, outputs, Side::Device), placed.fault()) {
            (Ok(answer), None) => return Ok(answer),
            // Nobody knows what a device computed that failed, even where it answered.
            (_, Some(why)) => {
                tracing::warn!(why, "the graphics processor failed; the processor goes on");
                self.leave();
            }
            // The processor would need as much.
            (Err(error @ (InferError::Memory { .. } | InferError::TooLarge { .. })), None) => {
                return Err(error);
            }
            (Err(error), None) => tracing::debug!(%error, "what a device did not take"),
        }
        self.state.run(inputs, outputs, Side::Processor)
    }

    /// Goes on on the processor.
    fn leave(&mut self) {
        self.displace();
        self.attempts.failed(Instant::now());
    }

    /// When a device that was lost may be tried again; none where it was not, or not any more.
    pub(in crate::engine) fn due(&self) -> Option<Instant> {
        if self.placed.is_some() { None } else { self.attempts.due() }
    }

    /// Tries the device again. Takes as long as bringing weights there does.
    pub(in crate::engine) fn return_to_device(&mut self) {
        match self.place() {
            Ok(()) => tracing::info!("the model is back on the graphics processor"),
            Err(why) => {
                self.attempts.failed(Instant::now());
                tracing::warn!(why, "the graphics processor cannot run the model again");
            }
        }
    }

    /// The graph's inputs, in its order.
    #[cfg(all(test, feature = "gpu"))]
    pub(in crate::engine) fn inputs(&self) -> Vec<super::super::network::Port> {
        self.state.plan().inputs()
    }

    /// Breaks the device, for tests of what follows.
    #[cfg(all(test, feature = "gpu"))]
    pub(in crate::engine) fn device(&self) -> Option<&endcap_gpu::Device> {
        self.placed.as_ref().map(Placed::device)
    }
}
