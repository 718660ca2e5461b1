//! Decoders on the processor: tract plans the graph, our operators compute it.
//!
//! One plan serves everything. Its rows are tokens, of any sequences, at any positions: a decode of
//! sixteen sequences, a piece of a prompt, or both at once. Keys and values are in pages that the
//! [`Decoder`] owns.
//!
//! **Invariants**
//! - A row's logits depend on its own sequence alone.
//! - After a failed step the decoder can be used on; the pages of its sequences are intact.
//!
//! **Not here**: which tokens to compute when (the scheduler), what a token means (the tokeniser).

mod convolutions;
mod cost;
#[cfg(feature = "gpu")]
mod device;
mod fuse;
mod general;
mod kernels;
mod network;
mod ops;
mod surgery;
mod tensors;
mod weights;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use prost::Message;
use tract_onnx::Onnx;
use tract_onnx::pb::ModelProto;
use tract_onnx::prelude::*;
use tract_onnx::tract_hir::internal::*;

pub(super) use self::kernels::Kernel;
use self::kernels::limits;
use self::kernels::pool::Pool;
pub(super) use self::network::{NetworkPlan, NetworkState, STACK_BYTES, Side, Took, Unfit};
pub(super) use self::ops::is_own as is_own_operator;
use self::ops::{RowNode, Sequences, Step};
use self::surgery::Surroundings;
use self::weights::Weights;
use super::budget::{Account, Budget};
use super::kv::{KvStore, KvType, Layout, SequenceId};
use super::{Config, Derived, LoadError, ModelSource, Report, TokenId};

/// How long a model that loads waits for others to give back what they only keep.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// A token to compute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) sequence: SequenceId,
    /// Tokens of the sequence before this one.
    pub(super) position: usize,
    pub(super) token: TokenId,
}

/// What `threads` threads could at most do with these kernels: bytes read from memory and
/// multiply-adds of 8-bit integers, a second.
pub(super) fn limits(kernel: Kernel, threads: usize) -> (f64, f64) {
    let pool = Pool::new(threads);
    (limits::read_bytes_per_s(kernel, &pool), limits::multiply_adds_per_s(kernel, &pool))
}

/// A graph that is planned and checked, without memory to run in.
pub(super) struct Plan {
    runnable: Arc<TypedSimplePlan>,
    weights: Arc<Weights>,
    layout: Layout,
    positions: Option<usize>,
    context_tokens: usize,
    derived: Option<Derived>,
    vocabulary: usize,
    kernel: Kernel,
}

/// A decoder with its KV memory.
pub(super) struct Decoder {
    plan: Arc<Plan>,
    layout: Layout,
    state: TypedSimpleState,
}

impl Plan {
    /// Reads and plans a graph; everything that cannot run is refused here.
    pub(super) fn load(source: &ModelSource) -> Result<Self, LoadError> {
        Self::load_for(source, Kernel::best())
    }

    /// [`Self::load`] for given kernels.
    pub(super) fn load_for(source: &ModelSource, kernel: Kernel) -> Result<Self, LoadError> {
        let (proto, weights) = prepared(source)?;
        let path = &source.onnx;
        let mut onnx =
            tract_onnx::onnx().with_ignore_output_shapes(true).with_ignore_value_info(true);
        ops::register(&mut onnx);
        let model = caught(|| typed(&onnx, &proto, path.parent()))
            .map_err(|error| unplannable(&proto, &error))?;
        let layout = layout(&model)?;
        let positions = attentions(&model).iter().filter_map(|a| a.positions()).min();
        let vocabulary = vocabulary(&model)?;
        every_token_is_embedded(&model, &weights, vocabulary)?;
        let runnable = caught(|| model.into_optimized()?.into_runnable())
            .map_err(|error| unplannable(&proto, &error))?;
        let weights = Arc::new(weights);
        let (context_tokens, derived) = (source.context_tokens, source.derived.clone());
        Ok(Self {
            runnable,
            weights,
            layout,
            positions,
            context_tokens,
            derived,
            vocabulary,
            kernel,
        })
    }

    /// Positions the graph has rotary tables for.
    pub(super) fn positions(&self) -> Option<usize> {
        self.positions
    }

