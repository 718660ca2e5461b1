//! What is done to a row of sums before it is written: a short program over rows.

use super::super::{LANES, Lanes, compiled_for_each_kernel, exp};

/// Floats of a row that pass through a program at a time, so that all its rows stay in the cache.
pub(super) const CHUNK: usize = 256;

/// Where an instruction finds a number for each place.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::engine::cpu) enum Operand {
    /// The sums are value 0, and each instruction makes the next.
    Value(usize),
    /// The same everywhere.
    Scalar(f32),
    /// A number for each channel.
    Channel(Vec<f32>),
    /// A picture as large as the output, by its number.
    Picture(usize),
    /// Of a picture with one place, by its number.
    Gate(usize),
}

/// A function of one number, or of two.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::engine::cpu) enum Function {
    Add,
    Sub,
    Mul,
    Div,
    Max,
    Min,
    /// 1 / (1 + e^-x)
    Sigmoid,
    /// x / (1 + e^-x)
    Silu,
    /// x · clamp(x / 6 + 1/2, 0, 1)
    HardSwish,
    /// x where x ≥ 0, else x times this
    LeakyRelu(f32),
}

/// `function(left, right)`; functions of one number read `left`.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::engine::cpu) struct Instruction {
    pub(in crate::engine::cpu) function: Function,
    pub(in crate::engine::cpu) left: Operand,
    pub(in crate::engine::cpu) right: Operand,
}

/// Instructions whose last value is the result; none leave the sums as they are.
#[derive(Debug, Clone, Default, PartialEq)]
pub(in crate::engine::cpu) struct Tail {
    pub(in crate::engine::cpu) instructions: Vec<Instruction>,
}

/// Rows that a program works on: one for each value.
pub(super) type Rows = Vec<[f32; CHUNK]>;

/// What a program reads besides its values, at the row it works on.
pub(super) struct Around<'a> {
    pub(super) channel: usize,
    /// The same row of each picture that is as large as the output; of others the one number.
    pub(super) pictures: &'a [&'a [f32]],
}

impl Tail {
    /// Runs the program on `row`.
    pub(super) fn run(
        &self,
        kernel: super::super::Kernel,
        around: &Around<'_>,
        rows: &mut Rows,
        row: &mut [f32],
    ) {
        if self.instructions.is_empty() {
            return;
        }
        if rows.len() <= self.instructions.len() {
            rows.resize(self.instructions.len() + 1, [0.0; CHUNK]);
        }
        let mut from = 0;
        for row in row.chunks_mut(CHUNK) {
            let len = row.len();
            rows[0][..len].copy_from_slice(row);
            for (at, instruction) in self.instructions.iter().enumerate() {
                let Instruction { function, left, right } = instruction;
                let fetch = |operand: &Operand| match operand {
                    Operand::Value(value) => Fetched::Row(*value),
                    Operand::Scalar(x) => Fetched::Same(*x),
                    Operand::Channel(x) => Fetched::Same(x[around.channel]),
                    Operand::Gate(picture) => Fetched::Same(around.pictures[*picture][0]),
                    Operand::Picture(picture) => {
                        Fetched::Picture(&around.pictures[*picture][from..from + len])
                    }
                };
                step(kernel, *function, fetch(left), fetch(right), len, rows, at + 1);
            }
            row.copy_from_slice(&rows[self.instructions.len()][..len]);
            from += len;
        }
    }
}

/// An operand at a row.
#[derive(Clone, Copy)]
enum Fetched<'a> {
    /// A value before this one.
    Row(usize),
    Same(f32),
    Picture(&'a [f32]),
}

compiled_for_each_kernel! {
    /// Row `to` becomes `function(left, right)` in its first `len` places.
    step => step_body(
        function: Function, left: Fetched<'_>, right: Fetched<'_>, len: usize, rows: &mut Rows, to: usize
    )
}

#[inline(always)]
fn step_body(
    function: Function,
    left: Fetched<'_>,
    right: Fetched<'_>,
    len: usize,
    rows: &mut Rows,
    to: usize,
) {
    let (values, rest) = rows.split_at_mut(to);
    let out = &mut rest[0][..len.next_multiple_of(LANES)];
    match function {
        Function::Add => two(values, left, right, out, |a, b| a + b),
        Function::Sub => two(values, left, right, out, |a, b| a - b),
        Function::Mul => two(values, left, right, out, |a, b| a * b),
        Function::Div => two(values, left, right, out, |a, b| a / b),
        Function::Max => two(values, left, right, out, |a, b| if b > a { b } else { a }),
        Function::Min => two(values, left, right, out, |a, b| if b < a { b } else { a }),
        Function::Sigmoid => one(values, left, out, sigmoid),
        Function::Silu => one(values, left, out, |x| x * sigmoid(x)),
        Function::HardSwish => {
            one(values, left, out, |x| x * (x * (1.0 / 6.0) + 0.5).clamp(0.0, 1.0))
        }
        Function::LeakyRelu(slope) => {
            one(values, left, out, |x| if x < 0.0 { x * slope } else { x })
        }
    }
}

/// 1 / (1 + e^-x), without an overflow on either side of zero.
#[inline(always)]
fn sigmoid(x: f32) -> f32 {
    let small = exp(-x.abs());
    let above = if x < 0.0 { small } else { 1.0 };
    above / (1.0 + small)
}

#[inline(always)]
fn one(values: &[[f32; CHUNK]], x: Fetched<'_>, out: &mut [f32], f: impl Fn(f32) -> f32) {
    two(values, x, Fetched::Same(0.0), out, |x, _| f(x));
}

#[inline(always)]
fn two(
    values: &[[f32; CHUNK]],
    left: Fetched<'_>,
    right: Fetched<'_>,
    out: &mut [f32],
    f: impl Fn(f32, f32) -> f32,
) {
    for (at, out) in out.as_chunks_mut::<LANES>().0.iter_mut().enumerate() {
        let (left, right) = (lanes(values, left, at), lanes(values, right, at));
        for lane in 0..LANES {
            out[lane] = f(left[lane], right[lane]);
        }
    }
}

/// The `at`-th sixteen of an operand; zeros behind the end of a picture.
#[inline(always)]
fn lanes(values: &[[f32; CHUNK]], from: Fetched<'_>, at: usize) -> Lanes {
    match from {
        Fetched::Row(value) => values[value].as_chunks::<LANES>().0[at],
        Fetched::Same(x) => [x; LANES],
        Fetched::Picture(picture) => match picture.as_chunks::<LANES>() {
            (whole, _) if at < whole.len() => whole[at],
            (_, rest) => {
                let mut out = [0.0; LANES];
                out[..rest.len()].copy_from_slice(rest);
                out
            }
        },
    }
}
