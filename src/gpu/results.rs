//! What a step gives for the rows that are wanted, and how it is read.

use crate::GpuError;
use crate::kernels::{CANDIDATES, HEAD_WORDS, LIST_WORDS, NO_PAIR};

/// A row that gives results.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Wanted {
    /// Its place among the step's rows.
    pub row: usize,
    /// What it gives.
    pub need: Need,
}

/// What is wanted of a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Need {
    /// The token with the largest logit.
    Best,
    /// The largest logits, or all of them where who asked says that these are not enough.
    Top {
        /// By which differences of logits are divided before they are weighed; above 0.
        temperature: f32,
    },
    /// All logits.
    Logits,
}

/// What a row gives.
#[derive(Debug, Clone, PartialEq)]
pub enum Found {
    /// The first of the tokens with the largest logit.
    Best(u32),
    /// The largest logits.
    Top(Top),
    /// As many as the vocabulary has tokens.
    Logits(Vec<f32>),
}

/// The largest logits of a row.
#[derive(Debug, Clone, PartialEq)]
pub struct Top {
    /// Tokens and their logits, the largest first, the first of equals first: [`Top::MOST`], or the
    /// whole vocabulary where it has no more.
    pub best: Vec<(u32, f32)>,
    /// Of all logits, the sum of `exp((logit - largest) / temperature)`. It is off by no more than
    /// [`Top::MASS_TOLERANCE`] of itself.
    pub mass: f32,
    /// The same with a temperature of 1.
    pub plain_mass: f32,
}

impl Top {
    /// Logits of a row at most.
    pub const MOST: usize = CANDIDATES;

    /// WGSL lets `exp(x)` be off by `3 + 2 |x|` units in the last place. A term with |x| up to 30
    /// goes through three or four of them, whose |x| add up to its own: up to 9e-6. Its differences
    /// and quotients are rounded, which makes another 6e-6, and so do some thirty additions, 2e-6. All
    /// terms with larger |x| together weigh less than that of 1e-6.
    pub const MASS_TOLERANCE: f64 = 3e-5;
}

/// Words of what is read of a row for `need`, and the first of them in its list, where lists are made.
pub(crate) fn words(need: Need, lists: bool, stride: usize) -> (usize, usize) {
    match need {
        Need::Best if lists => (HEAD_WORDS, 2),
        Need::Best => (0, 1),
        Need::Top { .. } => (0, LIST_WORDS),
        Need::Logits => (0, stride),
    }
}

/// What the words of a row say.
pub(crate) fn parse(need: Need, words: &[u32], vocabulary: usize) -> Result<Found, GpuError> {
    let strange = || GpuError::Internal("the model's logits are not numbers".to_owned());
    match (need, words) {
        // By itself it is all bits where a logit was no number.
        (Need::Best, [token]) if *token != u32::MAX => Ok(Found::Best(*token)),
        (Need::Best, [logit, token]) if !f32::from_bits(*logit).is_nan() => Ok(Found::Best(*token)),
        (Need::Top { .. }, [_, mass, plain_mass, _, pairs @ ..]) => {
            let pairs = pairs.chunks_exact(2).filter_map(|pair| match pair {
                [_, NO_PAIR] => None,
                [logit, token] => Some((*token, f32::from_bits(*logit))),
                _ => None,
            });
            let best: Vec<_> = pairs.collect();
            if best.first().is_none_or(|(_, largest)| largest.is_nan()) {
                return Err(strange());
            }
            let [mass, plain_mass] = [*mass, *plain_mass].map(f32::from_bits);
            Ok(Found::Top(Top { best, mass, plain_mass }))
        }
        (Need::Logits, words) => {
            let logits = words.iter().take(vocabulary).map(|&word| f32::from_bits(word));
            Ok(Found::Logits(logits.collect()))
        }
        _ => Err(strange()),
    }
}
