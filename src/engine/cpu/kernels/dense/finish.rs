//! What is done to sums before they are written: a bias, a function, a residual.

use std::marker::PhantomData;

use super::super::function::{gelu, gelu_tanh, sigmoid, tanh};
use super::super::fused::{Baseline, Fused};
use super::super::vector::Vector;
use super::super::{LANES, Lanes};
use super::{Block, Machine, TILES};

/// A function of each value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::engine::cpu) enum Function {
    /// The value itself.
    #[default]
    None,
    /// `max(x, 0)`.
    Relu,
    /// `x * Φ(x)` (Hendrycks and Gimpel 2016, arXiv:1606.08415).
    Gelu,
    /// Its approximation by tanh, from the same paper.
    GeluTanh,
    /// Hyperbolic tangent.
    Tanh,
    /// `1 / (1 + e^-x)`.
    Sigmoid,
}

impl Function {
    /// Its value.
    pub(in crate::engine::cpu) fn of(self, x: f32) -> f32 {
        let mut lanes = [x; LANES];
        apply::<Baseline>(self, &mut lanes);
        lanes[0]
    }
}

/// Where sums go, and how. Threads write different columns.
pub(super) struct Finish<'a> {
    /// One value an output, or none.
    bias: &'a [f32],
    function: Function,
    residual: Option<&'a [f32]>,
    out: *mut f32,
    rows: usize,
    outputs: usize,
    _out: PhantomData<&'a mut [f32]>,
}

// SAFETY: each tile's columns are written by the one thread that computes the tile.
unsafe impl Sync for Finish<'_> {}

impl<'a> Finish<'a> {
    pub(super) fn new(
        bias: &'a [f32],
        function: Function,
        residual: Option<&'a [f32]>,
        out: &'a mut [f32],
        rows: usize,
        outputs: usize,
    ) -> Self {
        assert_eq!(out.len(), rows * outputs);
        assert!(residual.is_none_or(|residual| residual.len() == out.len()));
        assert!(bias.is_empty() || bias.len() == outputs);
        let out = out.as_mut_ptr();
        Self { bias, function, residual, out, rows, outputs, _out: PhantomData }
    }

    pub(super) fn fits(&self, rows: usize, outputs: usize) -> bool {
        (self.rows, self.outputs) == (rows, outputs)
    }

    /// Writes the sums of `m` rows from `row` on and `t` tiles from `tile` on.
    #[inline(always)]
    pub(super) fn write<A: Machine>(
        &self,
        row: usize,
        m: usize,
        tile: usize,
        t: usize,
        sums: &mut Block,
    ) {
        assert!(row + m <= self.rows && (tile + t - 1) * LANES < self.outputs);
        let mut biases = [[0.0; LANES]; TILES];
        let from = (tile * LANES).min(self.bias.len());
        let to = ((tile + t) * LANES).min(self.bias.len());
        biases.as_flattened_mut()[..to - from].copy_from_slice(&self.bias[from..to]);
        for (row, sums) in (row..row + m).zip(sums) {
            for ((tile, sums), bias) in (tile..tile + t).zip(sums).zip(&biases) {
                for lane in 0..LANES {
                    sums[lane] += bias[lane];
                }
                apply::<<A::Vector as Vector>::Fused>(self.function, sums);
                let from = tile * LANES;
                let (at, len) = (row * self.outputs + from, LANES.min(self.outputs - from));
                // SAFETY: row and tile exist, as checked above, and no other thread writes here.
                let out = unsafe { std::slice::from_raw_parts_mut(self.out.add(at), len) };
                let residual = self.residual.map(|residual| &residual[at..at + len]);
                place(sums, residual, out);
            }
        }
    }
}

#[inline(always)]
fn place(sums: &Lanes, residual: Option<&[f32]>, out: &mut [f32]) {
    // Whole tiles by themselves: they are moves of one register.
    if let Ok(out) = <&mut Lanes>::try_from(&mut *out) {
        match residual.and_then(|residual| <&Lanes>::try_from(residual).ok()) {
            Some(residual) => *out = std::array::from_fn(|lane| sums[lane] + residual[lane]),
            None => *out = *sums,
        }
        return;
    }
    for (at, out) in out.iter_mut().enumerate() {
        *out = sums[at] + residual.map_or(0.0, |residual| residual[at]);
    }
}

#[inline(always)]
fn apply<F: Fused>(function: Function, sums: &mut Lanes) {
    match function {
        Function::None => {}
        Function::Relu => sums.iter_mut().for_each(|x| *x = if *x < 0.0 { 0.0 } else { *x }),
        Function::Gelu => sums.iter_mut().for_each(|x| *x = gelu::<F>(*x)),
        Function::GeluTanh => sums.iter_mut().for_each(|x| *x = gelu_tanh::<F>(*x)),
        Function::Tanh => sums.iter_mut().for_each(|x| *x = tanh::<F>(*x)),
        Function::Sigmoid => sums.iter_mut().for_each(|x| *x = sigmoid::<F>(*x)),
    }
}
