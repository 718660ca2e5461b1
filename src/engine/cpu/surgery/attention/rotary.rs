//! How an exporter turns queries and keys by position, measured into tables.

use tract_onnx::pb::TensorProto;
use tract_onnx::tract_hir::internal::*;

use super::Attention;
use super::measure::{Bench, Fill};
use crate::engine::cpu::surgery::build;
use crate::engine::cpu::surgery::evaluate::{Setting, as_floats, zeros};

/// How far a measured number may be from what it should be.
const TOLERANCE: f32 = 1e-4;
/// Positions measured at once.
const CHUNK: usize = 512;

/// Tables of cosines and sines, positions × half a head.
#[derive(Debug, Clone)]
pub(super) struct Turning {
    pub(super) interleaved: bool,
    pub(super) cos: Vec<f32>,
    pub(super) sin: Vec<f32>,
    /// Columns of the tables.
    pub(super) half: usize,
    tables: [TensorProto; 2],
}

impl Turning {
    /// The tables as constants: cosines, sines.
    pub(super) fn tables(&self) -> &[TensorProto] {
        &self.tables
    }

    /// `x`, a head, turned as it is at a position.
    pub(super) fn turned(&self, x: &[f32], position: usize) -> Vec<f32> {
        let mut out = x.to_vec();
        for pair in 0..self.half {
            let (a, b) = places(self.interleaved, self.half, pair);
            let at = position * self.half + pair;
            let angle =
                (self.cos.get(at).copied().zip(self.sin.get(at).copied())).unwrap_or_default();
            let ((cos, sin), old) = (angle, (value(x, a), value(x, b)));
            if let Some(out) = out.get_mut(a) {
                *out = old.0 * cos - old.1 * sin;
            }
            if let Some(out) = out.get_mut(b) {
                *out = old.1 * cos + old.0 * sin;
            }
        }
        out
    }
}

fn value(values: &[f32], at: usize) -> f32 {
    values.get(at).copied().unwrap_or(f32::NAN)
}

/// Where the two numbers of a pair are in a head.
fn places(interleaved: bool, half: usize, pair: usize) -> (usize, usize) {
    if interleaved { (2 * pair, 2 * pair + 1) } else { (pair, pair + half) }
}

/// Cosines and sines of some positions.
#[derive(Debug, Default)]
struct Angles {
    cos: Vec<f32>,
    sin: Vec<f32>,
}

/// The tables of this attention, one of `known` where it is the same; `None` where nothing turns.
pub(super) fn turning(
    bench: &Bench<'_>,
    attention: Attention,
    known: &mut Vec<Turning>,
    context_tokens: usize,
) -> TractResult<Option<Turning>> {
    let (half, setting) = (attention.head_size / 2, bench.setting());
    let mut failure = None;
    for interleaved in [false, true] {
        let seen = match angles(bench, attention, interleaved, setting) {
            Ok(seen) => seen,
            Err(error) => {
                failure.get_or_insert(error);
                continue;
            }
        };
        let near = |a: &[f32], b: &[f32]| {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < TOLERANCE)
        };
        if seen.cos.iter().all(|cos| (cos - 1.0).abs() < TOLERANCE) {
            return Ok(None);
        }
        let window = setting.past * half..(setting.past + setting.tokens) * half;
        let same = |table: &&Turning| {
            table.interleaved == interleaved
                && table.cos.get(window.clone()).is_some_and(|cos| near(cos, &seen.cos))
                && table.sin.get(window.clone()).is_some_and(|sin| near(sin, &seen.sin))
        };
        if let Some(table) = known.iter().find(same) {
            return Ok(Some(table.clone()));
        }
        let Angles { cos, sin } = whole(bench, attention, interleaved, context_tokens)?;
        steady(&cos, &sin, half, context_tokens)?;
        let name = |what: &str| format!("endcap_rotary_{}_{what}", known.len());
        let shape = [context_tokens, half];
        let tables =
            [build::floats(&name("cos"), &shape, &cos), build::floats(&name("sin"), &shape, &sin)];
        let found = Turning { interleaved, cos, sin, half, tables };
        known.push(found.clone());
        return Ok(Some(found));
    }
    Err(failure.unwrap_or_else(|| format_err!("queries are not turned by angles")))
}

