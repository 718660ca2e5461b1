//! An encoder on a device, and its runs.

use crate::graph::{Graph, Mask, Operation};
use crate::kernels::{BLIND, OUT_OF_SIGHT, QUERIES};
use crate::plan::{BLOCK_WORDS, Capacity, Place, Plan, Sizes, count, encode};
use crate::{Device, GpuError, Tuning};

/// What a mask says of a token that nobody sees; what is lower counts as this, infinities aside.
pub const HIDDEN: f32 = OUT_OF_SIGHT;

/// Texts to compute: a row for each token, one text after the other.
#[derive(Debug, Clone, Copy)]
pub struct Texts<'a> {
    /// Tokens of each text; none is empty.
    pub lengths: &'a [usize],
    /// Rows of each value that is fed, in the graph's order of operations.
    pub fed: &'a [&'a [f32]],
    /// The numbers of each mask, text after text.
    pub masks: &'a [&'a [f32]],
}

/// An encoder whose weights are on a device.
pub struct Encoder {
    device: Device,
    plan: Plan,
    masks: Vec<Mask>,
    rows: usize,
}

/// Texts that are computed together.
#[derive(Debug, PartialEq, Eq)]
struct Part {
    texts: std::ops::Range<usize>,
    rows: std::ops::Range<usize>,
    /// Numbers of a mask for pairs.
    pairs: std::ops::Range<usize>,
}

impl Encoder {
    /// Puts a graph on a device, with room for `rows` tokens at once: a longer text is refused, more
    /// texts are computed one part after the other. Takes as long as the weights take to get there.
    pub fn new(
        device: &Device,
        graph: &Graph<'_>,
        rows: usize,
        tuning: Tuning,
    ) -> Result<Self, GpuError> {
        let decodes = |operation: &Operation| match operation {
            Operation::Embed { .. } | Operation::Attend(_) | Operation::Pick { .. } => true,
            Operation::Feed { .. }
            | Operation::Norm { .. }
            | Operation::LayerNorm { .. }
            | Operation::Linear { .. }
            | Operation::Mutual(_) => false,
        };
        if graph.operations.iter().any(decodes) {
            return Err(GpuError::Internal("an encoder with operations of a decoder".to_owned()));
        }
        let capacity = Capacity { rows, wanted: 0, context_tokens: 0, sequences: 0, pages: 0 };
        let plan = Plan::new(device, graph, capacity, tuning)?;
        Ok(Self { device: device.clone(), plan, masks: graph.masks.clone(), rows })
    }

    /// The device it is on.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Bytes that it has on the device.
    pub fn bytes(&self) -> u64 {
        self.plan.bytes
    }

    /// Tokens of the longest text that there is room for.
    pub fn longest_text(&self) -> usize {
        self.rows
    }

    /// Kernels that a run of so many tokens runs.
    pub fn dispatches(&self, tokens: usize) -> usize {
        let sizes = Sizes { tokens, wanted: 0, splits: 1, blocks: tokens.div_ceil(QUERIES) };
        count(self.plan.dispatches.iter(), sizes)
    }

    /// Computes texts; gives the rows of each result.
    pub fn run(&mut self, texts: &Texts<'_>) -> Result<Vec<Vec<f32>>, GpuError> {
        self.check(texts)?;
        let mut results = vec![Vec::new(); self.plan.results.len()];
        for part in parts(texts.lengths, self.rows) {
            self.part(texts, &part, &mut results)?;
        }
        Ok(results)
    }

    /// Whether there is what the texts need, and room for it.
    fn check(&self, texts: &Texts<'_>) -> Result<(), GpuError> {
        let longest = texts.lengths.iter().max().copied().unwrap_or(0);
        if longest > self.rows {
            let why = format!("a text has {longest} tokens, and there is room for {}", self.rows);
            return Err(GpuError::Unsupported(why));
        }
        let rows: usize = texts.lengths.iter().sum();
        let pairs: usize = texts.lengths.iter().map(|length| length * length).sum();
        let fed = { self.plan.fed.iter().map(|(_, width)| rows * width) };
        let masks = self.masks.iter().map(|mask| match mask {
            Mask::Keys => rows,
            Mask::Pairs => pairs,
        });
        let fits = |given: &[&[f32]], wanted: &mut dyn Iterator<Item = usize>| {
            given.iter().map(|rows| rows.len()).eq(wanted)
        };
        let whole = fits(texts.fed, &mut fed.into_iter())
            && fits(texts.masks, &mut masks.into_iter())
            && !texts.lengths.contains(&0);
        if whole { Ok(()) } else { Err(GpuError::Internal("texts of other sizes".to_owned())) }
    }