    /// Positions that the model was made for.
    #[cfg_attr(not(feature = "gpu"), allow(dead_code, reason = "only devices need it"))]
    pub(super) fn context_tokens(&self) -> usize {
        self.context_tokens
    }

    /// Where things that are made of the model's files are kept.
    pub(super) fn derived(&self) -> Option<&Derived> {
        self.derived.as_ref()
    }

    /// Where keys and values are kept, as halves.
    #[cfg_attr(not(feature = "gpu"), allow(dead_code, reason = "only devices need it"))]
    pub(super) fn layout(&self) -> Layout {
        self.layout
    }

    /// Counts the weights, which are in memory already.
    fn hold_weights(&self, account: &mut Account, budget: &Budget) -> Result<(), LoadError> {
        let weight_bytes = self.report(0).weight_bytes;
        if account.hold_weights(weight_bytes, PATIENCE) {
            return Ok(());
        }
        let (free_bytes, budget_bytes) = (budget.free_bytes(), budget.total_bytes());
        Err(LoadError::Memory { weight_bytes, free_bytes, budget_bytes })
    }

    /// Tokens in the vocabulary: the width of a row of logits.
    pub(super) fn vocabulary(&self) -> usize {
        self.vocabulary
    }

    /// What it takes to run this plan, with keys and values as halves.
    pub(super) fn report(&self, context_tokens: usize) -> Report {
        self.report_with(self.layout, context_tokens)
    }

    fn report_with(&self, layout: Layout, context_tokens: usize) -> Report {
        let model = self.runnable.model();
        let mut operators = BTreeMap::new();
        let cost = cost::of(model, &self.weights);
        let mut weight_bytes = self.weights.bytes();
        for node in &model.nodes {
            *operators.entry(node.op().name().to_string()).or_insert(0) += 1;
            if let Some(constant) = node.op_as::<tract_onnx::tract_core::ops::konst::Const>() {
                weight_bytes +=
                    constant.val().len() as u64 * constant.val().datum_type().size_of() as u64;
            }
        }
        let tables: BTreeMap<_, _> = attentions(model)
            .into_iter()
            .flat_map(ops::Attention::tables)
            .map(|table| (Arc::as_ptr(table), table.len() as u64 * 4))
            .collect();
        weight_bytes += tables.values().sum::<u64>();
        Report {
            kernel: self.kernel.name().into(),
            device: None,
            weight_bytes,
            read_bytes_per_token: cost.read_bytes,
            multiply_adds_per_token: cost.multiply_adds,
            kv_bytes_per_token: layout.page_bytes() / super::kv::PAGE_TOKENS as u64,
            layers: layout.layers,
            context_tokens,
            vocabulary: self.vocabulary,
            nodes: model.nodes.len(),
            operators: operators.into_iter().collect(),
        }
    }
}

impl Decoder {
    /// Gives the plan memory, within `budget`, and threads.
    pub(super) fn new(
        plan: Arc<Plan>,
        config: &Config,
        budget: &Budget,
    ) -> Result<Self, LoadError> {
        let mut account = budget.open();
        plan.hold_weights(&mut account, budget)?;
        let layout = Layout { kind: config.kv_type, ..plan.layout };
        let threads = config.threads();
        let mut state = plan
            .runnable
            .spawn()
            .map_err(|error| LoadError::Graph { why: format!("{error:#}") })?;
        let pool = Arc::new(Pool::new(threads));
        let weights = Arc::clone(&plan.weights);
        let mut step = Step::new(plan.kernel, config.activation, pool, weights);
        step.sequences = Some(Sequences {
            kv: RefCell::new(KvStore::new(layout, account, config.kv_budget_bytes)),
            attention: RefCell::default(),
            rows: Vec::new(),
        });
        state.turn_state.shared.insert(step);
        Ok(Self { plan, layout, state })
    }

    /// What it takes to run, for a context of so many tokens.
    pub(super) fn report(&self, context_tokens: usize) -> Report {
        self.plan.report_with(self.layout, context_tokens)
    }

    /// The KV memory.
    pub(super) fn kv(&mut self) -> &mut KvStore {
        let step = self.state.turn_state.shared.get_mut::<Step>();
        match step.and_then(|step| step.sequences.as_mut()) {
            Some(sequences) => sequences.kv.get_mut(),
            None => unreachable!("they are put there by `new` and never taken out"),
        }
    }

