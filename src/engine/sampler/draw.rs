//! Draws a token from what is known of a distribution: its best tokens, and about what all weigh.
//!
//! Whatever is known, the token is the one that would be drawn if everything were; where what is known
//! does not decide it, there is none.

use std::cmp::Ordering;

use crate::engine::{Sampling, TokenId};

/// What is known of a distribution.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Field {
    /// In their order; no other token comes before the last of these.
    pub(super) best: Vec<(TokenId, f32)>,
    /// Whether there are no others.
    whole: bool,
    /// What all tokens weigh, at least and at most. The first of the best weighs 1.
    mass: (f64, f64),
}

/// What sums of doubles may be off by, as a share, whatever their order.
const ROUNDING: f64 = 1e-9;

impl Field {
    /// Some of the best tokens, where all weigh between these.
    pub(super) fn of(best: Vec<(TokenId, f32)>, mass: (f64, f64)) -> Self {
        Self { best, whole: false, mass }
    }

    /// Some of the best tokens, where all weigh as much as this, but for rounding.
    pub(super) fn about(best: Vec<(TokenId, f32)>, mass: f64) -> Self {
        Self::of(best, (mass * (1.0 - ROUNDING), mass * (1.0 + ROUNDING)))
    }

    /// All tokens.
    pub(super) fn whole(best: Vec<(TokenId, f32)>) -> Self {
        Self { best, whole: true, mass: (0.0, f64::INFINITY) }
    }
}

/// The larger logit first, of equals the smaller token. Neither logit is a negative zero.
pub(super) fn order(a: &(TokenId, f32), b: &(TokenId, f32)) -> Ordering {
    b.1.total_cmp(&a.1).then(a.0.cmp(&b.0))
}

/// The token where `unit`, in 0..1, falls among those that the filters leave; none where what is known
/// does not decide it.
pub(super) fn draw(field: &Field, sampling: &Sampling, unit: f64) -> Option<TokenId> {
    let &(first, largest) = field.best.first()?;
    if !largest.is_finite() {
        return Some(first);
    }
    let known = Known::of(field, sampling);
    let at = |total: f64| known.sums.iter().position(|sum| *sum > unit * total);
    let drawn = match known.kept(field, sampling) {
        Kept::Tokens(count) => {
            let last = count.checked_sub(1)?;
            at(*known.sums.get(last)?).map_or(last, |at| at.min(last))
        }
        Kept::Weighing(least, most) => at(least).filter(|drawn| at(most) == Some(*drawn))?,
    };
    field.best.get(drawn).map(|&(token, _)| token)
}

/// What the filters leave.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Kept {
    /// So many of the known tokens.
    Tokens(usize),
    /// Tokens that together weigh at least and at most this.
    Weighing(f64, f64),
}

/// The known tokens that top-k leaves.
struct Known {
    /// What each of them weighs.
    weights: Vec<f32>,
    /// What each weighs together with all before it.
    sums: Vec<f64>,
}

/// How many tokens top-k leaves.
fn top_k(sampling: &Sampling) -> usize {
    sampling.top_k.filter(|&k| k > 0).map_or(usize::MAX, |k| k as usize)
}

impl Known {
    fn of(field: &Field, sampling: &Sampling) -> Self {
        let largest = field.best.first().map_or(0.0, |&(_, logit)| logit);
        let weight =
            |&(_, logit): &(TokenId, f32)| ((logit - largest) / sampling.temperature).exp();
        let weights: Vec<f32> = field.best.iter().take(top_k(sampling)).map(weight).collect();
        let mut sum = 0.0;
        let add = |&weight: &f32| {
            sum += f64::from(weight);
            sum
        };
        let sums = weights.iter().map(add).collect();
        Self { weights, sums }
    }

    fn kept(&self, field: &Field, sampling: &Sampling) -> Kept {
        let Self { weights, sums } = self;
        let (few, share) = (top_k(sampling), f64::from(sampling.top_p));
        let complete = field.whole || few <= field.best.len();
        let known = sums.last().copied().unwrap_or(0.0);
        // What all weigh that top-k leaves.
        let (least, most) = match (complete, few) {
            (true, _) => (known, known),
            (false, usize::MAX) => (field.mass.0.max(known), field.mass.1),
            (false, _) => (known, field.mass.1),
        };
        let light = weights.iter().position(|&w| w == 0.0 || w < sampling.min_p);
        let reached = |mass: f64| {
            let last = sums.iter().position(|sum| *sum >= share * mass);
            last.filter(|_| share < 1.0).map(|last| last + 1)
        };
        // How many are left, where the last of them is known.
        let count = |mass: f64| {
            let ends = [light, reached(mass), complete.then_some(sums.len())];
            ends.into_iter().flatten().min()
        };
        let (fewest, many) = (count(least), count(most));
        if let Some(count) = many.filter(|_| fewest == many) {
            return Kept::Tokens(count);
        }
        let weigh = |count: usize| count.checked_sub(1).and_then(|last| sums.get(last)).copied();
        // Beyond what is known, top-k and min-p may end anywhere; top-p ends with the token that
        // reaches its share, and none of these weighs more than the last that is known.
        let anywhere = sampling.min_p > 0.0 || few != usize::MAX;
        let below = if anywhere { known } else { known.max(share.min(1.0) * least) };
        let last = weights.last().copied().map_or(0.0, f64::from);
        let above = if share < 1.0 { most.min(share * most + last) } else { most };
        let least = fewest.and_then(weigh).unwrap_or(below);
        let most = many.and_then(weigh).unwrap_or(above);
        Kept::Weighing(least * (1.0 - ROUNDING), most * (1.0 + ROUNDING))
    }
}
