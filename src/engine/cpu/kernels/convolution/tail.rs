//! What is done to a row of sums before it is written: a short program over rows.

use super::super::pool::Pool;
use super::super::{Kernel, LANES, Lanes, compiled_for_each_kernel, exp};
use super::{MOST_PICTURES, Picture};

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
    /// No less than the first and no more than the second
    Clamp(f32, f32),
}

/// `function(left, right)`; functions of one number read `left`.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::engine::cpu) struct Instruction {
    pub(in crate::engine::cpu) function: Function,
    pub(in crate::engine::cpu) left: Operand,
    pub(in crate::engine::cpu) right: Operand,
}

impl Instruction {
    fn operands(&mut self) -> [&mut Operand; 2] {
        [&mut self.left, &mut self.right]
    }
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
    /// Says the same in fewer instructions, where some make up a function of their own.
    pub(in crate::engine::cpu) fn shorten(&mut self) {
        use Function::{Add, Clamp, HardSwish, Max, Min, Mul};
        use Operand::{Scalar, Value};
        let mut at = 0;
        while at < self.instructions.len() {
            let same = self.instructions[at..].iter().map(|i| (i.function, &i.left, &i.right));
            let (v0, v1, v2, v3) = (&Value(at), &Value(at + 1), &Value(at + 2), &Value(at + 3));
            let mut same = same.take(4);
            let found = [same.next(), same.next(), same.next(), same.next()];
            let (count, function) = match found {
                [
                    Some((Add, a, Scalar(3.0))),
                    Some((Clamp(0.0, 6.0), b, _)),
                    Some((Mul, c, d)),
                    Some((Mul, e, Scalar(sixth))),
                ] if a == v0
                    && b == v1
                    && ((c == v0 && d == v2) || (c == v2 && d == v0))
                    && e == v3
                    && (sixth * 6.0 - 1.0).abs() < 1e-6 =>
                {
                    (4, HardSwish)
                }
                [Some((Max, a, Scalar(least))), Some((Min, b, Scalar(most))), ..]
                    if a == v0 && b == v1 =>
                {
                    (2, Clamp(*least, *most))
                }
                _ => {
                    at += 1;
                    continue;
                }
            };
            if self.read_between(at + 1, at + count) {
                at += 1;
                continue;
            }
            let left = Value(at);
            self.instructions.drain(at..at + count - 1);
            self.instructions[at] = Instruction { function, left, right: Scalar(0.0) };
            for operand in self.instructions.iter_mut().skip(at + 1).flat_map(Instruction::operands)
            {
                if let Value(value) = operand
                    && *value >= at + count
                {
                    *value -= count - 1;
                }
            }
            // What precedes may now be complete.
            at = 0;
        }
    }

    /// Whether values `first..end` are read by instructions from `end` on.
    fn read_between(&self, first: usize, end: usize) -> bool {
        let later = self.instructions.iter().skip(end).flat_map(|i| [&i.left, &i.right]);
        later
            .into_iter()
            .any(|operand| matches!(operand, Operand::Value(value) if (first..end).contains(value)))
    }

    /// Whether it reads pictures that are as large as the output.
    pub(in crate::engine::cpu) fn reads_pictures(&self) -> bool {
        let picture = |operand: &Operand| matches!(operand, Operand::Picture(_));
        self.instructions.iter().any(|i| picture(&i.left) || picture(&i.right))
    }

