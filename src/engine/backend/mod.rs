//! What runs a decoder or an encoder: the processor, or a graphics processor as long as it does.
//!
//! A decoder is whole on one of them. What is on a device can be gone from one step to the next; then
//! the same plan goes on on the processor, whose weights are mapped all the time, and sequences are
//! computed again from their tokens. The device is tried again later, a few times.

#[cfg(not(feature = "gpu"))]
mod absent;
mod attempts;
#[cfg(feature = "gpu")]
mod graphics;
mod network;
#[cfg(feature = "gpu")]
mod placed;
mod texts;
mod trial;

use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;

#[cfg(not(feature = "gpu"))]
use self::absent as graphics;
use self::attempts::Attempts;
pub(super) use self::network::Network;
use self::trial::{Findings, Times};
use super::budget::Budget;
use super::cpu::{self, Plan, Row};
use super::kv::KvStore;
use super::sampler::Top;
use super::{Config, LoadError, Report, TokenId};

/// What runs decoders and encoders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Backend {
    /// A graphics processor where one can and is faster, else the processor.
    #[default]
    Auto,
    /// The processor.
    Cpu,
    /// A graphics processor; a decoder or an encoder that it cannot run is refused, what is neither is
    /// the processor's.
    Gpu,
}

impl Backend {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Auto, Self::Cpu, Self::Gpu];

    /// As it is written in settings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Cpu => "cpu",
            Self::Gpu => "gpu",
        }
    }
}

impl FromStr for Backend {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let named = Self::ALL.into_iter().find(|backend| backend.name() == text);
        named.ok_or_else(|| format!("`{text}` is not \"auto\", \"cpu\" or \"gpu\""))
    }
}

/// What a graphics processor may have, and which one may serve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Graphics {
    /// Bytes that a model may have on a device with memory of its own; as much as there is where it is
    /// `None`. Of a device that shares the processor's memory the budget of all models counts.
    pub memory_bytes: Option<u64>,
    /// Whether a processor that pretends to be a graphics processor may serve; for tests.
    pub software: bool,
    /// A step takes no longer, or the device counts as hung.
    pub patience: Duration,
}

impl Default for Graphics {
    fn default() -> Self {
        Self { memory_bytes: None, software: false, patience: Duration::from_secs(10) }
    }
}

/// A graphics processor of this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Accelerator {
    /// As its maker calls it.
    pub name: String,
    /// `discrete`, `integrated`, `virtual`, `software` or `other`.
    pub kind: &'static str,
    /// The interface, and the driver with its version.
    pub driver: String,
    /// The most bytes that a kernel sees of one buffer.
    pub binding_bytes: u64,
    /// Bytes that the invocations of a workgroup share.
    pub shared_bytes: u32,
    /// Invocations of a workgroup at most.
    pub invocations: u32,
    /// Invocations that run in step, at least and at most; none where it does not tell.
    pub subgroups: Option<(u32, u32)>,
    /// Whether it has 16-bit floats.
    pub halves: bool,
    /// Why it cannot serve; none where it can.
    pub refused: Option<String>,
}

/// The graphics processors of this machine, those that may serve first.
pub fn accelerators(graphics: &Graphics) -> Vec<Accelerator> {
    graphics::accelerators(graphics)
}

/// Bytes a second that the best graphics processor reads and writes together while it copies; none
/// where none can serve.
pub fn device_bandwidth(graphics: &Graphics) -> Option<f64> {
    graphics::bandwidth(graphics)
}

/// Why no device can run a plan; none where its operations all have kernels.
pub(super) fn fault(plan: &Plan) -> Option<String> {
    graphics::fault(plan)
}

/// What is wanted of a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Ask {
    /// The token with the largest logit is enough.
    Best,
    /// The largest logits may be enough, with what all weigh at this temperature.
    Top { temperature: f32 },
    /// All logits.
    Logits,
}

/// A row that gives results.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(not(feature = "gpu"), allow(dead_code, reason = "a processor gives logits"))]
pub(super) struct Wanted {
    /// Its place among the step's rows.
    pub(super) row: usize,
    pub(super) ask: Ask,
}

/// What a row gives.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(not(feature = "gpu"), allow(dead_code, reason = "a processor gives logits"))]
pub(super) enum Found {
    /// The first of the tokens with the largest logit.
    Best(TokenId),
    /// The largest logits, which were said to be enough.
    Top(Top),
    Logits(Vec<f32>),
}

