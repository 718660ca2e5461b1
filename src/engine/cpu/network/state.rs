//! A plan at work, and what of it is on a device.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tract_onnx::prelude::*;
use tract_onnx::tract_hir::internal::*;

#[cfg(feature = "gpu")]
use super::Unfit;
use super::arrays::{self, array, tensor};
use super::parsed::{Declared, Given};
use super::runner::{Runner, internal, refused};
use super::{NetworkPlan, memory, probe};
use crate::engine::budget::Account;
use crate::engine::cpu::caught;
use crate::engine::cpu::kernels::pool::Pool;
use crate::engine::network::{Array, InferError};
use crate::engine::{Activation, Config, LoadError};

/// Plans that are kept for shapes and values of requests.
const MAX_PLANS: usize = 8;
/// Bytes that inputs may have whose values decide a plan.
const MAX_DECISIVE_BYTES: usize = 1 << 20;

/// What computes an encoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum Side {
    /// All of it.
    Processor,
    /// What was put on a device there, the rest on the processor.
    Device,
}

/// A plan with threads to run on.
pub(in crate::engine) struct NetworkState {
    plan: NetworkPlan,
    account: Account,
    pool: Arc<Pool>,
    activation: Activation,
    whole: Option<Runner>,
    /// The plan around what is on a device, while something is.
    around: Option<Runner>,
    /// The plans for particular requests, last used last, with the bytes that each has for itself.
    particular: Vec<(Vec<Given>, Runner, u64)>,
}

/// What an answer took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::engine) struct Took {
    /// Until the inputs were there as tensors.
    pub(in crate::engine) input: Duration,
    /// The graph itself.
    pub(in crate::engine) infer: Duration,
    /// From tensors to arrays.
    pub(in crate::engine) output: Duration,
}

impl NetworkPlan {
    /// Gives it threads and memory.
    pub(in crate::engine) fn start(
        self,
        config: &Config,
        account: Account,
    ) -> Result<NetworkState, LoadError> {
        let pool = Arc::new(Pool::new(config.threads()));
        let step = self.step(Arc::clone(&pool), config.activation);
        let whole = self.whole.clone().map(|whole| Runner::new(whole, step)).transpose();
        let whole = whole.map_err(|error| LoadError::Unsound { why: format!("{error:#}") })?;
        let activation = config.activation;
        let (around, particular) = (None, Vec::new());
        Ok(NetworkState { plan: self, account, pool, activation, whole, around, particular })
    }
}

impl NetworkState {
    /// Computes the outputs at these places from inputs in the graph's order.
    pub(in crate::engine) fn run(
        &mut self,
        inputs: &[Array],
        outputs: &[usize],
        side: Side,
    ) -> Result<(Vec<Array>, Took), InferError> {
        let started = Instant::now();
        let decides = self.plan.decisive.iter().chain(std::iter::repeat(&false));
        let kinds = self.plan.inputs.iter().map(|declared| declared.kind).zip(decides);
        let tensors = inputs.iter().zip(kinds).map(|(array, (kind, decides))| {
            let tensor = tensor(array, kind)?;
            if *decides { arrays::countable(tensor) } else { Ok(tensor) }
        });
        let tensors = tensors.collect::<TractResult<Vec<_>>>().map_err(refused)?;
        let ready = Instant::now();
        let computed = self.evaluate(tensors, side)?;
        let done = Instant::now();
        let wanted = |&at: &usize| -> TractResult<Array> {
            let declared = self.plan.outputs.get(at).context("there is no such output")?;
            array(computed.get(at).context("the plan has fewer outputs")?, declared.kind)
        };
        let arrays = outputs.iter().map(wanted).collect::<TractResult<_>>().map_err(internal)?;
        let (input, infer, output) = (ready - started, done - ready, done.elapsed());
        Ok((arrays, Took { input, infer, output }))
    }

