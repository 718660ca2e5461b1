//! What lists the largest logits: buffers and dispatches.

use super::Groups;
use super::maker::Maker;
use super::values::Place;
use crate::GpuError;
use crate::device::{Buffer, Device};
use crate::kernels::{Bound, LIST_WORDS, Top};

/// Where levels leave their lists in turn, and what rows' differences of logits are multiplied by.
pub(super) fn lists(
    device: &Device,
    vocabulary: usize,
    wanted: usize,
) -> Result<[Buffer; 2], GpuError> {
    let levels = Top { vocabulary, stride: 0 }.levels();
    let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC;
    // Each level is shorter than the one before.
    let buffer = |level: usize| {
        let words = levels.get(level).map_or(0, |lists| lists * LIST_WORDS * wanted);
        device.buffer("largest logits", words as u64 * 4, usage)
    };
    Ok([buffer(0)?, buffer(1)?])
}

impl Maker<'_> {
    /// Adds what lists the largest logits of wanted rows.
    pub(super) fn top(&mut self, logits: Place, vocabulary: usize) -> Result<(), GpuError> {
        let memory = self.memory;
        let top = Top { vocabulary, stride: logits.stride };
        let [even, odd] = &memory.lists;
        for (level, lists) in top.levels().into_iter().enumerate() {
            let (out, before) = if level % 2 == 0 { (even, odd) } else { (odd, even) };
            let from = if level == 0 { memory.value(logits)? } else { before };
            let bound = vec![
                Bound::whole(Top::FROM, from),
                Bound::whole(Top::OUT, out),
                Bound::whole(Top::FACTORS, &memory.factors),
            ];
            let groups: Groups = Box::new(move |sizes| Top::groups(lists, sizes.wanted));
            self.dispatch(&top.kernel(level), bound, groups)?;
        }
        Ok(())
    }
}