    /// Computes `rows` and returns the logits of those named in `wanted`, one after another.
    ///
    /// Each row's sequence must have pages for it and must have had all earlier positions computed,
    /// in this step or before.
    pub(super) fn step(&mut self, rows: &[Row], wanted: &[usize]) -> Result<Vec<f32>, String> {
        self.try_step(rows, wanted).map_err(|error| format!("{error:#}"))
    }

    fn try_step(&mut self, rows: &[Row], wanted: &[usize]) -> TractResult<Vec<f32>> {
        let step = self.state.turn_state.shared.get_mut::<Step>().context("no step is set up")?;
        let sequences = step.sequences.as_mut().context("no sequences are set up")?;
        sequences.rows.clear();
        sequences.rows.extend(rows.iter().map(|row| (row.sequence, row.position)));
        let ids: Vec<i64> = rows.iter().map(|row| i64::from(row.token)).collect();
        let wanted: Vec<i64> = wanted.iter().map(|&row| row as i64).collect();
        let inputs = tvec![
            Tensor::from_shape(&[1, ids.len()], &ids)?.into_tvalue(),
            Tensor::from_shape(&[wanted.len()], &wanted)?.into_tvalue(),
        ];
        let outputs = match self.state.run(inputs) {
            Ok(outputs) => outputs,
            Err(error) => {
                // A turn that failed leaves its sizes behind, and the next has others.
                self.state.reset_turn()?;
                return Err(error);
            }
        };
        let logits = outputs.into_iter().next().context("the plan has no output")?;
        let logits = logits.try_as_plain_ram()?;
        Ok(logits.as_slice::<f32>()?.to_vec())
    }

    /// Makes the decoder usable after a panic inside a step.
    pub(super) fn recover(&mut self) -> Result<(), String> {
        let mut state = self.plan.runnable.spawn().map_err(|error| format!("{error:#}"))?;
        if let Some(step) = self.state.turn_state.shared.remove::<Step>() {
            // What the panic left borrowed is free again.
            let sequences = step.sequences.map(|sequences| Sequences {
                kv: RefCell::new(sequences.kv.into_inner()),
                attention: RefCell::default(),
                rows: Vec::new(),
            });
            let scratch = RefCell::default();
            state.turn_state.shared.insert(Step { scratch, sequences, ..step });
        }
        self.state = state;
        Ok(())
    }
}

/// The graph without its weights, and the weights: mapped where they were packed before.
fn prepared(source: &ModelSource) -> Result<(ModelProto, Weights), LoadError> {
    let (path, derived) = (&source.onnx, source.derived.as_ref());
    if let Some(prepared) = derived.and_then(weights::load) {
        return Ok(prepared);
    }
    let mut proto = read(path)?;
    surgery::take_cached_branch(&mut proto)?;
    tensors::check(path, &proto)?;
    let mut onnx = tract_onnx::onnx();
    ops::register(&mut onnx);
    let folder = path.parent().unwrap_or(Path::new("."));
    let surroundings = Surroundings { folder, context_tokens: source.context_tokens };
    surgery::rows_are_tokens(&mut proto, &surroundings, |op| {
        ops::is_taken(op) || onnx.op_register.0.contains_key(op)
    })?;
    let graph = proto.graph.as_mut().ok_or_else(|| LoadError::Graph { why: "no graph".into() })?;
    let weights = weights::take(graph, folder)?;
    fuse::fuse(graph);
    surgery::keep_what_logits_need(graph);
    let Some(derived) = derived else { return Ok((proto, weights)) };
    match weights::save(derived, &proto, &weights) {
        // Mapped, the weights need no memory that the system cannot take back.
        Ok(()) => Ok(weights::load(derived).unwrap_or((proto, weights))),
        Err(error) => {
            let path = derived.path.display().to_string();
            tracing::warn!(path, %error, "packed weights cannot be kept; they are packed anew each time");
            Ok((proto, weights))
        }
    }
}

