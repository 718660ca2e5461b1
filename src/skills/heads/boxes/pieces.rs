//! Which pixels belong together.

use std::collections::BTreeMap;

use super::Map;
use crate::skills::pictures::Point;

/// Pixels that are text or not, row by row.
pub(in crate::skills::heads) struct Bitmap {
    width: usize,
    set: Vec<bool>,
}

/// Pixels that touch, corners included.
pub(super) struct Piece {
    /// How many.
    pub(super) pixels: usize,
    /// The ends of its runs: everything that lies outermost is among them.
    pub(super) outline: Vec<Point>,
}

/// Set pixels side by side in one row.
struct Run {
    row: usize,
    first: usize,
    last: usize,
}

impl Bitmap {
    /// Pixels above this.
    pub(super) fn above(map: Map<'_>, threshold: f32) -> Self {
        Self { width: map.width, set: map.numbers.iter().map(|x| *x > threshold).collect() }
    }

    /// With the pixels right of, below, and right below those that are set.
    pub(super) fn dilated(&self) -> Self {
        let mut set = self.set.clone();
        for step in [1, self.width, self.width + 1] {
            let sideways = step != self.width;
            for (at, (to, from)) in set.iter_mut().skip(step).zip(&self.set).enumerate() {
                // What is right of a row's last pixel is the next row's first.
                let wraps = sideways && at % self.width == self.width - 1;
                *to |= *from && !wraps;
            }
        }
        Self { width: self.width, set }
    }

    /// The pieces, in the order of their first pixels.
    pub(super) fn pieces(&self) -> Vec<Piece> {
        let runs = self.runs();
        let mut sets = Sets((0..runs.len()).collect());
        // Runs of the row above that may still touch one of this row begin here.
        let mut above = 0;
        for (at, run) in runs.iter().enumerate() {
            while let Some(upper) = runs.get(above).filter(|_| above < at) {
                if upper.row + 1 < run.row || (upper.row < run.row && upper.last + 1 < run.first) {
                    above += 1;
                } else {
                    break;
                }
            }
            let candidates = runs.iter().enumerate().take(at).skip(above);
            for (other, upper) in candidates {
                if upper.row == run.row || upper.first > run.last + 1 {
                    break;
                }
                sets.join(other, at);
            }
        }
        let mut pieces: BTreeMap<usize, Piece> = BTreeMap::new();
        for (at, run) in runs.iter().enumerate() {
            let empty = || Piece { pixels: 0, outline: Vec::new() };
            let piece = pieces.entry(sets.first(at)).or_insert_with(empty);
            piece.pixels += run.last - run.first + 1;
            let point = |x: usize| Point { x: x as f32, y: run.row as f32 };
            piece.outline.extend([point(run.first), point(run.last)]);
        }
        pieces.into_values().collect()
    }

    fn runs(&self) -> Vec<Run> {
        let mut runs: Vec<Run> = Vec::new();
        for (row, pixels) in self.set.chunks_exact(self.width).enumerate() {
            for (x, _) in pixels.iter().enumerate().filter(|(_, set)| **set) {
                match runs.last_mut() {
                    Some(run) if run.row == row && run.last + 1 == x => run.last = x,
                    _ => runs.push(Run { row, first: x, last: x }),
                }
            }
        }
        runs
    }
}

/// Disjoint sets; each number leads to a lower one of its set, or to itself.
struct Sets(Vec<usize>);

impl Sets {
    /// The lowest number of a set.
    fn first(&mut self, mut at: usize) -> usize {
        loop {
            let next = self.0.get(at).copied().unwrap_or(at);
            if next == at {
                return at;
            }
            // Halves the way for who comes next.
            let beyond = self.0.get(next).copied().unwrap_or(next);
            if let Some(step) = self.0.get_mut(at) {
                *step = beyond;
            }
            at = next;
        }
    }

    fn join(&mut self, one: usize, other: usize) {
        let (one, other) = (self.first(one), self.first(other));
        if let Some(step) = self.0.get_mut(one.max(other)) {
            *step = one.min(other);
        }
    }
}
