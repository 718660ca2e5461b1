//! What a run has alive, counted while it runs: for plans whose sizes are not known before.

use tract_onnx::prelude::*;

use super::memory;
use crate::engine::budget::Account;

/// What kernels lay aside while they run, in parts of what is alive.
const SCRATCH_PART: u64 = 4;
/// More is taken in pieces of this.
const GRAIN_BYTES: u64 = 1 << 20;

/// A run needs more than is held, and more was not free.
#[derive(Debug, thiserror::Error)]
#[error("node \"{node}\" brings what is alive to {bytes} bytes")]
pub(super) struct Short {
    pub(super) node: String,
    /// What must be held to get past that node.
    pub(super) bytes: u64,
}

/// Bytes of arrays, with what kernels need beside them.
pub(super) fn with_scratch(bytes: u64) -> u64 {
    bytes.saturating_add(bytes / SCRATCH_PART)
}

/// Counts along a run and takes from the account as it grows.
pub(super) struct Meter<'a> {
    account: &'a mut Account,
    /// What the run holds of the account.
    held: u64,
    alive: u64,
    /// The most that was alive.
    peak: u64,
    /// The step after which each node's outputs are no longer needed.
    last_uses: &'a [usize],
    /// Bytes that end with each step.
    ends: Vec<u64>,
    step: usize,
}

impl<'a> Meter<'a> {
    /// `held` bytes were taken for the run already.
    pub(super) fn new(account: &'a mut Account, held: u64, last_uses: &'a [usize]) -> Self {
        Self { account, held, alive: 0, peak: 0, last_uses, ends: Vec::new(), step: 0 }
    }

    /// A node is about to make so many bytes, as far as that can be told.
    pub(super) fn before(&mut self, node: &TypedNode, bytes: u64) -> Result<(), Short> {
        self.cover(node, self.alive.saturating_add(bytes))
    }

    /// A node has made its outputs.
    pub(super) fn after(&mut self, node: &TypedNode, outputs: &[TValue]) -> Result<(), Short> {
        let made = outputs.iter().map(memory::bytes_of).fold(0, u64::saturating_add);
        let until = self.last_uses.get(node.id).copied().unwrap_or(self.step).max(self.step);
        if self.ends.len() <= until {
            self.ends.resize(until + 1, 0);
        }
        self.ends.get_mut(until).into_iter().for_each(|end| *end = end.saturating_add(made));
        self.alive = self.alive.saturating_add(made);
        self.peak = self.peak.max(self.alive);
        self.cover(node, self.alive)?;
        self.alive -= self.ends.get(self.step).copied().unwrap_or(0).min(self.alive);
        self.step += 1;
        Ok(())
    }

    fn cover(&mut self, node: &TypedNode, alive: u64) -> Result<(), Short> {
        let bytes = with_scratch(alive);
        let Some(more) = bytes.checked_sub(self.held).filter(|&more| more > 0) else {
            return Ok(());
        };
        let piece = more.max(GRAIN_BYTES.min(self.account.free()));
        if !self.account.hold_run(piece, std::time::Duration::ZERO) {
            return Err(Short { node: node.name.clone(), bytes });
        }
        self.held += piece;
        Ok(())
    }

    /// Gives back what was held; what was alive at most.
    pub(super) fn end(self) -> u64 {
        self.account.give_pages(self.held);
        self.peak
    }
}
