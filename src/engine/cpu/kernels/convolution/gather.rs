//! Copies a block of a picture into the buffer that products read, with the zeros around it.

use super::super::LANES;
use super::super::vector::{Vector, vectorised};
use super::window::{Extent, Layout, Window};

/// The outputs of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) top: usize,
    pub(super) left: usize,
    pub(super) rows: usize,
    pub(super) columns: usize,
}

/// Copies blocks of which each channel lies alike.
pub(super) struct Gather<'a> {
    window: &'a Window,
    extent: &'a Extent,
    layout: &'a Layout,
    /// The first row of the block.
    top: usize,
    /// How rows of each plane are cut.
    cuts: &'a [Cut],
}

/// A row of a plane: zeros, elements of the picture, zeros.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cut {
    /// Zeros ahead of the picture.
    ahead: usize,
    /// The first element.
    start: usize,
    /// How many lie in the picture.
    inside: usize,
}

impl Cut {
    /// For a row of `len` elements: every `stride`-th from `first` on, counted from `before` elements
    /// ahead of a picture `width` wide.
    fn new(first: usize, before: usize, stride: usize, width: usize, len: usize) -> Self {
        let ahead = before.saturating_sub(first).div_ceil(stride).min(len);
        let start = (first + ahead * stride).saturating_sub(before);
        let inside = width.saturating_sub(start).div_ceil(stride).min(len - ahead);
        Self { ahead, start: start.min(width), inside }
    }
}

impl<'a> Gather<'a> {
    /// Keeps its cuts in `cuts`.
    pub(super) fn new(
        window: &'a Window,
        extent: &'a Extent,
        layout: &'a Layout,
        block: &Block,
        cuts: &'a mut Vec<Cut>,
    ) -> Self {
        let (stride, before, width) = (window.stride[1], extent.before[1], extent.input[1]);
        let cut = |[_, remainder]: &[usize; 2]| {
            let first = block.left * stride + remainder;
            Cut::new(first, before, stride, width, layout.pitch)
        };
        cuts.clear();
        cuts.extend(layout.planes.iter().map(cut));
        Self { window, extent, layout, top: block.top, cuts }
    }
}

vectorised! {
    /// Writes what the block reads of one channel; `out` is one channel of the layout.
    channel => channel_body(gather: &Gather<'_>, picture: &[f32], out: &mut [f32])
}

#[inline(always)]
fn channel_body<V: Vector>(gather: &Gather<'_>, picture: &[f32], out: &mut [f32]) {
    let Gather { window, extent, layout, top, cuts } = *gather;
    let [height, width] = extent.input;
    assert!(picture.len() == height * width && out.len() == layout.channel());
    let plane_len = layout.height * layout.pitch;
    let planes = layout.planes.iter().zip(cuts).zip(out.chunks_exact_mut(plane_len));
    for ((remainders, cut), plane) in planes {
        for (row, out) in plane.chunks_exact_mut(layout.pitch).enumerate() {
            let y = (top + row) * window.stride[0] + remainders[0];
            match y.checked_sub(extent.before[0]).filter(|y| *y < height) {
                Some(y) => {
                    let picture = &picture[y * width..(y + 1) * width];
                    line::<V>(picture, cut, window.stride[1], out);
                }
                None => out.fill(0.0),
            }
        }
    }
}

#[inline(always)]
fn line<V: Vector>(picture: &[f32], cut: &Cut, stride: usize, out: &mut [f32]) {
    let (zeros, rest) = out.split_at_mut(cut.ahead);
    let (values, behind) = rest.split_at_mut(cut.inside);
    let picture = &picture[cut.start..];
    zeros.iter_mut().for_each(|zero| *zero = 0.0);
    behind.iter_mut().for_each(|zero| *zero = 0.0);
    match stride {
        1 => values.copy_from_slice(&picture[..cut.inside]),
        2 => every::<V, 2>(picture, values),
        4 => every::<V, 4>(picture, values),
        _ => {
            values.iter_mut().zip(picture.iter().step_by(stride)).for_each(|(to, from)| *to = *from)
        }
    }
}

/// Every second or fourth element.
#[inline(always)]
fn every<V: Vector, const STRIDE: usize>(from: &[f32], to: &mut [f32]) {
    const { assert!(STRIDE == 2 || STRIDE == 4) };
    let mut done = 0;
    while done + LANES <= to.len() && (done + LANES) * STRIDE <= from.len() {
        // SAFETY: `STRIDE` vectors can be read and one can be written.
        unsafe {
            let from = from.as_ptr().add(done * STRIDE);
            let pair = |at: usize| {
                V::load(from.add(at * LANES)).evens(V::load(from.add((at + 1) * LANES)))
            };
            let values = if STRIDE == 2 { pair(0) } else { pair(0).evens(pair(2)) };
            values.store(to.as_mut_ptr().add(done));
        }
        done += LANES;
    }
    let from = from[done * STRIDE..].iter().step_by(STRIDE);
    to[done..].iter_mut().zip(from).for_each(|(to, from)| *to = *from);
}

#[cfg(test)]
mod tests {
    use super::super::super::vector::Portable;
    use super::*;

    #[test]
    fn a_line_has_zeros_where_the_picture_ends() {
        let picture: Vec<f32> = (1..=7).map(|i| i as f32).collect();
        for first in 0..12 {
            for before in 0..5 {
                for stride in 1..4 {
                    let cut = Cut::new(first, before, stride, 7, 9);
                    let mut out = [f32::NAN; 9];
                    line::<Portable>(&picture, &cut, stride, &mut out);
                    for (i, got) in out.iter().enumerate() {
                        let at = (first + i * stride) as isize - before as isize;
                        let inside = (0..7).contains(&at);
                        let want = if inside { picture[at as usize] } else { 0.0 };
                        assert_eq!(*got, want, "{first} {before} {stride} {i}");
                    }
                }
            }
        }
    }
}
