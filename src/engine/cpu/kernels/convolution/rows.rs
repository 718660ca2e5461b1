//! Programs at work: see [`Tail`].

use super::super::function::{gelu, sigmoid};
use super::super::fused::Fused;
use super::super::pool::Pool;
use super::super::{Kernel, LANES, Lanes, compiled_for_each_kernel};
use super::tail::{Function, Instruction, Operand, Tail};
use super::{MOST_PICTURES, Picture};

/// Floats of a row that pass through a program at a time, so that all its rows stay in the cache.
pub(super) const CHUNK: usize = 256;

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
        kernel: Kernel,
        around: &Around<'_>,
        rows: &mut Rows,
        row: &mut [f32],
    ) {
        if self.is_chain() {
            return self.run_chain(kernel, around, row);
        }
        if rows.len() <= self.instructions.len() {
            rows.resize(self.instructions.len() + 1, [0.0; CHUNK]);
        }
        for (chunk, row) in row.chunks_mut(CHUNK).enumerate() {
            let (from, len) = (chunk * CHUNK, row.len());
            rows[0][..len].copy_from_slice(row);
            for (at, Instruction { function, left, right }) in self.instructions.iter().enumerate()
            {
                let (left, right) = (around.at(left, from, len), around.at(right, from, len));
                let (values, out) = rows.split_at_mut(at + 1);
                let out = &mut out[0][..len.next_multiple_of(LANES)];
                step(kernel, *function, left, right, values, out);
            }
            row.copy_from_slice(&rows[self.instructions.len()][..len]);
        }
    }

    /// Whether each instruction reads the value before it and no other.
    pub(super) fn is_chain(&self) -> bool {
        self.instructions.iter().enumerate().all(|(at, instruction)| {
            let left = instruction.left == Operand::Value(at);
            left && !matches!(instruction.right, Operand::Value(_))
        })
    }

    /// Runs a chain where its values are.
    fn run_chain(&self, kernel: Kernel, around: &Around<'_>, row: &mut [f32]) {
        let whole = row.len() / LANES * LANES;
        let (row, rest) = row.split_at_mut(whole);
        for (chunk, row) in row.chunks_mut(CHUNK).enumerate() {
            self.links(kernel, around, [chunk * CHUNK, row.len()], Fetched::Own, row);
        }
        if !rest.is_empty() {
            let mut lanes = [0.0; LANES];
            lanes[..rest.len()].copy_from_slice(rest);
            self.links(kernel, around, [whole, rest.len()], Fetched::Own, &mut lanes);
            rest.copy_from_slice(&lanes[..rest.len()]);
        }
    }

    /// Runs a chain on `row` and writes what comes of it to `out`.
    pub(super) fn run_chain_to(
        &self,
        kernel: Kernel,
        around: &Around<'_>,
        row: &[f32],
        out: &mut [f32],
    ) {
        if self.instructions.is_empty() {
            return out.copy_from_slice(row);
        }
        let whole = row.len() / LANES * LANES;
        let (out, rest) = out.split_at_mut(whole);
        for (chunk, (out, row)) in out.chunks_mut(CHUNK).zip(row[..whole].chunks(CHUNK)).enumerate()
        {
            self.links(kernel, around, [chunk * CHUNK, row.len()], Fetched::Picture(row), out);
        }
        if !rest.is_empty() {
            let mut lanes = [0.0; LANES];
            let row = Fetched::Picture(&row[whole..]);
            self.links(kernel, around, [whole, rest.len()], row, &mut lanes);
            rest.copy_from_slice(&lanes[..rest.len()]);
        }
    }

    /// Runs a chain that begins with `row`, so many places from one on; `out` is whole sixteens.
    fn links(
        &self,
        kernel: Kernel,
        around: &Around<'_>,
        [from, len]: [usize; 2],
        mut row: Fetched<'_>,
        out: &mut [f32],
    ) {
        for Instruction { function, right, .. } in &self.instructions {
            step(kernel, *function, row, around.at(right, from, len), &[], out);
            row = Fetched::Own;
        }
    }
}

impl<'a> Around<'a> {
    /// An operand for `len` places from `from` on.
    fn at(&self, operand: &Operand, from: usize, len: usize) -> Fetched<'a> {
        match operand {
            Operand::Value(value) => Fetched::Row(*value),
            Operand::Scalar(x) => Fetched::Same(*x),
            Operand::Channel(x) => Fetched::Same(x[self.channel]),
            Operand::Gate(picture) => Fetched::Same(self.pictures[*picture][0]),
            Operand::Picture(picture) => {
                Fetched::Picture(&self.pictures[*picture][from..from + len])
            }
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
    /// What is overwritten; only on the left.
    Own,
    /// A value before this one.
    Row(usize),
    Same(f32),
    Picture(&'a [f32]),
}

compiled_for_each_kernel! {
    /// `out`, whole sixteens, becomes `function(left, right)`.
    step => step_body<Fused>(
        function: Function,
        left: Fetched<'_>,
        right: Fetched<'_>,
        values: &[[f32; CHUNK]],
        out: &mut [f32],
    )
}

#[inline(always)]
fn step_body<F: Fused>(
    function: Function,
    left: Fetched<'_>,
    right: Fetched<'_>,
    values: &[[f32; CHUNK]],
    out: &mut [f32],
) {
    match function {
        Function::Add => two(values, left, right, out, |a, b| a + b),
        Function::Sub => two(values, left, right, out, |a, b| a - b),
        Function::Mul => two(values, left, right, out, |a, b| a * b),
        Function::Div => two(values, left, right, out, |a, b| a / b),
        Function::Max => two(values, left, right, out, |a, b| if b > a { b } else { a }),
        Function::Min => two(values, left, right, out, |a, b| if b < a { b } else { a }),
        Function::Sigmoid => one(values, left, out, sigmoid::<F>),
        Function::Gelu => one(values, left, out, gelu::<F>),
        Function::Silu => one(values, left, out, |x| x * sigmoid::<F>(x)),
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
        let right = lanes(values, right, at);
        let left = match left {
            Fetched::Own => *out,
            other => lanes(values, other, at),
        };
        for lane in 0..LANES {
            out[lane] = f(left[lane], right[lane]);
        }
    }
}

/// The `at`-th sixteen of an operand; zeros behind the end of a picture.
#[inline(always)]
fn lanes(values: &[[f32; CHUNK]], from: Fetched<'_>, at: usize) -> Lanes {
    match from {
        Fetched::Own => [0.0; LANES],
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