    fn part(
        &self,
        texts: &Texts<'_>,
        part: &Part,
        results: &mut [Vec<f32>],
    ) -> Result<(), GpuError> {
        let sizes = self.write(texts, part)?;
        let plan = &self.plan;
        let mut encoder = encode(&self.device, plan.dispatches.iter(), sizes);
        let (memory, mut words) = (&plan.memory, 0);
        for (place, _) in &plan.results {
            let (from, to) = (memory.value(*place)?.raw(), memory.staging.raw());
            let own = sizes.tokens * place.stride;
            encoder.copy_buffer_to_buffer(from, 0, to, words as u64 * 4, own as u64 * 4);
            words += own;
        }
        let all = self.device.run_and_read(encoder.finish(), &memory.staging, words)?;
        let mut rest = all.as_slice();
        for ((place, width), result) in plan.results.iter().zip(results) {
            let (own, later) = rest.split_at(sizes.tokens * place.stride);
            for row in own.chunks_exact(place.stride) {
                let row = row.iter().skip(place.from).take(*width);
                result.extend(row.map(|&word| f32::from_bits(word)));
            }
            rest = later;
        }
        Ok(())
    }

    /// Writes what a run brings.
    fn write(&self, texts: &Texts<'_>, part: &Part) -> Result<Sizes, GpuError> {
        let memory = &self.plan.memory;
        let lengths = texts.lengths.get(part.texts.clone()).unwrap_or_default();
        let blocks = blocks(lengths);
        let (tokens, blocks_count) = (part.rows.len(), blocks.len() / BLOCK_WORDS);
        self.device.write(&memory.step, 0, &[tokens as u32, 0, 1, 0]);
        self.device.write(&memory.blocks, 0, &blocks);
        for (&(place, width), rows) in self.plan.fed.iter().zip(texts.fed) {
            let own = part.rows.start * width..part.rows.end * width;
            let rows = rows.get(own).unwrap_or_default();
            self.device.write(memory.value(place)?, 0, &padded(rows, width, place));
        }
        for ((mask, numbers), buffer) in self.masks.iter().zip(texts.masks).zip(&memory.masks) {
            let own = match mask {
                Mask::Keys => part.rows.clone(),
                Mask::Pairs => part.pairs.clone(),
            };
            let numbers = numbers.get(own).unwrap_or_default().iter();
            let words: Vec<u32> = numbers.map(|&number| bounded(number).to_bits()).collect();
            self.device.write(buffer, 0, &words);
        }
        Ok(Sizes { tokens, wanted: 0, splits: 1, blocks: blocks_count })
    }
}

/// A mask's number, so that no sum with it is infinite.
fn bounded(number: f32) -> f32 {
    if number == f32::NEG_INFINITY { BLIND } else { number.clamp(OUT_OF_SIGHT, -OUT_OF_SIGHT) }
}

/// Rows as their buffer has them: zeros behind each.
fn padded(rows: &[f32], width: usize, place: Place) -> Vec<u32> {
    let mut words = Vec::with_capacity(rows.len() / width.max(1) * place.stride);
    for row in rows.chunks_exact(width.max(1)) {
        words.extend(row.iter().map(|number| number.to_bits()));
        words.resize(words.len().next_multiple_of(place.stride), 0);
    }
    words
}

/// Cuts texts into blocks of neighbouring tokens; see [`crate::kernels::Mutual`].
fn blocks(lengths: &[usize]) -> Vec<u32> {
    let (mut words, mut text, mut pairs) = (Vec::new(), 0, 0);
    for &length in lengths {
        for first in (0..length).step_by(QUERIES) {
            let many = QUERIES.min(length - first);
            let block = [text + first, many, text, length, pairs, 0, 0, 0];
            words.extend(block.map(|word| word as u32));
        }
        (text, pairs) = (text + length, pairs + length * length);
    }
    words
}

/// Puts texts together as long as there is room.
fn parts(lengths: &[usize], most: usize) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    let (mut row, mut pair) = (0, 0);
    for (text, &length) in lengths.iter().enumerate() {
        let (rows, pairs) = (row + length, pair + length * length);
        match parts.last_mut() {
            Some(part) if rows - part.rows.start <= most => {
                (part.texts.end, part.rows.end, part.pairs.end) = (text + 1, rows, pairs);
            }
            _ => parts.push(Part { texts: text..text + 1, rows: row..rows, pairs: pair..pairs }),
        }
        (row, pair) = (rows, pairs);
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_put_together_as_long_as_there_is_room() {
        let part = |texts, rows, pairs| Part { texts, rows, pairs };
        assert_eq!(parts(&[], 8), []);
        assert_eq!(parts(&[8], 8), [part(0..1, 0..8, 0..64)]);
        let want = [part(0..2, 0..7, 0..25), part(2..3, 7..13, 25..61), part(3..4, 13..16, 61..70)];
        assert_eq!(parts(&[3, 4, 6, 3], 8), want);
    }

    #[test]
    fn no_block_has_tokens_of_two_texts() {
        let blocks = blocks(&[QUERIES + 1, 2]);
        let q = QUERIES as u32;
        let want = [
            [0, q, 0, q + 1, 0, 0, 0, 0],
            [q, 1, 0, q + 1, 0, 0, 0, 0],
            [q + 1, 2, q + 1, 2, (q + 1) * (q + 1), 0, 0, 0],
        ];
        assert_eq!(blocks, want.concat());
    }

    #[test]
    fn a_mask_has_no_number_whose_sums_are_infinite() {
        let have = [f32::NEG_INFINITY, f32::MIN, -1e4, 0.0, f32::INFINITY].map(bounded);
        assert_eq!(have, [BLIND, HIDDEN, -1e4, 0.0, -HIDDEN]);
    }
}
