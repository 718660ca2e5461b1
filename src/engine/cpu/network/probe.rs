//! A plan is tried before anybody relies on it: that it runs, and that its rows are independent.

use std::cell::Cell;
use std::sync::Arc;

use tract_onnx::prelude::*;

use super::arrays::{Kind, tensor};
use super::parsed::{Declared, Given, Parsed};
use super::runner::Runner;
use crate::engine::budget::Account;
use crate::engine::cpu::caught;
use crate::engine::cpu::ops::Step;
use crate::engine::network::{Array, Dim, ElementType, InferError};

/// Lengths that free axes are tried with, until one fits.
const LENGTHS: [usize; 6] = [4, 1, 32, 64, 224, 640];
/// How far rows computed together may be from rows computed alone, beside the largest of them: no
/// more than another order of the same sums makes.
const ROUNDING: f32 = 2e-5;

/// What came of a trial.
pub(super) enum Outcome {
    /// It fails where a plan for particular shapes may not.
    Fails,
    /// It runs, or could not be tried; `joins` says whether rows are independent.
    Runs { joins: bool },
    /// There is no room for so many bytes just now.
    NoRoom { bytes: u64 },
}

/// Tries the plan for all shapes, with two rows and each of them alone where it is `batched`, within
/// what `account` can have.
pub(super) fn probe(
    plan: &Arc<TypedSimplePlan>,
    step: Step,
    inputs: &[Declared],
    batched: bool,
    account: &mut Account,
) -> TractResult<Outcome> {
    let mut runner = Runner::new(Arc::clone(plan), step)?;
    let kinds: Vec<Kind> = inputs.iter().map(|input| input.kind).collect();
    let lacked = Cell::new(None);
    let mut run = |arrays: &[Array]| -> Option<Vec<Tensor>> {
        let tensors =
            arrays.iter().zip(&kinds).map(|(a, kind)| Ok(tensor(a, *kind)?.into_tvalue()));
        let tensors = tensors.collect::<TractResult<_>>().ok()?;
        match runner.run(tensors, account) {
            Ok(outputs) => Some(outputs.into_iter().map(TValue::into_tensor).collect()),
            Err(error) => {
                if let InferError::Memory { bytes, .. } = error {
                    lacked.set(Some(bytes));
                }
                None
            }
        }
    };
    for length in LENGTHS {
        let rows: Option<Vec<Vec<Array>>> = (0..2)
            .map(|row| inputs.iter().map(|input| sample(input, length, batched, row)).collect())
            .collect();
        let Some(rows) = rows else { break };
        let first = rows.first().and_then(|row| run(row));
        // Where no rows are joined, that it runs is all there is to know.
        let second = rows.get(1).filter(|_| batched && first.is_some()).and_then(|row| run(row));
        if let Some(bytes) = lacked.get() {
            return Ok(Outcome::NoRoom { bytes });
        }
        let Some(first) = first else { continue };
        let joins = batched
            && second.is_some_and(|second| {
                let pairs =
                    rows.first().into_iter().flatten().zip(rows.get(1).into_iter().flatten());
                let both: Option<Vec<Array>> =
                    pairs.map(|(a, b)| Array::joined(&[a, b]).ok()).collect();
                let both = both.and_then(|both| run(&both));
                both.is_some_and(|both| independent(&both, &first, &second))
            });
        return Ok(match lacked.get() {
            Some(bytes) => Outcome::NoRoom { bytes },
            None => Outcome::Runs { joins },
        });
    }
    Ok(Outcome::Fails)
}

/// An input with lengths and values that are nothing special; `None` of texts and unknown axes.
pub(super) fn sample(input: &Declared, length: usize, batched: bool, row: usize) -> Option<Array> {
    let dims = input.port.dims.as_ref()?.iter().enumerate();
    let shape: Vec<usize> = dims
        .map(|(axis, dim)| match dim {
            Dim::Fixed(fixed) => *fixed,
            Dim::Free(_) if batched && axis == 0 => 1,
            Dim::Free(_) => length,
        })
        .collect();
    let count = shape.iter().try_fold(1_usize, |count, &dim| count.checked_mul(dim))?;
    // Sixteen bits of a simple generator; the second row is larger, so that what is shared shows.
    let numbers = (0..count.min(1 << 26)).scan(row as u32 * 77 + 1, |state, _| {
        *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        Some(*state >> 16)
    });
    let float = move |bits: u32| (bits as f32 / 65_536.0 - 0.25) * (1.0 + 2.0 * row as f32);
    let element = input.port.element;
    let bytes: Vec<u8> = match element {
        ElementType::Bytes => return None,
        ElementType::Float64 => {
            numbers.flat_map(|bits| f64::from(float(bits)).to_le_bytes()).collect()
        }
        ElementType::Float32 => numbers.flat_map(|bits| float(bits).to_le_bytes()).collect(),
        ElementType::Float16 => {
            numbers.flat_map(|bits| half::f16::from_f32(float(bits)).to_le_bytes()).collect()
        }
        ElementType::BFloat16 => {
            numbers.flat_map(|bits| half::bf16::from_f32(float(bits)).to_le_bytes()).collect()
        }
        _ => {
            // Small numbers are right as tokens, masks and places alike.
            let size = element.size()?;
            numbers
                .flat_map(|bits| ((bits & 1) as u64).to_le_bytes().into_iter().take(size))
                .collect()
        }
    };
    Array::new(element, shape, bytes).ok()
}

/// Whether rows computed together are those computed alone.
fn independent(both: &[Tensor], first: &[Tensor], second: &[Tensor]) -> bool {
    let wide = |tensor: &Tensor| -> Option<Vec<f32>> {
        let tensor = tensor.cast_to::<f32>().ok()?;
        let view = tensor.try_as_plain_ram().ok()?;
        Some(view.as_slice::<f32>().ok()?.to_vec())
    };
    both.iter().zip(first.iter().zip(second)).all(|(both, (first, second))| {
        let (Some(both), Some(mut alone), Some(second)) = (wide(both), wide(first), wide(second))
        else {
            return false;
        };
        alone.extend(second);
        let largest = alone.iter().filter(|v| v.is_finite()).fold(0_f32, |a, v| a.max(v.abs()));
        let near = |(a, b): (&f32, &f32)| {
            a == b || a.is_nan() && b.is_nan() || (a - b).abs() <= ROUNDING * largest
        };
        both.len() == alone.len() && both.iter().zip(&alone).all(near)
    })
}

/// Whether there are lengths for which the graph can be planned; if not, why not for the first.
pub(super) fn some_shape(parsed: &Parsed, inputs: &[Declared]) -> TractResult<()> {
    let mut first = None;
    for length in LENGTHS {
        let given: Option<Vec<Given>> = inputs
            .iter()
            .map(|input| {
                let dims = input.port.dims.as_ref()?.iter();
                let shape = dims.map(|dim| match dim {
                    Dim::Fixed(fixed) => *fixed,
                    Dim::Free(_) => length,
                });
                Some(Given::Shape(shape.collect()))
            })
            .collect();
        // Axes that only a request has are not tried.
        let Some(given) = given else { return Ok(()) };
        match caught(|| parsed.particular(&given)?.into_optimized()?.into_runnable()) {
            Ok(_) => return Ok(()),
            Err(error) => first = first.or(Some(error)),
        }
    }
    first.map_or(Ok(()), Err)
}