/// What a step gives for the wanted rows, in their order.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Results {
    /// What each asked for, or all its logits.
    #[cfg_attr(not(feature = "gpu"), allow(dead_code, reason = "a processor gives logits"))]
    Each(Vec<Found>),
    /// All logits of a row, one row after another, whatever was asked for.
    Logits(Vec<f32>),
}

/// Says of the largest logits of a wanted row, by its place among these, whether they are enough.
pub(super) type Enough<'a> = &'a mut dyn FnMut(usize, &Top) -> bool;

/// Why there are no results.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum StepError {
    /// The step failed; the decoder goes on.
    #[error("{0}")]
    Failed(String),
    /// What computes is gone, with keys and values; see [`Decoder::leave`].
    #[cfg_attr(not(feature = "gpu"), allow(dead_code, reason = "a processor stays"))]
    #[error("{0}")]
    Gone(String),
}

/// A decoder with its KV memory, on whatever runs it.
pub(super) struct Decoder {
    plan: Arc<Plan>,
    on: On,
    config: Config,
    budget: Budget,
    attempts: Attempts,
}

/// There is one of these for a model: its size is no matter.
#[expect(clippy::large_enum_variant, reason = "there is one for a model")]
enum On {
    Processor(cpu::Decoder),
    Device(graphics::Decoder),
}

impl Decoder {
    /// Gives a plan memory, within `budget`, on what the configuration says.
    pub(super) fn new(plan: Plan, config: &Config, budget: &Budget) -> Result<Self, LoadError> {
        let plan = Arc::new(plan);
        match config.backend {
            Backend::Cpu => Self::on_processor(plan, config, budget),
            Backend::Gpu => {
                Self::on_device(&plan, config, budget).map_err(|why| LoadError::Device { why })
            }
            Backend::Auto => match Self::faster_on_device(&plan, config, budget) {
                Some(decoder) => Ok(decoder),
                None => Self::on_processor(plan, config, budget),
            },
        }
    }

    /// A decoder on a device, where there is one and it is worth it. Where it is not, its share of
    /// the budget is free again.
    fn faster_on_device(plan: &Arc<Plan>, config: &Config, budget: &Budget) -> Option<Self> {
        match Self::on_device(plan, config, budget) {
            Ok(mut decoder) => decoder.is_worth_it().then_some(decoder),
            Err(why) => {
                tracing::info!(why, "the processor runs the model");
                None
            }
        }
    }

    fn on_processor(plan: Arc<Plan>, config: &Config, budget: &Budget) -> Result<Self, LoadError> {
        let on = On::Processor(cpu::Decoder::new(Arc::clone(&plan), config, budget)?);
        Ok(Self::with(plan, on, config, budget))
    }

    /// On a device, with the kernels that a trial found best for it, now or at an earlier start.
    fn on_device(plan: &Arc<Plan>, config: &Config, budget: &Budget) -> Result<Self, String> {
        let on = On::Device(graphics::Decoder::new(plan, config, budget)?);
        Ok(Self::with(Arc::clone(plan), on, config, budget))
    }

    fn with(plan: Arc<Plan>, on: On, config: &Config, budget: &Budget) -> Self {
        let (config, budget, attempts) = (config.clone(), budget.clone(), Attempts::default());
        Self { plan, on, config, budget, attempts }
    }

    /// Whether a typical answer is sooner on the device than on the processor. One that an earlier trial
    /// found slower is not opened at all.
    fn is_worth_it(&mut self) -> bool {
        let of = match &self.on {
            On::Processor(_) => return false,
            On::Device(decoder) if decoder.was_tried() => return true,
            On::Device(decoder) => trial::of(self.plan.derived(), decoder.identity()),
        };
        trial::is_worth_it(self.try_both(of), self.plan.derived())
    }

    fn try_both(&mut self, of: String) -> Result<Findings, StepError> {
        let device = Times::of(self)?;
        let plan = Arc::clone(&self.plan);
        // Where there is no room for both, nothing can be compared.
        let beside = Self::on_processor(plan, &self.config, &self.budget).ok();
        let processor = beside.and_then(|mut decoder| Times::of(&mut decoder).ok());
        let tuning = match &self.on {
            On::Processor(_) => String::new(),
            On::Device(decoder) => decoder.tuning(),
        };
        Ok(Findings::new(of, tuning, processor, device))
    }

    /// What it takes to run, for a context of so many tokens.
    pub(super) fn report(&self, context_tokens: usize) -> Report {
        match &self.on {
            On::Processor(decoder) => decoder.report(context_tokens),
            On::Device(decoder) => decoder.report(&self.plan, context_tokens),
        }
    }