    /// # Panics
    /// Where what it reads is not there: for `rows` rows of `places` in so many channels.
    pub(super) fn check(
        &self,
        channels: usize,
        rows: usize,
        places: usize,
        pictures: &[Picture<'_>],
    ) {
        assert!(pictures.len() <= MOST_PICTURES);
        for (at, instruction) in self.instructions.iter().enumerate() {
            for operand in [&instruction.left, &instruction.right] {
                match operand {
                    Operand::Value(value) => assert!(*value <= at),
                    Operand::Scalar(_) => {}
                    Operand::Channel(numbers) => assert_eq!(numbers.len(), channels),
                    Operand::Picture(n) => assert_eq!(pictures[*n].len(), rows * places),
                    Operand::Gate(n) => assert_eq!(pictures[*n].len(), rows),
                }
            }
        }
    }

    /// Takes the first instruction away where it adds a constant to the sums or multiplies them
    /// with one, so that it can be done to weights: the function and a number for each channel.
    pub(in crate::engine::cpu) fn take_linear(
        &mut self,
        channels: usize,
    ) -> Option<(Function, Vec<f32>)> {
        use Function::{Add, Div, Mul, Sub};
        let first = self.instructions.first()?;
        let mut later = self.instructions.get(1..)?.iter().flat_map(|i| [&i.left, &i.right]);
        let read_later = later.any(|operand| *operand == Operand::Value(0));
        drop(later);
        let linear = matches!(first.function, Add | Sub | Mul | Div);
        let only_here = first.left == Operand::Value(0) && !read_later;
        let numbers = match &first.right {
            Operand::Scalar(x) => vec![*x; channels],
            Operand::Channel(numbers) => numbers.clone(),
            Operand::Value(_) | Operand::Picture(_) | Operand::Gate(_) => return None,
        };
        if !(linear && only_here) {
            return None;
        }
        let function = self.instructions.remove(0).function;
        for instruction in &mut self.instructions {
            for operand in instruction.operands() {
                if let Operand::Value(value) = operand {
                    *value -= 1;
                }
            }
        }
        Some((function, numbers))
    }

    /// Runs the program on `row`.
    pub(super) fn run(
        &self,
        kernel: Kernel,
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

/// Places that a thread takes at a time.
const TOGETHER: usize = 16 * CHUNK;

/// Runs a program on a picture of `channels` channels whose planes have `places` places each.
///
/// # Panics
/// Where a length does not fit, or the pictures that the program names are not there.
pub(in crate::engine::cpu) fn apply(
    kernel: Kernel,
    pool: &Pool,
    tail: &Tail,
    [channels, places]: [usize; 2],
    picture: Picture<'_>,
    pictures: &[Picture<'_>],
    out: &mut [f32],
) {
    let len = out.len();
    if len == 0 {
        return;
    }
    assert!(picture.len() == len && len.is_multiple_of(channels * places));
    tail.check(channels, len / places, places, pictures);
    let parts = places.div_ceil(TOGETHER);
    let pieces = (out.chunks_mut(places).zip(picture.chunks(places)).enumerate()).flat_map(
        |(plane, (out, picture))| {
            let parts = out.chunks_mut(TOGETHER).zip(picture.chunks(TOGETHER)).enumerate();
            parts.map(move |(part, (out, picture))| (plane, part * TOGETHER, out, picture))
        },
    );
    let mut pieces: Vec<_> = pieces.collect();
    // Small planes go several at a time.
    let together = (TOGETHER / places.min(TOGETHER)).max(1).min(pieces.len().div_ceil(parts));
    pool.each(pieces.chunks_mut(together).collect(), |pieces| {
        let mut rows = Rows::new();
        for (plane, from, out, picture) in pieces {
            out.copy_from_slice(picture);
            let at = *plane * places + *from;
            let mut around = [&[][..]; MOST_PICTURES];
            for (around, picture) in around.iter_mut().zip(pictures) {
                let whole = picture.len() == len;
                *around =
                    if whole { &picture[at..at + out.len()] } else { &picture[*plane..=*plane] };
            }
            let around = Around { channel: *plane % channels, pictures: &around };
            tail.run(kernel, &around, &mut rows, out);
        }
    });
}

/// An operand at a row.
#[derive(Clone, Copy)]
pub(in crate::engine::cpu) enum Fetched<'a> {
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
        Function::Clamp(least, most) => one(values, left, out, |x| {
            let x = if least > x { least } else { x };
            if most < x { most } else { x }
        }),
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