    fn evaluate(&mut self, tensors: Vec<Tensor>, side: Side) -> Result<TVec<TValue>, InferError> {
        let around = self.around.as_mut().filter(|_| side == Side::Device);
        if let Some(whole) = around.or(self.whole.as_mut()) {
            let inputs = tensors.into_iter().map(Tensor::into_tvalue).collect();
            return whole.run(inputs, &mut self.account);
        }
        let Some(parsed) = &self.plan.parsed else {
            return Err(InferError::Internal("there is no plan".to_owned()));
        };
        let tensors: Vec<Arc<Tensor>> = tensors.into_iter().map(Arc::new).collect();
        let given: Vec<Given> = tensors
            .iter()
            .zip(&parsed.decisive)
            .map(|(tensor, decisive)| match decisive {
                true => Given::Value(Arc::clone(tensor)),
                false => Given::Shape(tensor.shape().to_vec()),
            })
            .collect();
        let bytes = |t: &Arc<Tensor>| t.len() * t.datum_type().size_of();
        let decisive = tensors.iter().zip(&parsed.decisive).filter(|(_, decisive)| **decisive);
        let decisive: usize = decisive.map(|(tensor, _)| bytes(tensor)).sum();
        if decisive > MAX_DECISIVE_BYTES {
            let why = format!(
                "inputs whose values decide shapes have {decisive} bytes; {MAX_DECISIVE_BYTES} are \
                 allowed"
            );
            return Err(InferError::Refused { why });
        }
        let left = tensors.into_iter().zip(&given).filter_map(|(tensor, given)| match given {
            Given::Shape(_) => Some(tensor.into_tvalue()),
            Given::Value(_) => None,
        });
        let left: TVec<TValue> = left.collect();
        let mut plan = match self.particular.iter().position(|(known, ..)| *known == given) {
            Some(at) => self.particular.remove(at),
            None => self.particular(given)?,
        };
        let mut computed = plan.1.run(left.clone(), &mut self.account);
        if matches!(&computed, Err(InferError::TooLarge { .. } | InferError::Memory { .. }))
            && !self.particular.is_empty()
        {
            // Plans of other requests are only kept in case those come again.
            while !self.particular.is_empty() {
                self.drop_oldest();
            }
            computed = plan.1.run(left, &mut self.account);
        }
        self.particular.push(plan);
        computed
    }

    /// Makes a plan for a request, in the place of the one that was not used for longest.
    fn particular(&mut self, given: Vec<Given>) -> Result<(Vec<Given>, Runner, u64), InferError> {
        let Some(parsed) = &self.plan.parsed else {
            return Err(InferError::Internal("there is no graph".to_owned()));
        };
        let plan = caught(|| parsed.particular(&given)?.into_optimized()?.into_runnable());
        let plan = plan.map_err(refused)?;
        let mut counted = HashSet::new();
        memory::stored(parsed.stored(), &mut counted);
        let bytes = memory::weights(plan.model(), &mut counted);
        if self.particular.len() >= MAX_PLANS {
            self.drop_oldest();
        }
        while !self.account.take_pages(bytes, bytes) {
            if self.particular.is_empty() {
                self.account.wants_no_more();
                return Err(InferError::Memory { bytes, free_bytes: self.account.free() });
            }
            self.drop_oldest();
        }
        let step = self.plan.step(Arc::clone(&self.pool), self.activation);
        Ok((given, Runner::new(plan, step).map_err(internal)?, bytes))
    }

    fn drop_oldest(&mut self) {
        let (.., bytes) = self.particular.remove(0);
        self.account.give_pages(bytes);
    }

    /// Whether rows of several requests may be joined along the first axis.
    pub(in crate::engine) fn joins(&self) -> bool {
        self.plan.joins()
    }

    /// The plan that it runs.
    pub(in crate::engine) fn plan(&self) -> &NetworkPlan {
        &self.plan
    }

    /// Inputs of so many texts of so many tokens each, with values that are nothing special; none where
    /// it takes no such inputs.
    pub(in crate::engine) fn sample(&self, texts: usize, tokens: usize) -> Option<Vec<Array>> {
        let joined = |input: &Declared| {
            let rows = (0..texts).map(|text| probe::sample(input, tokens, true, text));
            let rows: Vec<Array> = rows.collect::<Option<_>>()?;
            Array::joined(&rows.iter().collect::<Vec<_>>()).ok()
        };
        self.plan.inputs.iter().map(joined).collect()
    }
}

#[cfg(feature = "gpu")]
impl NetworkState {
    /// What a device is to compute.
    pub(in crate::engine) fn graph(&self) -> Result<endcap_gpu::Graph<'_>, Unfit> {
        let cut = self.plan.cut.as_ref().map_err(Unfit::clone)?;
        Ok(cut.graph(&self.plan.weights))
    }

    /// From now on an encoder of [`Self::graph`] runs on a device, on [`Side::Device`].
    pub(in crate::engine) fn put(&mut self, encoder: endcap_gpu::Encoder) -> Result<(), String> {
        let Ok(cut) = &self.plan.cut else { return Err("it is no encoder".to_owned()) };
        let step = self.plan.step(Arc::clone(&self.pool), self.activation);
        let runner = caught(|| Runner::new(cut.plan()?, step));
        self.around = Some(runner.map_err(|error| format!("{error:#}"))?);
        cut.put(Some(encoder));
        Ok(())
    }

    /// Takes what is on a device from there.
    pub(in crate::engine) fn take_back(&mut self) {
        self.around = None;
        self.plan.cut.iter().for_each(|cut| cut.put(None));
    }
}
