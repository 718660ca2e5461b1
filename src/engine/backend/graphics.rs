//! Decoders on a graphics processor.

use std::collections::HashMap;

use endcap_gpu as gpu;

use super::super::budget::{Account, Budget};
use super::super::cpu::{PATIENCE, Plan, Row};
use super::super::kv::{KvStore, KvType, Layout, PAGE_TOKENS, SequenceId};
use super::super::sampler::Top;
use super::super::{Config, Derived, Report};
pub(super) use super::placed::Placed;
use super::trial::{self, Findings, Measured, Times};
use super::{Accelerator, Ask, Backend, Enough, Found, Graphics, Results, StepError, Wanted};

/// Rows that a device computes together, and on a processor that pretends to be one.
const ROWS: usize = 256;
const SOFTWARE_ROWS: usize = 32;
/// Rows whose logits can be wanted of these.
const WANTED: usize = 16;

/// Tokens of a sequence that there is room for, where nothing else is said.
const USUAL_TOKENS: usize = 512;

pub(super) fn accelerators(graphics: &Graphics) -> Vec<Accelerator> {
    gpu::adapters(software(graphics)).into_iter().map(accelerator).collect()
}

pub(super) fn bandwidth(graphics: &Graphics) -> Option<f64> {
    let limits = gpu::Limits { software: software(graphics), ..gpu::Limits::default() };
    let measured = gpu::Device::open(limits).and_then(|device| device.copy_bandwidth());
    measured.map_err(|error| tracing::warn!(%error, "the device's bandwidth is not known")).ok()
}

pub(super) fn fault(plan: &Plan) -> Option<String> {
    plan.graph().err()
}

fn software(graphics: &Graphics) -> gpu::Software {
    if graphics.software { gpu::Software::Allowed } else { gpu::Software::Refused }
}

pub(super) fn accelerator(adapter: gpu::Adapter) -> Accelerator {
    Accelerator {
        name: adapter.name,
        kind: match adapter.kind {
            gpu::Kind::Discrete => "discrete",
            gpu::Kind::Integrated => "integrated",
            gpu::Kind::Virtual => "virtual",
            gpu::Kind::Software => "software",
            gpu::Kind::Other => "other",
        },
        driver: format!("{} {}", adapter.interface, adapter.driver),
        binding_bytes: adapter.binding_bytes,
        shared_bytes: adapter.shared_bytes,
        invocations: adapter.invocations,
        subgroups: adapter.subgroups,
        halves: adapter.halves,
        refused: adapter.refused,
    }
}

/// A decoder that is on a device, with the numbers of its sequences' pages here.
pub(super) struct Decoder {
    /// None once it was given up.
    decoder: Option<gpu::Decoder>,
    kv: KvStore,
    accelerator: Accelerator,
    bytes: u64,
    dispatches: usize,
    identity: String,
    tuning: gpu::Tuning,
    was_tried: bool,
}

impl Decoder {
    /// Puts a plan on the best device; the sentence says why it cannot be there.
    pub(super) fn new(plan: &Plan, config: &Config, budget: &Budget) -> Result<Self, String> {
        let graph = plan.graph()?;
        let Opened { device, identity, found } = Opened::<Times>::of(plan.derived(), config)?;
        let shares = device.adapter().kind != gpu::Kind::Discrete;
        let layout = Layout { kind: KvType::F16, ..plan.layout() };
        let free_bytes = match (shares, config.graphics.memory_bytes) {
            (true, _) => budget.free_bytes().saturating_sub(plan.report(0).weight_bytes),
            // Of what is not known to be there no more than prompts are likely to need.
            (false, memory_bytes) => memory_bytes.unwrap_or(4 << 30) / 2,
        };
        let context_tokens = plan.positions().unwrap_or(usize::MAX).min(plan.context_tokens());
        let capacity = capacity(&device, layout, config, context_tokens, free_bytes)?;
        let tuning = tuning(&device, &graph, found.as_ref())?;
        let decoder = gpu::Decoder::new(&device, &graph, capacity, tuning);
        let decoder = decoder.map_err(|error| error.to_string())?;
        let mut account = budget.open();
        if shares {
            hold(&mut account, decoder.bytes(), budget)?;
        }
        Ok(Self {
            kv: KvStore::elsewhere(layout, account, capacity.pages),
            accelerator: accelerator(device.adapter().clone()),
            bytes: decoder.bytes(),
            dispatches: decoder.dispatches_per_token(0),
            decoder: Some(decoder),
            identity,
            tuning,
            was_tried: found.is_some(),
        })
    }

