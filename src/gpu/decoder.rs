//! A decoder on a device, and its steps.

use crate::graph::Graph;
use crate::kernels::{PAGE_TOKENS, SPLIT_KEYS};
use crate::plan::{APART_ROWS, Capacity, Dispatch, Plan, Sizes, page_bytes};
use crate::{Device, GpuError, Tuning};

/// A token to compute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// Which token.
    pub token: u32,
    /// Tokens of its sequence before it.
    pub position: usize,
    /// Its sequence, by the place of its pages among those that the step is given.
    pub sequence: usize,
}

/// What is wanted of the rows whose logits are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// The token with the largest logit.
    Best,
    /// All of them.
    Logits,
}

/// What a step gives, for wanted rows in their order.
#[derive(Debug, Clone, PartialEq)]
pub enum Results {
    /// The first of the tokens with the largest logit.
    Best(Vec<u32>),
    /// As many a row as the vocabulary has tokens.
    Logits(Vec<f32>),
}

/// Where a logit is no number, there is no best one.
const NO_TOKEN: u32 = u32::MAX;

/// A decoder whose weights, keys and values are on a device.
pub struct Decoder {
    device: Device,
    plan: Plan,
    capacity: Capacity,
    bytes: u64,
}

/// A part of a step that is computed at once.
#[derive(Debug, PartialEq, Eq)]
struct Part {
    rows: std::ops::Range<usize>,
    /// Of the wanted ones.
    wanted: std::ops::Range<usize>,
}

impl Decoder {
    /// Puts a graph on a device. Takes as long as the weights take to get there.
    pub fn new(
        device: &Device,
        graph: &Graph<'_>,
        capacity: Capacity,
        tuning: Tuning,
    ) -> Result<Self, GpuError> {
        let before = device.used_bytes();
        let plan = Plan::new(device, graph, capacity, tuning)?;
        let bytes = device.used_bytes().saturating_sub(before);
        Ok(Self { device: device.clone(), plan, capacity, bytes })
    }

    /// The device it is on.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Bytes that it has on the device.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Logits of a row.
    pub fn vocabulary(&self) -> usize {
        self.plan.vocabulary
    }

    /// Bytes that a page of sixteen tokens takes in each layer.
    pub fn layer_page_bytes(kv_heads: usize, head_size: usize) -> u64 {
        page_bytes(kv_heads, head_size)
    }

    /// Kernels that a step of one token runs, with so many tokens before it.
    pub fn dispatches_per_token(&self, past: usize) -> usize {
        let splits = (past + 1).div_ceil(SPLIT_KEYS);
        let sizes = Sizes { tokens: 1, wanted: 1, splits, blocks: 0 };
        let all = self.plan.dispatches.iter().chain(&self.plan.best);
        all.filter(|dispatch| !(dispatch.groups)(sizes).contains(&0)).count()
    }

    /// Computes `rows`, of which those in `wanted` (in rising order) give results. `tables` has the
    /// pages of each sequence; a row's must be there, and all earlier positions of its sequence
    /// computed, in this step or before.
    pub fn step(
        &mut self,
        rows: &[Row],
        tables: &[&[u32]],
        wanted: &[usize],
        need: Need,
    ) -> Result<Results, GpuError> {
        let (mut best, mut logits) = (Vec::new(), Vec::new());
        for part in parts(rows.len(), wanted, &self.capacity) {
            let own = rows.get(part.rows.clone()).unwrap_or_default();
            let picked: Vec<u32> = wanted
                .get(part.wanted)
                .unwrap_or_default()
                .iter()
                .map(|row| (row - part.rows.start) as u32)
                .collect();
            let words = self.part(own, tables, &picked, need)?;
            match need {
                Need::Best => best.extend(words),
                Need::Logits => self.unpad(&words, &mut logits),
            }
        }
        if best.contains(&NO_TOKEN) {
            return Err(GpuError::Internal("the model's logits are not numbers".to_owned()));
        }
        Ok(match need {
            Need::Best => Results::Best(best),
            Need::Logits => Results::Logits(logits),
        })
    }

    /// Leaves out what lies behind the logits of each row.
    fn unpad(&self, words: &[u32], logits: &mut Vec<f32>) {
        for row in words.chunks_exact(self.plan.logits.stride) {
            logits.extend(row.iter().take(self.plan.vocabulary).map(|&word| f32::from_bits(word)));
        }
    }

