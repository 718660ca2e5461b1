//! Pictures made larger or smaller.
//!
//! Separable convolution, rows first, as Pillow does it. With `antialias` a filter is as wide as
//! the pixels it makes one of, and rows are rounded to 8 bits before columns: Pillow's result.
//! Without, it looks only at the nearest pixels, whatever lies between: OpenCV's. Models read best
//! what they were trained with.

use std::collections::VecDeque;
use std::ops::Range;

use serde::Deserialize;

/// Which pixels make a new one, and how much of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Filter {
    /// The nearest one.
    Nearest,
    /// Those it covers, evenly.
    Area,
    /// Linear between neighbours.
    Bilinear,
    /// Cubic: a = −½ with `antialias`, as Pillow's, else −¾, as OpenCV's.
    Bicubic,
    /// Lanczos over three pixels to each side.
    Lanczos,
}

/// A filter and how wide it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resampling {
    /// Its shape.
    pub filter: Filter,
    /// Whether it widens where a picture becomes smaller.
    pub antialias: bool,
}

/// What of which source pixels makes one new pixel.
struct Taps {
    from: Range<usize>,
    weights: Vec<f32>,
}

/// A mask of one byte for each pixel, made from one width and height to another.
pub fn resize_mask(
    mask: &[u8],
    from: (usize, usize),
    to: (usize, usize),
    resampling: Resampling,
) -> Vec<u8> {
    resize::<1>(mask, from, to, resampling)
}

/// `pixels` of `N` channels each, made from one width and height to another.
pub(super) fn resize<const N: usize>(
    pixels: &[u8],
    from: (usize, usize),
    to: (usize, usize),
    resampling: Resampling,
) -> Vec<u8> {
    let (width, height) = (to.0.max(1), to.1.max(1));
    if from == (width, height) {
        return pixels.to_vec();
    }
    let columns = taps(from.0, width, resampling);
    let rows = taps(from.1, height, resampling);
    let source: Vec<&[u8]> = pixels.chunks_exact(from.0 * N).collect();
    let mut resized = Vec::with_capacity(width * height * N);
    // Only the rows that the next new one is made of are held.
    let mut window: VecDeque<(usize, Vec<f32>)> = VecDeque::new();
    for row in &rows {
        while window.front().is_some_and(|(at, _)| *at < row.from.start) {
            window.pop_front();
        }
        let next = window.back().map_or(row.from.start, |(at, _)| at + 1);
        for (at, line) in source.iter().enumerate().take(row.from.end).skip(next) {
            window.push_back((at, narrow::<N>(line, &columns, resampling.antialias)));
        }
        let mut sums = vec![0.0_f32; width * N];
        for ((_, line), weight) in window.iter().zip(&row.weights) {
            sums.iter_mut().zip(line).for_each(|(sum, value)| *sum += value * weight);
        }
        resized.extend(sums.iter().map(|sum| sum.round() as u8));
    }
    resized
}

/// One row with new columns.
fn narrow<const N: usize>(line: &[u8], columns: &[Taps], rounded: bool) -> Vec<f32> {
    let (pixels, _) = line.as_chunks::<N>();
    let mut narrowed = Vec::with_capacity(columns.len() * N);
    for column in columns {
        let mut sums = [0.0_f32; N];
        let covered = pixels.get(column.from.clone()).unwrap_or_default();
        for (pixel, weight) in covered.iter().zip(&column.weights) {
            for (sum, &value) in sums.iter_mut().zip(pixel) {
                *sum += f32::from(value) * weight;
            }
        }
        if rounded {
            sums = sums.map(|sum| sum.round().clamp(0.0, 255.0));
        }
        narrowed.extend(sums);
    }
    narrowed
}

/// For each of `to` new pixels, what of `from` old ones makes it.
fn taps(from: usize, to: usize, resampling: Resampling) -> Vec<Taps> {
    let scale = from as f64 / to as f64;
    (0..to).map(|at| taps_at(at, from, scale, resampling)).collect()
}

fn taps_at(at: usize, from: usize, scale: f64, resampling: Resampling) -> Taps {
    if resampling.filter == Filter::Nearest {
        // Pillow looks at a pixel's middle, OpenCV at its upper left corner.
        let within = if resampling.antialias { 0.5 } else { 0.0 };
        let nearest = (((at as f64 + within) * scale) as usize).min(from - 1);
        return Taps { from: nearest..nearest + 1, weights: vec![1.0] };
    }
    // What covers pixels has to be as wide as them.
    let widened = resampling.antialias || resampling.filter == Filter::Area;
    let stretch = if widened { scale.max(1.0) } else { 1.0 };
    let reach = resampling.filter.reach() * stretch;
    let centre = (at as f64 + 0.5) * scale;
    let start = ((centre - reach + 0.5).floor().max(0.0) as usize).min(from - 1);
    let end = ((centre + reach + 0.5).floor().max(0.0) as usize).clamp(start + 1, from);
    let weight = |pixel: usize| {
        let distance = (pixel as f64 + 0.5 - centre) / stretch;
        resampling.filter.weight(distance, resampling.antialias)
    };
    let weights: Vec<f64> = (start..end).map(weight).collect();
    let sum: f64 = weights.iter().sum();
    if sum == 0.0 {
        let nearest = (centre as usize).min(from - 1);
        return Taps { from: nearest..nearest + 1, weights: vec![1.0] };
    }
    Taps { from: start..end, weights: weights.iter().map(|w| (w / sum) as f32).collect() }
}

impl Filter {
    /// Pixels to each side that it looks at.
    fn reach(self) -> f64 {
        match self {
            Self::Nearest | Self::Area => 0.5,
            Self::Bilinear => 1.0,
            Self::Bicubic => 2.0,
            Self::Lanczos => 3.0,
        }
    }

    fn weight(self, distance: f64, antialias: bool) -> f64 {
        let x = distance.abs();
        match self {
            Self::Nearest | Self::Area => f64::from(distance > -0.5 && distance <= 0.5),
            Self::Bilinear => (1.0 - x).max(0.0),
            Self::Bicubic => cubic(x, if antialias { -0.5 } else { -0.75 }),
            Self::Lanczos if x < 3.0 => sinc(x) * sinc(x / 3.0),
            Self::Lanczos => 0.0,
        }
    }
}

/// Keys' cubic convolution.
pub(super) fn cubic(x: f64, a: f64) -> f64 {
    if x < 1.0 {
        ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0
    } else if x < 2.0 {
        (((x - 5.0) * x + 8.0) * x - 4.0) * a
    } else {
        0.0
    }
}

fn sinc(x: f64) -> f64 {
    let turn = x * std::f64::consts::PI;
    if x == 0.0 { 1.0 } else { turn.sin() / turn }
}