    /// Device and driver.
    pub(super) fn identity(&self) -> &str {
        &self.identity
    }

    /// Whether a trial at an earlier start found something that holds.
    pub(super) fn was_tried(&self) -> bool {
        self.was_tried
    }

    /// Which kernels it runs.
    pub(super) fn tuning(&self) -> String {
        self.tuning.name()
    }

    pub(super) fn report(&self, plan: &Plan, context_tokens: usize) -> Report {
        let report = plan.report(context_tokens);
        Report {
            kernel: format!("wgsl ({})", self.tuning.name()).into(),
            device: Some(self.accelerator.clone()),
            nodes: self.dispatches,
            weight_bytes: self.bytes.saturating_sub(self.kv.allowed_bytes()),
            ..report
        }
    }

    pub(super) fn kv(&mut self) -> &mut KvStore {
        &mut self.kv
    }

    #[cfg(test)]
    pub(super) fn device(&self) -> &gpu::Device {
        self.decoder.as_ref().unwrap().device()
    }

    pub(super) fn step(
        &mut self,
        rows: &[Row],
        wanted: &[Wanted],
        enough: Enough<'_>,
    ) -> Result<Results, StepError> {
        let mut places: HashMap<SequenceId, usize> = HashMap::new();
        let mut tables = Vec::new();
        let mut own = Vec::with_capacity(rows.len());
        for row in rows {
            let sequence = *places.entry(row.sequence).or_insert_with(|| {
                tables.push(self.kv.pages(row.sequence).numbers());
                tables.len() - 1
            });
            own.push(gpu::Row { token: row.token, position: row.position, sequence });
        }
        let tables: Vec<&[u32]> = tables.iter().map(Vec::as_slice).collect();
        let wanted: Vec<gpu::Wanted> = wanted.iter().map(of_device).collect();
        let gone = || StepError::Gone("it was given up".to_owned());
        let decoder = self.decoder.as_mut().ok_or_else(gone)?;
        let vocabulary = decoder.vocabulary();
        let mut enough = |at, found: &gpu::Top| enough(at, &top(found, vocabulary));
        match decoder.step(&own, &tables, &wanted, &mut enough) {
            Ok(all) => {
                let each = all.into_iter().map(|one| match one {
                    gpu::Found::Best(token) => Found::Best(token),
                    gpu::Found::Top(found) => Found::Top(top(&found, vocabulary)),
                    gpu::Found::Logits(logits) => Found::Logits(logits),
                });
                Ok(Results::Each(each.collect()))
            }
            Err(error) if decoder.device().fault().is_some() => {
                Err(StepError::Gone(error.to_string()))
            }
            Err(error) => Err(StepError::Failed(error.to_string())),
        }
    }

    /// Gives back what it has on the device and of the budget.
    pub(super) fn give_up(&mut self) {
        self.decoder = None;
        let (layout, empty) = (self.kv.layout(), Budget::new(0).open());
        self.kv = KvStore::elsewhere(layout, empty, 0);
    }
}

fn of_device(wanted: &Wanted) -> gpu::Wanted {
    let need = match wanted.ask {
        Ask::Best => gpu::Need::Best,
        Ask::Top { temperature } => gpu::Need::Top { temperature },
        Ask::Logits => gpu::Need::Logits,
    };
    gpu::Wanted { row: wanted.row, need }
}

fn top(found: &gpu::Top, vocabulary: usize) -> Top {
    Top {
        best: found.best.clone(),
        whole: found.best.len() >= vocabulary,
        mass: found.mass.into(),
        plain_mass: found.plain_mass.into(),
        tolerance: gpu::Top::MASS_TOLERANCE,
    }
}

