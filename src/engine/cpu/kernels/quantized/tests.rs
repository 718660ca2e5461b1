//! Products against their definition, and against each other.

use super::super::pack::{Bits, Layout, Packed, Stored, Width};
use super::super::pool::Pool;
use super::super::product::{Input, Matrix, Product, multiply};
use super::super::quantize::{Activations, BLOCK};
use super::*;
use crate::engine::Activation;

#[derive(Debug, Clone, Copy)]
struct Case {
    rows: usize,
    columns: usize,
    bits: Bits,
    /// Stored values stay below this.
    range: u32,
    block: usize,
    zeros: Zeros,
    /// Whether scales are halves.
    halves: bool,
    batch: usize,
}

#[derive(Debug, Clone, Copy)]
enum Zeros {
    Absent,
    Same(f32),
    Different,
}

/// Weights with their values as the definition has them, row by row.
struct Made {
    packed: Matrix,
    weights: Vec<f64>,
}

fn noise(seed: &mut u32) -> u32 {
    *seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
    *seed >> 8
}

fn make(case: &Case, seed: &mut u32) -> Made {
    let per_row = case.columns.div_ceil(case.block);
    let (row_len, per_byte) = (per_row * case.block, case.bits.per_byte());
    let cells: Vec<u8> =
        (0..case.rows * row_len).map(|_| (noise(seed) % case.range) as u8).collect();
    let width = 8 / per_byte;
    let join =
        |group: &[u8]| group.iter().rev().fold(0u32, |byte, &q| byte << width | u32::from(q));
    let values: Vec<u8> = cells.chunks(per_byte).map(|group| join(group) as u8).collect();
    let scale = |noise: u32| (noise % 1000) as f32 * 1e-4;
    let scales: Vec<f32> = (0..case.rows * per_row)
        .map(|_| scale(noise(seed)))
        .map(|s| if case.halves { half::f16::from_f32(s).to_f32() } else { s })
        .collect();
    let zero_points = match case.zeros {
        Zeros::Absent => None,
        Zeros::Same(zero) => Some(vec![zero; scales.len()]),
        Zeros::Different => {
            Some((0..scales.len()).map(|_| (noise(seed) % 160) as f32 * 0.1).collect())
        }
    };
    let middle = f32::from(1u8 << (width - 1));
    let weight = |row: usize, column: usize| {
        let at = row * per_row + column / case.block;
        let zero = zero_points.as_ref().map_or(middle, |z: &Vec<f32>| z[at]);
        f64::from(f32::from(cells[row * row_len + column]) - zero) * f64::from(scales[at])
    };
    let weights = (0..case.rows)
        .flat_map(|row| (0..case.columns).map(move |column| (row, column)))
        .map(|(row, column)| weight(row, column))
        .collect();
    let stored = Stored {
        rows: case.rows,
        columns: case.columns,
        bits: case.bits,
        block: case.block,
        layout: Layout::Rows,
        values: &values,
        scales: &scales,
        zero_points,
    };
    Made { packed: Matrix::Quantized(Packed::new(&stored).unwrap()), weights }
}

fn check(case: &Case) {
    let mut seed = 7;
    let made = make(case, &mut seed);
    let mut row = vec![0.0; case.columns];
    for (at, weights) in made.weights.chunks_exact(case.columns).enumerate() {
        made.packed.row(at, &mut row);
        for (got, want) in row.iter().zip(weights) {
            assert!((f64::from(*got) - want).abs() <= 4e-6 * want.abs().max(1.0), "{case:?}");
        }
    }
    let x: Vec<f32> = (0..case.batch * case.columns)
        .map(|at| {
            ((noise(&mut seed) % 2001) as f32 * 1e-3 - 1.0) * if at % 101 == 5 { 40.0 } else { 1.0 }
        })
        .collect();
    for activation in [Activation::Bits8, Activation::Mixed, Activation::Bits16] {
        check_for(case, activation, &made, &x);
    }
}

fn input(a: &Activations) -> Input<'_> {
    Input { rows: a.rows, floats: &[], integers: a }
}

fn plain<'a>(weights: &'a Matrix, out: &'a mut [f32]) -> Product<'a> {
    Product { weights, bias: None, gate: None, residual: None, out }
}

fn check_for(case: &Case, activation: Activation, made: &Made, x: &[f32]) {
    let mut first: Option<Vec<f32>> = None;
    for kernel in Kernel::available() {
        let pool = Pool::new(2);
        let mut a = Activations::default();
        a.set(kernel, &pool, activation, x, case.batch);
        let mut y = vec![f32::NAN; case.batch * case.rows];
        multiply(kernel, &pool, input(&a), &mut [plain(&made.packed, &mut y)]);
        for m in 0..case.batch {
            let blocks = (0..case.columns.div_ceil(BLOCK)).map(|block| a.values(m, block).0);
            let x: Vec<f64> = blocks.flatten().take(case.columns).collect();
            for (row, weights) in made.weights.chunks_exact(case.columns).enumerate() {
                let terms = x.iter().zip(weights).map(|(x, w)| x * w);
                let (want, size) = terms.fold((0.0, 0.0), |(w, s), t| (w + t, s + t.abs()));
                let got = f64::from(y[m * case.rows + row]);
                assert!((got - want).abs() <= 1e-6 * size + 1e-6, "{got} for {want}: {case:?}");
            }
        }
        // Alone or in company, on any kernel: the same bits.
        for m in 0..case.batch {
            let own = &x[m * case.columns..(m + 1) * case.columns];
            a.set(kernel, &pool, activation, own, 1);
            let mut alone = vec![0.0; case.rows];
            multiply(kernel, &pool, input(&a), &mut [plain(&made.packed, &mut alone)]);
            assert_eq!(alone, y[m * case.rows..(m + 1) * case.rows]);
        }
        if let Some(first) = &first {
            assert_eq!(&y, first, "{kernel:?} {case:?}");
        }
        first.get_or_insert(y);
    }
}

