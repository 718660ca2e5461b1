//! A decoder on a device, and its steps.

use crate::device::Buffer;
use crate::graph::Graph;
use crate::kernels::{LIST_WORDS, PAGE_TOKENS, SPLIT_KEYS};
use crate::plan::{APART_ROWS, Capacity, Dispatch, Plan, Sizes, count, encode, page_bytes};
use crate::results::{Found, Need, Top, Wanted, parse, words};
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

/// A decoder whose weights, keys and values are on a device.
pub struct Decoder {
    device: Device,
    plan: Plan,
    capacity: Capacity,
    read_bytes: u64,
}

/// Words of a buffer.
struct Words<'a> {
    buffer: &'a Buffer,
    first: usize,
    count: usize,
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
        let plan = Plan::new(device, graph, capacity, tuning)?;
        Ok(Self { device: device.clone(), plan, capacity, read_bytes: 0 })
    }

    /// The device it is on.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Bytes that it has on the device.
    pub fn bytes(&self) -> u64 {
        self.plan.bytes
    }

    /// Bytes of results that were read so far.
    pub fn read_bytes(&self) -> u64 {
        self.read_bytes
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
        count(self.plan.dispatches.iter().chain(&self.plan.best), sizes)
    }

    /// Computes `rows`, of which those in `wanted` (in rising order) give results. `tables` has the
    /// pages of each sequence; a row's must be there, and all earlier positions of its sequence
    /// computed, in this step or before.
    ///
    /// Of a row whose largest logits are wanted `enough` is asked, with the row's place in `wanted`,
    /// whether they are; where they are not it gives all.
    pub fn step(
        &mut self,
        rows: &[Row],
        tables: &[&[u32]],
        wanted: &[Wanted],
        enough: &mut dyn FnMut(usize, &Top) -> bool,
    ) -> Result<Vec<Found>, GpuError> {
        let places: Vec<usize> = wanted.iter().map(|wanted| wanted.row).collect();
        let mut all = Vec::with_capacity(wanted.len());
        for part in parts(rows.len(), &places, &self.capacity) {
            let own = rows.get(part.rows.clone()).unwrap_or_default();
            let needs: Vec<Wanted> = wanted
                .get(part.wanted.clone())
                .unwrap_or_default()
                .iter()
                .map(|wanted| Wanted { row: wanted.row - part.rows.start, ..*wanted })
                .collect();
            let mut found = self.part(own, tables, &needs)?;
            let short = found.iter().enumerate().filter_map(|(at, found)| match found {
                Found::Top(top) => (!enough(part.wanted.start + at, top)).then_some(at),
                _ => None,
            });
            let short: Vec<usize> = short.collect();
            for (at, logits) in short.iter().zip(self.logits(&short)?) {
                if let Some(place) = found.get_mut(*at) {
                    *place = logits;
                }
            }
            all.extend(found);
        }
        Ok(all)
    }

    fn part(
        &mut self,
        rows: &[Row],
        tables: &[&[u32]],
        wanted: &[Wanted],
    ) -> Result<Vec<Found>, GpuError> {
        let sizes = self.write(rows, tables, wanted)?;
        let (memory, plan) = (&self.plan.memory, &self.plan);
        let is = |like: fn(&Need) -> bool| wanted.iter().any(|wanted| like(&wanted.need));
        // What is best begins a list, so that a step makes either lists or single tokens.
        let lists = is(|need| matches!(need, Need::Top { .. }));
        let last: &[Dispatch] = match lists {
            true => &plan.top,
            false if is(|need| *need == Need::Best) => &plan.best,
            false => &[],
        };
        let encoder = encode(&self.device, plan.dispatches.iter().chain(last), sizes);
        if wanted.is_empty() {
            self.device.run(encoder.finish())?;
            return Ok(Vec::new());
        }
        let stride = plan.logits.stride;
        let mut sources = Vec::with_capacity(wanted.len());
        for (at, wanted) in wanted.iter().enumerate() {
            let (buffer, of_row) = match wanted.need {
                Need::Logits => (memory.value(plan.logits)?, stride),
                _ if lists => (memory.list(), LIST_WORDS),
                _ => (&memory.tokens, 1),
            };
            let (first, count) = words(wanted.need, lists, stride);
            sources.push(Words { buffer, first: at * of_row + first, count });
        }
        let (all, read) = self.read(encoder, &sources)?;
        let mut rest = all.as_slice();
        let mut found = Vec::with_capacity(wanted.len());
        for (wanted, source) in wanted.iter().zip(&sources) {
            let (own, later) = rest.split_at_checked(source.count).unwrap_or_default();
            found.push(parse(wanted.need, own, plan.vocabulary)?);
            rest = later;
        }
        self.read_bytes += read;
        Ok(found)
    }

    /// All logits of these wanted rows of the part that was computed last.
    fn logits(&mut self, wanted: &[usize]) -> Result<Vec<Found>, GpuError> {
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let stride = self.plan.logits.stride;
        let buffer = self.plan.memory.value(self.plan.logits)?;
        let of_row = |at: &usize| Words { buffer, first: at * stride, count: stride };
        let sources: Vec<_> = wanted.iter().map(of_row).collect();
        let encoder = self.device.raw().create_command_encoder(&Default::default());
        let (all, read) = self.read(encoder, &sources)?;
        let rows = all.chunks_exact(stride);
        let found = rows.map(|row| parse(Need::Logits, row, self.plan.vocabulary)).collect();
        self.read_bytes += read;
        found
    }

    /// Runs what was encoded, and reads these words, one after another; also gives how many bytes.
    fn read(
        &self,
        mut encoder: wgpu::CommandEncoder,
        sources: &[Words<'_>],
    ) -> Result<(Vec<u32>, u64), GpuError> {
        let staging = &self.plan.memory.staging;
        let bytes = |words: usize| words as u64 * 4;
        let (mut at, mut rest) = (0, sources);
        while let Some(source) = rest.first() {
            // Rows that lie side by side are copied together.
            let end = |(number, next): (usize, &Words<'_>)| {
                let joins = next.first == source.first + number * source.count
                    && next.count == source.count
                    && std::ptr::eq(next.buffer, source.buffer);
                !joins
            };
            let together = rest.iter().enumerate().position(end).unwrap_or(rest.len());
            let words = together.max(1) * source.count;
            let (from, first) = (source.buffer.raw(), bytes(source.first));
            encoder.copy_buffer_to_buffer(from, first, staging.raw(), bytes(at), bytes(words));
            at += words;
            rest = rest.get(together.max(1)..).unwrap_or_default();
        }
        let all = self.device.run_and_read(encoder.finish(), staging, at)?;
        Ok((all, bytes(at)))
    }

    /// Writes what the step changes.
    fn write(&self, rows: &[Row], tables: &[&[u32]], wanted: &[Wanted]) -> Result<Sizes, GpuError> {
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
        let picked: Vec<u32> = wanted.iter().map(|wanted| wanted.row as u32).collect();
        let factors: Vec<u32> = wanted.iter().map(|wanted| factor(wanted.need).to_bits()).collect();
        self.device.write(&memory.wanted, 0, &picked);
        self.device.write(&memory.factors, 0, &factors);
        Ok(sizes)
    }
}

/// What a row's differences of logits are multiplied by before they are weighed: a number, however low
/// the temperature is.
fn factor(need: Need) -> f32 {
    const MOST: f32 = 1e30;
    match need {
        Need::Top { temperature } => (1.0 / temperature).min(MOST),
        Need::Best | Need::Logits => 1.0,
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