/// The best device, and what a trial of a model found there.
pub(super) struct Opened<T> {
    pub(super) device: gpu::Device,
    /// Device and driver.
    pub(super) identity: String,
    pub(super) found: Option<Findings<T>>,
}

impl<T: Measured> Opened<T> {
    /// Opens it, where it may serve and no earlier trial found it slower.
    pub(super) fn of(derived: Option<&Derived>, config: &Config) -> Result<Self, String> {
        let limits = gpu::Limits {
            memory_bytes: config.graphics.memory_bytes.unwrap_or(u64::MAX),
            patience: config.graphics.patience,
            software: software(&config.graphics),
            ..gpu::Limits::default()
        };
        let device = gpu::Device::open(limits).map_err(|error| error.to_string())?;
        let identity = device.adapter().identity();
        let found = Findings::<T>::load(derived, &trial::of(derived, &identity));
        // One of a way to compute that there is no more holds no more.
        let found = found.filter(|found| gpu::Tuning::named(&found.tuning, &device).is_some());
        let slower = found.as_ref().is_some_and(|found| !found.device_is_faster());
        if config.backend == Backend::Auto && slower {
            // Known before anything is brought there.
            return Err("it was faster when both were tried".to_owned());
        }
        Ok(Self { device, identity, found })
    }
}

/// Which kernels a device runs: as a trial found at an earlier start, or finds now.
pub(super) fn tuning<T>(
    device: &gpu::Device,
    graph: &gpu::Graph<'_>,
    found: Option<&Findings<T>>,
) -> Result<gpu::Tuning, String> {
    // There is nothing to win, and each way takes seconds to compile.
    if device.adapter().kind == gpu::Kind::Software {
        return Ok(gpu::Tuning::default());
    }
    match found.and_then(|found| gpu::Tuning::named(&found.tuning, device)) {
        Some(tuning) => Ok(tuning),
        None => gpu::Tuning::of(device, graph).map_err(|error| error.to_string()),
    }
}

pub(super) fn hold(account: &mut Account, bytes: u64, budget: &Budget) -> Result<(), String> {
    if account.hold_weights(bytes, PATIENCE) {
        return Ok(());
    }
    let (free, total) = (budget.free_bytes(), budget.total_bytes());
    Err(format!("it takes {bytes} bytes, and {free} are free of a memory budget of {total}"))
}

/// What a device is to have room for.
///
/// Its pages are there from the start, whether or not they are used. So it has as many as `kv_budget`
/// allows, where that is set, or else as one whole context or [`USUAL_TOKENS`] for each sequence take,
/// within half of what is free; where sequences need more, the youngest wait.
fn capacity(
    device: &gpu::Device,
    layout: Layout,
    config: &Config,
    context_tokens: usize,
    free_bytes: u64,
) -> Result<gpu::Capacity, String> {
    // One more than run, for the text that is read between steps.
    let sequences = config.max_sequences.max(1) + 1;
    let whole = context_tokens.div_ceil(PAGE_TOKENS) as u64;
    let all = whole.saturating_mul(sequences as u64);
    let (useful, budget) = match config.kv_budget_bytes {
        Some(budget) => (all, budget),
        None => {
            let usual = (USUAL_TOKENS / PAGE_TOKENS * sequences) as u64;
            (usual.max(whole).min(all), free_bytes / 2)
        }
    };
    let layer = gpu::Decoder::layer_page_bytes(layout.heads, layout.head_size);
    let seen = device.binding_bytes() / layer.max(1);
    let pages = useful.min(budget / layout.page_bytes().max(1)).min(seen) as usize;
    if pages == 0 {
        return Err(format!("{budget} bytes hold no page of keys and values"));
    }
    let software = device.adapter().kind == gpu::Kind::Software;
    let rows = if software { SOFTWARE_ROWS } else { ROWS };
    // No sequence can be longer than all pages.
    let context_tokens = context_tokens.min(pages * PAGE_TOKENS);
    Ok(gpu::Capacity { rows, wanted: WANTED, context_tokens, sequences, pages })
}