/// The angles of all positions below `context_tokens`.
fn whole(
    bench: &Bench<'_>,
    attention: Attention,
    interleaved: bool,
    context_tokens: usize,
) -> TractResult<Angles> {
    let mut all = Angles::default();
    // Without a cache positions start at 0, so they have to be measured together.
    let chunk = if bench.caches.iter().all(Option::is_some) { CHUNK } else { context_tokens };
    for past in (0..context_tokens).step_by(chunk.max(1)) {
        let setting = Setting { past, tokens: chunk.min(context_tokens - past) };
        let part = angles(bench, attention, interleaved, setting)?;
        all.cos.extend(part.cos);
        all.sin.extend(part.sin);
    }
    Ok(all)
}

/// Feeds a query whose pairs are (1, 0), and reads the cosines and sines that come of it.
fn angles(
    bench: &Bench<'_>,
    attention: Attention,
    interleaved: bool,
    setting: Setting,
) -> TractResult<Angles> {
    let (size, half) = (attention.head_size, attention.head_size / 2);
    let first = |_: usize, column: usize| {
        let column = column % size;
        let is_first = if interleaved { column.is_multiple_of(2) } else { column < half };
        f32::from(u8::from(is_first))
    };
    let nothing: &Fill<'_> = &|_, _| 0.0;
    let [query, ..] = bench.pattern.operands;
    let turned = bench.run(setting, &[query], [&first, nothing, nothing], |_, s| zeros(s))?;
    let turned = as_floats(turned.first().context("no query")?)?;
    ensure!(
        turned.len() == attention.heads * setting.tokens * size,
        "{} numbers in queries of {} heads of {size}",
        turned.len(),
        attention.heads
    );
    let mut angles = Angles::default();
    // Part of the scale may be in the query already.
    let mut length = None;
    for head in turned.chunks_exact(size).take(setting.tokens) {
        for pair in 0..half {
            let (a, b) = places(interleaved, half, pair);
            let (x, y) = (value(head, a), value(head, b));
            let norm = x.hypot(y);
            let length = *length.get_or_insert(norm);
            ensure!(
                length > 0.0 && (norm / length - 1.0).abs() < TOLERANCE,
                "queries are turned by more than an angle for each pair"
            );
            angles.cos.push(x / norm);
            angles.sin.push(y / norm);
        }
    }
    Ok(angles)
}

/// Angles must grow with the position: some scalings change them when a sequence gets long.
fn steady(cos: &[f32], sin: &[f32], half: usize, positions: usize) -> TractResult<()> {
    /// Angles are single floats: at position 10,000 they are known to about this.
    const ANGLE_TOLERANCE: f32 = 1e-2;
    let row = |table: &[f32], position: usize| -> Vec<f32> {
        table.iter().skip(position * half).take(half).copied().collect()
    };
    let last = positions.saturating_sub(1);
    for first in [last / 2, last / 3, last / 7] {
        let rest = last - first;
        let (a, b, sum) = (row(cos, first), row(cos, rest), row(cos, last));
        let (c, d) = (row(sin, first), row(sin, rest));
        let parts = a.iter().zip(&b).zip(c.iter().zip(&d));
        let off = parts.zip(&sum).map(|(((a, b), (c, d)), sum)| (a * b - c * d - sum).abs());
        let worst = off.fold(0.0, f32::max);
        ensure!(
            worst < ANGLE_TOLERANCE,
            "its rotary angles do not grow evenly with the position (off by {worst}), which a \
             scaling that depends on the length does"
        );
    }
    Ok(())
}