fn read(path: &Path) -> Result<ModelProto, LoadError> {
    let bytes =
        std::fs::read(path).map_err(|source| LoadError::Read { path: path.to_owned(), source })?;
    let proto = ModelProto::decode(bytes.as_slice())
        .map_err(|error| LoadError::NotOnnx { path: path.to_owned(), why: error.to_string() })?;
    if proto.graph.is_none() {
        let why = "it holds no graph".to_owned();
        return Err(LoadError::NotOnnx { path: path.to_owned(), why });
    }
    Ok(proto)
}

/// A panic while planning says that the graph is strange, not that we should stop.
fn caught<T>(plan: impl FnOnce() -> TractResult<T>) -> TractResult<T> {
    catch_unwind(AssertUnwindSafe(plan)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("no reason given");
        bail!("planning it failed: {text}")
    })
}

fn typed(onnx: &Onnx, proto: &ModelProto, folder: Option<&Path>) -> TractResult<TypedModel> {
    let folder = folder.and_then(Path::to_str);
    let parsed = onnx.parse(proto, folder)?;
    ensure!(parsed.unresolved_inputs.is_empty(), "nothing makes {:?}", parsed.unresolved_inputs);
    let mut model = parsed.model;
    let tokens = model.symbols.new_with_prefix("T");
    let wanted = model.symbols.new_with_prefix("R");
    let shape = [1.to_dim(), tokens.to_dim()];
    model.set_input_fact(0, InferenceFact::dt_shape(i64::datum_type(), &shape))?;
    model.set_input_fact(1, InferenceFact::dt_shape(i64::datum_type(), &[wanted.to_dim()]))?;
    model.set_output_fact(0, InferenceFact::default())?;
    let mut model = model.into_typed()?;
    model.declutter()?;
    Ok(model)
}

/// tract tells in words which node it could not plan; the refusal names it where it is ours to know.
fn unplannable(proto: &ModelProto, error: &TractError) -> LoadError {
    let why = format!("{error:#}");
    let nodes = proto.graph.iter().flat_map(|graph| &graph.node);
    let named = nodes.filter(|node| {
        !node.name.is_empty()
            && (why.contains(&format!(" {} ", node.name))
                || why.contains(&format!("\"{}\"", node.name)))
    });
    match named.max_by_key(|node| node.name.len()) {
        Some(node) => {
            LoadError::Node { node: node.name.clone(), operator: node.op_type.clone(), why }
        }
        None => LoadError::Graph { why },
    }
}

fn attentions(model: &TypedModel) -> Vec<&ops::Attention> {
    let nodes = model.nodes.iter();
    nodes.filter_map(|node| node.op_as::<RowNode>()?.0.as_any().downcast_ref()).collect()
}

fn layout(model: &TypedModel) -> Result<Layout, LoadError> {
    let attentions = attentions(model);
    let refuse = |why: &str| LoadError::Graph { why: why.to_owned() };
    let first = attentions.first().ok_or_else(|| refuse("it has no attention"))?;
    let layers = attentions.len();
    let layout =
        // How they are stored is not the graph's matter; halves until it is known.
        Layout { layers, heads: first.kv_heads, head_size: first.head_size, kind: KvType::F16 };
    let same = |a: &&ops::Attention| {
        a.kv_heads == layout.heads && a.head_size == layout.head_size && a.layer < layout.layers
    };
    if !attentions.iter().all(same) {
        return Err(refuse("its attention layers differ in KV heads or head size"));
    }
    Ok(layout)
}

/// A token that can be chosen can also be read.
fn every_token_is_embedded(
    model: &TypedModel,
    weights: &Weights,
    vocabulary: usize,
) -> Result<(), LoadError> {
    let tables = model.nodes.iter().filter_map(|node| node.op_as::<ops::Table>());
    let mut rows = tables.filter_map(|table| Some(weights.get(table.weights())?.outputs()));
    match rows.find(|&rows| rows < vocabulary) {
        None => Ok(()),
        Some(rows) => Err(LoadError::Graph {
            why: format!("it has logits for {vocabulary} tokens but embeds {rows}"),
        }),
    }
}

fn vocabulary(model: &TypedModel) -> Result<usize, LoadError> {
    let width = || -> TractResult<usize> {
        Ok(model.output_fact(0)?.shape.last().context("logits have no axis")?.to_usize()?)
    };
    width().map_err(|error| LoadError::Graph { why: format!("the width of the logits: {error:#}") })
}
