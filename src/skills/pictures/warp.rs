//! Four-cornered pieces of a picture, straightened.

use super::resample::cubic;
use super::{CHANNELS, Picture};

/// A place in a picture, in pixels from its upper left corner.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Point {
    /// To the right.
    pub x: f32,
    /// Down.
    pub y: f32,
}

impl Point {
    /// From here to there, in pixels.
    pub fn distance(self, other: Self) -> f32 {
        (self.x - other.x).hypot(self.y - other.y)
    }
}

/// Corners of a piece: upper left, upper right, lower right, lower left, as it is read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quad(pub [Point; 4]);

impl Quad {
    /// Pixels of a line and of its height, the longer of two opposite sides each; 1 at least.
    pub fn size(&self) -> (usize, usize) {
        let [a, b, c, d] = self.0;
        let width = a.distance(b).max(c.distance(d));
        let height = a.distance(d).max(b.distance(c));
        ((width as usize).max(1), (height as usize).max(1))
    }
}

impl Picture {
    /// What lies between four corners, straightened to [`Quad::size`]; cubic between pixels, and
    /// beyond the edge what is at the edge.
    pub fn straightened(&self, quad: &Quad) -> Self {
        let (width, height) = quad.size();
        let map = Projection::onto(quad);
        let mut rgb = Vec::with_capacity(width * height * CHANNELS);
        for y in 0..height {
            for x in 0..width {
                let (x, y) = map.at(x as f64 / width as f64, y as f64 / height as f64);
                rgb.extend(self.between(x, y));
            }
        }
        Self { width, height, rgb }
    }

    /// The colour between pixels, cubic as OpenCV's (a = −¾).
    fn between(&self, x: f64, y: f64) -> [u8; CHANNELS] {
        let (left, top) = (x.floor(), y.floor());
        let weights =
            |part: f64| [-1.0, 0.0, 1.0, 2.0].map(|at: f64| cubic((at - part).abs(), -0.75));
        let (across, down) = (weights(x - left), weights(y - top));
        let mut sums = [0.0; CHANNELS];
        for (row, down) in (-1..).zip(down) {
            for (column, across) in (-1..).zip(across) {
                let pixel = self.pixel(left as isize + column, top as isize + row);
                for (sum, value) in sums.iter_mut().zip(pixel) {
                    *sum += f64::from(value) * across * down;
                }
            }
        }
        sums.map(|sum| sum.round() as u8)
    }
}

/// The projection of the unit square onto four corners (Heckbert 1989, section 2.2.3).
struct Projection {
    x: [f64; 3],
    y: [f64; 3],
    w: [f64; 2],
}

impl Projection {
    fn onto(quad: &Quad) -> Self {
        let [p0, p1, p2, p3] = quad.0.map(|p| (f64::from(p.x), f64::from(p.y)));
        let (dx1, dy1) = (p1.0 - p2.0, p1.1 - p2.1);
        let (dx2, dy2) = (p3.0 - p2.0, p3.1 - p2.1);
        let sx = p0.0 - p1.0 + p2.0 - p3.0;
        let sy = p0.1 - p1.1 + p2.1 - p3.1;
        let area = dx1 * dy2 - dx2 * dy1;
        // Corners on one line have no inside; the map is then flat, which harms nothing.
        let (g, h) = if area == 0.0 {
            (0.0, 0.0)
        } else {
            ((sx * dy2 - dx2 * sy) / area, (dx1 * sy - sx * dy1) / area)
        };
        Self {
            x: [p1.0 - p0.0 + g * p1.0, p3.0 - p0.0 + h * p3.0, p0.0],
            y: [p1.1 - p0.1 + g * p1.1, p3.1 - p0.1 + h * p3.1, p0.1],
            w: [g, h],
        }
    }

    fn at(&self, u: f64, v: f64) -> (f64, f64) {
        let w = self.w[0] * u + self.w[1] * v + 1.0;
        let on = |part: &[f64; 3]| (part[0] * u + part[1] * v + part[2]) / w;
        (on(&self.x), on(&self.y))
    }
}