    /// Tokens in the vocabulary: the width of a row of logits.
    pub(super) fn vocabulary(&self) -> usize {
        self.plan.vocabulary()
    }

    /// The KV memory.
    pub(super) fn kv(&mut self) -> &mut KvStore {
        match &mut self.on {
            On::Processor(decoder) => decoder.kv(),
            On::Device(decoder) => decoder.kv(),
        }
    }

    /// Computes `rows`; `wanted` names those, in rising order, that give results. Where less is asked
    /// for than all logits, these may come all the same; they do for the largest logits that are not
    /// `enough`.
    ///
    /// Each row's sequence must have pages for it and must have had all earlier positions computed,
    /// in this step or before.
    pub(super) fn step(
        &mut self,
        rows: &[Row],
        wanted: &[Wanted],
        enough: Enough<'_>,
    ) -> Result<Results, StepError> {
        match &mut self.on {
            On::Processor(decoder) => {
                let wanted: Vec<usize> = wanted.iter().map(|wanted| wanted.row).collect();
                decoder.step(rows, &wanted).map(Results::Logits).map_err(StepError::Failed)
            }
            On::Device(decoder) => decoder.step(rows, wanted, enough),
        }
    }

    /// A step of which the wanted rows all ask for the same.
    fn alike(&mut self, rows: &[Row], wanted: &[usize], ask: Ask) -> Result<Results, StepError> {
        let wanted: Vec<_> = wanted.iter().map(|&row| Wanted { row, ask }).collect();
        self.step(rows, &wanted, &mut |_, _| true)
    }

    /// A step as greedy answers need it.
    pub(super) fn best(&mut self, rows: &[Row], wanted: &[usize]) -> Result<Results, StepError> {
        self.alike(rows, wanted, Ask::Best)
    }

    /// The logits of the wanted rows.
    pub(super) fn logits(&mut self, rows: &[Row], wanted: &[usize]) -> Result<Vec<f32>, StepError> {
        match self.alike(rows, wanted, Ask::Logits)? {
            Results::Logits(logits) => Ok(logits),
            Results::Each(found) => {
                let mut all = Vec::with_capacity(found.len() * self.vocabulary());
                for found in found {
                    let none = || StepError::Failed("it gave no logits".to_owned());
                    let Found::Logits(logits) = found else { return Err(none()) };
                    all.extend(logits);
                }
                Ok(all)
            }
        }
    }

    /// Makes the decoder usable after a panic inside a step.
    pub(super) fn recover(&mut self) -> Result<(), String> {
        match &mut self.on {
            On::Processor(decoder) => decoder.recover(),
            // Nothing on a device is half done, and what is on the way is never read.
            On::Device(_) => Ok(()),
        }
    }

    /// Goes on on the processor, with empty KV memory: no sequence has pages there any more.
    pub(super) fn leave(&mut self) -> Result<(), LoadError> {
        if let On::Device(decoder) = &mut self.on {
            // Its share of the budget is free before the processor asks for its own.
            decoder.give_up();
            self.attempts.failed(Instant::now());
        }
        let plan = Arc::clone(&self.plan);
        self.on = On::Processor(cpu::Decoder::new(plan, &self.config, &self.budget)?);
        Ok(())
    }

    /// When a device that was lost may be tried again; none where it was not, or not any more.
    pub(super) fn due(&self) -> Option<Instant> {
        matches!(self.on, On::Processor(_)).then(|| self.attempts.due()).flatten()
    }

    /// Tries the device again; no sequence may have pages. Takes as long as loading does.
    pub(super) fn return_to_device(&mut self) {
        // Both at once are often too much, and the processor's weights are mapped anyway.
        let config = &self.config;
        match graphics::Decoder::new(&self.plan, config, &self.budget) {
            Ok(decoder) => {
                tracing::info!("the model is back on the graphics processor");
                self.on = On::Device(decoder);
            }
            Err(why) => {
                self.attempts.failed(Instant::now());
                tracing::warn!(why, "the graphics processor cannot run the model again");
            }
        }
    }

    /// Breaks the device, for tests of what follows.
    #[cfg(all(test, feature = "gpu"))]
    pub(super) fn device(&self) -> Option<&endcap_gpu::Device> {
        match &self.on {
            On::Processor(_) => None,
            On::Device(decoder) => Some(decoder.device()),
        }
    }
}

#[cfg(test)]
#[cfg(feature = "gpu")]
mod tests;
