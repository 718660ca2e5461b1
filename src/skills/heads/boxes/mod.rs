//! Boxes around text, from a map that says how likely each pixel belongs to some.
//!
//! Differentiable binarisation (Liao et al. 2020) as PP-OCR's programs do it: pixels above a
//! threshold that touch are a piece; the smallest rectangle around it, however turned, is made
//! larger by as much as training made texts smaller.

mod pieces;
mod rectangle;

use crate::skills::pictures::{Point, Quad};
pub(super) use pieces::Bitmap;
use rectangle::Rectangle;

/// Pixels of the map that a piece's shorter side has at least, before it is made larger.
const LEAST_SIDE: f32 = 3.0;

/// How pieces become boxes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Rules {
    /// What a pixel of text has more than.
    pub(super) binarise: f32,
    /// What a box's pixels have on average at least.
    pub(super) least_score: f32,
    /// How much larger a box becomes: times its area over its perimeter, to each side.
    pub(super) unclip: f32,
    /// Whether pixels right of and below text are text too.
    pub(super) dilate: bool,
    /// Boxes at most; of more, the largest pieces are taken.
    pub(super) most: usize,
}

/// The likelihoods, row by row.
#[derive(Debug, Clone, Copy)]
pub(super) struct Map<'a> {
    pub(super) width: usize,
    pub(super) numbers: &'a [f32],
}

/// The boxes of a map, in its pixels, each with the mean likelihood inside.
pub(super) fn find(map: Map<'_>, rules: &Rules) -> Vec<(Quad, f32)> {
    let bitmap = Bitmap::above(map, rules.binarise);
    let bitmap = if rules.dilate { bitmap.dilated() } else { bitmap };
    let mut pieces = bitmap.pieces();
    pieces.sort_by_key(|piece| std::cmp::Reverse(piece.pixels));
    pieces.truncate(rules.most);
    let found = pieces.iter().filter_map(|piece| {
        let tight = Rectangle::around(&piece.outline)?;
        if tight.shorter_side() < LEAST_SIDE {
            return None;
        }
        let score = mean_inside(map, &tight.corners());
        let grown = tight.grown(rules.unclip);
        (score >= rules.least_score && grown.shorter_side() >= LEAST_SIDE + 2.0)
            .then(|| (grown.corners(), score))
    });
    found.collect()
}

/// The mean of the pixels within a convex shape, its border included.
fn mean_inside(map: Map<'_>, quad: &Quad) -> f32 {
    let ys = quad.0.map(|p| p.y);
    let top = ys.iter().copied().fold(f32::INFINITY, f32::min).floor().max(0.0) as usize;
    let bottom = ys.iter().copied().fold(0.0, f32::max).ceil() as usize;
    let (mut sum, mut count) = (0.0_f64, 0usize);
    let rows = map.numbers.chunks_exact(map.width).enumerate();
    for (y, row) in rows.take(bottom + 1).skip(top) {
        let Some((left, right)) = span(quad, y as f32) else { continue };
        let from = left.round().max(0.0) as usize;
        let inside = row.iter().take(right.round().max(0.0) as usize + 1).skip(from);
        for number in inside {
            sum += f64::from(*number);
            count += 1;
        }
    }
    if count == 0 { 0.0 } else { (sum / count as f64) as f32 }
}

/// Where a row crosses a convex shape.
fn span(quad: &Quad, y: f32) -> Option<(f32, f32)> {
    let [a, b, c, d] = quad.0;
    let (mut left, mut right) = (f32::INFINITY, f32::NEG_INFINITY);
    for (p, q) in [(a, b), (b, c), (c, d), (d, a)] {
        let (low, high) = if p.y <= q.y { (p, q) } else { (q, p) };
        if y < low.y || y > high.y {
            continue;
        }
        let crossings = if high.y > low.y {
            let x = low.x + (high.x - low.x) * (y - low.y) / (high.y - low.y);
            [x, x]
        } else {
            [low.x, high.x]
        };
        for x in crossings {
            left = left.min(x);
            right = right.max(x);
        }
    }
    (left <= right).then_some((left, right))
}

/// The corners in reading order, whichever way the rectangle is turned: of the two on the left the
/// upper one first, then clockwise.
fn in_order(mut corners: [Point; 4]) -> Quad {
    corners.sort_by(|a, b| a.x.total_cmp(&b.x));
    let [a, b, c, d] = corners;
    let (upper_left, lower_left) = if a.y <= b.y { (a, b) } else { (b, a) };
    let (upper_right, lower_right) = if c.y <= d.y { (c, d) } else { (d, c) };
    Quad([upper_left, upper_right, lower_right, lower_left])
}

#[cfg(test)]
mod tests;