const PLAIN: Case = Case {
    rows: 40,
    columns: 96,
    bits: Bits::Four,
    range: 16,
    block: 32,
    zeros: Zeros::Absent,
    halves: true,
    batch: 3,
};

#[test]
fn products_equal_the_definition_and_each_other() {
    for (bits, range) in
        [(Bits::Two, 4), (Bits::Four, 16), (Bits::Eight, 32), (Bits::Eight, 64), (Bits::Eight, 256)]
    {
        for zeros in [Zeros::Absent, Zeros::Same(16.0), Zeros::Different] {
            for (rows, columns, block) in [(16, 32, 32), (40, 96, 16), (7, 50, 32), (33, 256, 128)]
            {
                for (batch, halves) in [(1, true), (2, false), (7, true), (9, false)] {
                    check(&Case { rows, columns, bits, range, block, zeros, halves, batch });
                }
            }
        }
    }
}

#[test]
fn weights_are_held_in_the_fewest_bits_that_keep_them() {
    for (bits, range, width) in [
        (Bits::Two, 4, Width::Four),
        (Bits::Four, 16, Width::Four),
        (Bits::Eight, 16, Width::Four),
        (Bits::Eight, 32, Width::Five),
        (Bits::Eight, 64, Width::Six),
        (Bits::Eight, 256, Width::Eight),
    ] {
        let made = make(&Case { bits, range, ..PLAIN }, &mut 3);
        let Matrix::Quantized(packed) = made.packed else { unreachable!() };
        assert_eq!(packed.form.width, width, "{bits:?} below {range}");
    }
}

#[test]
fn what_is_done_before_writing_equals_doing_it_after() {
    let mut seed = 5;
    let (up, gate) = (make(&PLAIN, &mut seed), make(&PLAIN, &mut seed));
    let other = make(&Case { rows: 21, ..PLAIN }, &mut seed);
    let batch = 11;
    let mut floats = |len: usize| -> Vec<f32> {
        (0..len).map(|_| (noise(&mut seed) % 2001) as f32 * 1e-2 - 10.0).collect()
    };
    let (x, bias, residual) = (floats(batch * 96), floats(40), floats(batch * 40));
    for kernel in Kernel::available() {
        let pool = Pool::new(2);
        let mut a = Activations::default();
        a.set(kernel, &pool, Activation::Bits16, &x, batch);
        let run = |packed: &Matrix| {
            let mut y = vec![f32::NAN; batch * packed.outputs()];
            multiply(kernel, &pool, input(&a), &mut [plain(packed, &mut y)]);
            y
        };
        let (plain_up, plain_gate, plain_other) =
            (run(&up.packed), run(&gate.packed), run(&other.packed));
        let mut finished = vec![f32::NAN; batch * 40];
        let mut gated = vec![f32::NAN; batch * 40];
        let mut beside = vec![f32::NAN; batch * 21];
        multiply(
            kernel,
            &pool,
            input(&a),
            &mut [
                Product {
                    bias: Some(&bias),
                    residual: Some(&residual),
                    ..plain(&up.packed, &mut finished)
                },
                plain(&other.packed, &mut beside),
                Product { gate: Some(&gate.packed), ..plain(&up.packed, &mut gated) },
            ],
        );
        assert_eq!(beside, plain_other);
        for (at, up) in plain_up.iter().enumerate() {
            assert_eq!(finished[at], up + bias[at % 40] + residual[at]);
            let gate = f64::from(plain_gate[at]);
            let want = gate / (1.0 + (-gate).exp()) * f64::from(*up);
            assert!((f64::from(gated[at]) - want).abs() <= 1e-6 * want.abs() + 1e-9);
        }
    }
}

#[test]
fn columns_as_they_are_stored_equal_rows() {
    let (rows, columns) = (19, 70);
    let mut seed = 11;
    let cells: Vec<u8> = (0..rows * columns).map(|_| noise(&mut seed) as u8).collect();
    let scales: Vec<f32> = (0..rows).map(|row| 0.01 + row as f32 * 1e-3).collect();
    let stored = |layout, signed: bool| Stored {
        rows,
        columns,
        bits: Bits::Eight,
        block: 96,
        layout,
        values: &cells,
        scales: &scales,
        zero_points: Some((0..rows).map(|row| if signed { 128.0 } else { row as f32 }).collect()),
    };
    for signed in [false, true] {
        let packed = Packed::new(&stored(Layout::Columns { signed }, signed)).unwrap();
        let mut out = vec![0.0; columns];
        for row in 0..rows {
            packed.row(row, &mut out);
            for (column, got) in out.iter().enumerate() {
                let cell = cells[column * rows + row];
                let q = if signed {
                    f32::from(cell.cast_signed())
                } else {
                    f32::from(cell) - row as f32
                };
                let want = q * scales[row];
                assert!((got - want).abs() <= want.abs() * 1e-5 + 1e-6, "{got} for {want}");
            }
        }
    }
}

#[test]
fn wrong_lengths_are_refused_in_words() {
    let mut stored = Stored {
        rows: 2,
        columns: 32,
        bits: Bits::Four,
        block: 32,
        layout: Layout::Rows,
        values: &[0; 31],
        scales: &[0.0; 2],
        zero_points: None,
    };
    let why = Packed::new(&stored).unwrap_err();
    assert_eq!(why, "31 weights where 32 are expected");
    stored.block = 8;
    assert!(Packed::new(&stored).unwrap_err().contains("block_size 8"));
}
