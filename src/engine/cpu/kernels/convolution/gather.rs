//! Copies a block of a picture into the buffer that products read, with the zeros around it.

use super::window::{Extent, Layout, Window};

/// The outputs of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) top: usize,
    pub(super) left: usize,
    pub(super) rows: usize,
    pub(super) columns: usize,
}

/// Writes what `block` reads of one channel; `out` is one channel of `layout`.
pub(super) fn channel(
    window: &Window,
    extent: &Extent,
    layout: &Layout,
    block: &Block,
    picture: &[f32],
    out: &mut [f32],
) {
    let [height, width] = extent.input;
    assert!(picture.len() == height * width && out.len() == layout.channel());
    let plane_len = layout.height * layout.pitch;
    for (remainders, plane) in layout.planes.iter().zip(out.chunks_exact_mut(plane_len)) {
        for (row, out) in plane.chunks_exact_mut(layout.pitch).enumerate() {
            let y = (block.top + row) * window.stride[0] + remainders[0];
            match y.checked_sub(extent.before[0]).filter(|y| *y < height) {
                Some(y) => {
                    let first = block.left * window.stride[1] + remainders[1];
                    let picture = &picture[y * width..(y + 1) * width];
                    line(picture, first, extent.before[1], window.stride[1], out);
                }
                None => out.fill(0.0),
            }
        }
    }
}

/// Every `stride`-th element from `first` on, counted from `before` elements ahead of the picture.
fn line(picture: &[f32], first: usize, before: usize, stride: usize, out: &mut [f32]) {
    // Those of `out` that lie ahead of the picture, and those that lie in it.
    let ahead = before.saturating_sub(first).div_ceil(stride).min(out.len());
    let start = (first + ahead * stride).saturating_sub(before);
    let inside = picture.len().saturating_sub(start).div_ceil(stride).min(out.len() - ahead);
    let (zeros, rest) = out.split_at_mut(ahead);
    let (values, behind) = rest.split_at_mut(inside);
    zeros.fill(0.0);
    behind.fill(0.0);
    if inside == 0 {
        return;
    }
    let picture = &picture[start..];
    match stride {
        1 => values.copy_from_slice(&picture[..inside]),
        2 => values.iter_mut().zip(picture.iter().step_by(2)).for_each(|(to, from)| *to = *from),
        _ => {
            values.iter_mut().zip(picture.iter().step_by(stride)).for_each(|(to, from)| *to = *from)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_zeros_where_the_picture_ends() {
        let picture: Vec<f32> = (1..=7).map(|i| i as f32).collect();
        for first in 0..12 {
            for before in 0..5 {
                for stride in 1..4 {
                    let mut out = [f32::NAN; 9];
                    line(&picture, first, before, stride, &mut out);
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
