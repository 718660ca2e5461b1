//! The smallest rectangle around points, however it is turned.

use super::in_order;
use crate::skills::pictures::{Point, Quad};

/// A rectangle, turned.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Rectangle {
    /// Direction of its first side, of length 1.
    along: Point,
    /// Where it begins and ends in this direction.
    first: (f32, f32),
    /// Where it begins and ends across.
    second: (f32, f32),
}

impl Rectangle {
    /// The one with the smallest area around these points. One of its sides lies on the hull of the
    /// points (Freeman and Shapira 1975). `None` where there is no point.
    pub(super) fn around(points: &[Point]) -> Option<Self> {
        let hull = hull(points);
        let first = *hull.first()?;
        let nexts = hull.iter().skip(1).chain([&first]);
        let mut best: Option<Self> = None;
        for (p, q) in hull.iter().zip(nexts) {
            let length = p.distance(*q);
            let along = if length > 0.0 {
                Point { x: (q.x - p.x) / length, y: (q.y - p.y) / length }
            } else {
                Point { x: 1.0, y: 0.0 }
            };
            let one = Self::along(&hull, along);
            if best.is_none_or(|best| one.area() < best.area()) {
                best = Some(one);
            }
        }
        best
    }

    fn along(points: &[Point], along: Point) -> Self {
        let range = |dot: fn(Point, Point) -> f32| {
            points.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), p| {
                let at = dot(*p, along);
                (low.min(at), high.max(at))
            })
        };
        Self {
            along,
            first: range(|p, a| p.x * a.x + p.y * a.y),
            second: range(|p, a| p.y * a.x - p.x * a.y),
        }
    }

    fn sides(&self) -> (f32, f32) {
        (self.first.1 - self.first.0, self.second.1 - self.second.0)
    }

    fn area(&self) -> f32 {
        let (one, other) = self.sides();
        one * other
    }

    pub(super) fn shorter_side(&self) -> f32 {
        let (one, other) = self.sides();
        one.min(other)
    }

    /// Larger to each side by `ratio` times area over perimeter.
    pub(super) fn grown(&self, ratio: f32) -> Self {
        let (one, other) = self.sides();
        let perimeter = 2.0 * (one + other);
        let by = if perimeter > 0.0 { self.area() * ratio / perimeter } else { 0.0 };
        let wider = |(from, to): (f32, f32)| (from - by, to + by);
        Self { along: self.along, first: wider(self.first), second: wider(self.second) }
    }

    pub(super) fn corners(&self) -> Quad {
        let Point { x, y } = self.along;
        let corner = |a: f32, b: f32| Point { x: a * x - b * y, y: a * y + b * x };
        let ((a0, a1), (b0, b1)) = (self.first, self.second);
        in_order([corner(a0, b0), corner(a1, b0), corner(a1, b1), corner(a0, b1)])
    }
}

/// The convex hull, its corners in order (Andrew 1979).
fn hull(points: &[Point]) -> Vec<Point> {
    let mut sorted = points.to_vec();
    sorted.sort_by(|a, b| a.x.total_cmp(&b.x).then(a.y.total_cmp(&b.y)));
    sorted.dedup();
    if sorted.len() < 3 {
        return sorted;
    }
    let mut lower = half(sorted.iter());
    let mut upper = half(sorted.iter().rev());
    lower.pop();
    upper.pop();
    lower.extend(upper);
    lower
}

fn half<'a>(points: impl Iterator<Item = &'a Point>) -> Vec<Point> {
    let mut chain: Vec<Point> = Vec::new();
    for &point in points {
        while let [.., a, b] = chain.as_slice() {
            let turn = (b.x - a.x) * (point.y - a.y) - (b.y - a.y) * (point.x - a.x);
            if turn > 0.0 {
                break;
            }
            chain.pop();
        }
        chain.push(point);
    }
    chain
}