    fn part(
        &self,
        rows: &[Row],
        tables: &[&[u32]],
        wanted: &[u32],
        need: Need,
    ) -> Result<Vec<u32>, GpuError> {
        let sizes = self.write(rows, tables, wanted)?;
        let (memory, plan) = (&self.plan.memory, &self.plan);
        let mut encoder = self.device.raw().create_command_encoder(&Default::default());
        let mut pass = encoder.begin_compute_pass(&Default::default());
        let last: &[Dispatch] = if need == Need::Best { &plan.best } else { &[] };
        for dispatch in plan.dispatches.iter().chain(last) {
            let groups @ [x, y, z] = (dispatch.groups)(sizes);
            if !groups.contains(&0) {
                pass.set_pipeline(&dispatch.pipeline);
                pass.set_bind_group(0, &dispatch.bound, &[]);
                pass.dispatch_workgroups(x, y, z);
            }
        }
        drop(pass);
        if wanted.is_empty() {
            self.device.run(encoder.finish())?;
            return Ok(Vec::new());
        }
        let (from, words) = match need {
            Need::Best => (&memory.tokens, wanted.len()),
            Need::Logits => (memory.value(plan.logits)?, wanted.len() * plan.logits.stride),
        };
        let bytes = words as u64 * 4;
        encoder.copy_buffer_to_buffer(from.raw(), 0, memory.staging.raw(), 0, bytes);
        self.device.run_and_read(encoder.finish(), &memory.staging, words)
    }

    /// Writes what the step changes.
    fn write(&self, rows: &[Row], tables: &[&[u32]], wanted: &[u32]) -> Result<Sizes, GpuError> {
        let memory = &self.plan.memory;
        let mut starts = vec![None; tables.len()];
        let (mut all_pages, mut words) = (Vec::new(), Vec::with_capacity(rows.len() * 4));
        for row in rows {
            let lost = || GpuError::Internal("a row without pages".to_owned());
            let pages = *tables.get(row.sequence).ok_or_else(lost)?;
            let start = starts.get_mut(row.sequence).ok_or_else(lost)?;
            let start = *start.get_or_insert_with(|| {
                let start = all_pages.len();
                all_pages.extend_from_slice(pages);
                start
            });
            let page = pages.get(row.position / PAGE_TOKENS).ok_or_else(lost)?;
            if *page as usize >= self.capacity.pages || row.position >= self.capacity.context_tokens
            {
                return Err(lost());
            }
            words.extend([row.token, row.position as u32, start as u32, 0]);
        }
        if all_pages.len() as u64 * 4 > memory.tables.bytes() {
            return Err(GpuError::Internal("more pages than a step has room for".to_owned()));
        }
        let longest = rows.iter().map(|row| row.position + 1).max().unwrap_or(1);
        let few = rows.len() <= APART_ROWS;
        let splits = if few { longest.div_ceil(SPLIT_KEYS) } else { 1 };
        let sizes = Sizes { tokens: rows.len(), wanted: wanted.len(), splits, blocks: 0 };
        let step = [sizes.tokens, sizes.wanted, sizes.splits, 0].map(|size| size as u32);
        self.device.write(&memory.step, 0, &step);
        self.device.write(&memory.rows, 0, &words);
        self.device.write(&memory.tables, 0, &all_pages);
        self.device.write(&memory.wanted, 0, wanted);
        Ok(sizes)
    }
}

/// Cuts a step into parts that there is room for.
fn parts(rows: usize, wanted: &[usize], capacity: &Capacity) -> Vec<Part> {
    let (mut parts, mut row, mut want) = (Vec::new(), 0, 0);
    while row < rows {
        let mut end = rows.min(row + capacity.rows.max(1));
        let mut last = wanted.partition_point(|&at| at < end);
        if last - want > capacity.wanted.max(1) {
            last = want + capacity.wanted.max(1);
            end = wanted.get(last).copied().unwrap_or(end);
        }
        parts.push(Part { rows: row..end, wanted: want..last });
        (row, want) = (end, last);
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_cut_where_rows_or_wanted_rows_are_too_many() {
        let capacity = Capacity { rows: 4, wanted: 2, context_tokens: 64, sequences: 2, pages: 8 };
        let part = |rows, wanted| Part { rows, wanted };
        for (rows, wanted, want) in [
            (0, &[][..], vec![]),
            (3, &[2], vec![part(0..3, 0..1)]),
            (9, &[8], vec![part(0..4, 0..0), part(4..8, 0..0), part(8..9, 0..1)]),
            (4, &[0, 1, 2, 3], vec![part(0..2, 0..2), part(2..4, 2..4)]),
            (5, &[1, 3, 4], vec![part(0..4, 0..2), part(4..5, 2..3)]),
        ] {
            assert_eq!(parts(rows, wanted, &capacity), want, "{rows} rows, {wanted:?} wanted");
        }
    }
}
