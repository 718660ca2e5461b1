//! What is done to a row of sums before it is written: a short program over rows.

use super::{MOST_PICTURES, Picture};

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
    /// x / 2 · (1 + erf(x / √2))
    Gelu,
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
}
