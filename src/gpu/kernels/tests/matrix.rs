//! A matrix of chance in any form, with its weights as floats.

use std::ops::Range;

use half::f16;

use super::Chance;
use crate::weights::{BLOCK, Form, Numbers, Offset, TILE, Tiles, Weights, Width};

/// All forms that there are kernels for.
pub(crate) fn forms() -> Vec<Form> {
    let mut forms = Vec::new();
    for width in [Width::Four, Width::Eight] {
        for (numbers, offset, parts) in [
            (Numbers::Half, Offset::Zero(8), 1),
            (Numbers::Half, Offset::Zero(0), 2),
            (Numbers::Half, Offset::Minimum, 1),
            (Numbers::Single, Offset::Zero(-3), 1),
            (Numbers::Single, Offset::Minimum, 2),
        ] {
            forms.push(Form { width, numbers, offset, parts });
        }
    }
    for width in [Width::Half, Width::Single] {
        forms.push(Form { width, numbers: Numbers::Single, offset: Offset::Zero(0), parts: 1 });
    }
    forms
}

pub(crate) struct Matrix {
    form: Form,
    outputs: usize,
    inputs: usize,
    held: Vec<f32>,
    scales: Vec<f32>,
    minimums: Vec<f32>,
}

impl Matrix {
    pub(crate) fn new(form: Form, outputs: usize, inputs: usize, seed: u64) -> Self {
        let mut chance = Chance::new(seed);
        let mut held = Vec::new();
        for _ in 0..outputs * inputs {
            held.push(match form.width {
                Width::Four => (chance.word() % 16) as f32,
                Width::Eight => (chance.word() % 256) as f32 - 128.0,
                Width::Half => f16::from_f32(chance.float()).to_f32(),
                Width::Single => chance.float(),
            });
        }
        let numbers = outputs * inputs.div_ceil(BLOCK) * form.parts;
        let round = |value: f32| match form.numbers {
            Numbers::Half => f16::from_f32(value).to_f32(),
            Numbers::Single => value,
        };
        let each = |from: f32, chance: &mut Chance| {
            (0..numbers).map(|_| round(chance.float() * from)).collect::<Vec<_>>()
        };
        let top = if form.width == Width::Four { 16.0 } else { 128.0 };
        let (scales, minimums) = (each(1.0 / top, &mut chance), each(0.5, &mut chance));
        Self { form, outputs, inputs, held, scales, minimums }
    }

    fn number(&self, of: &[f32], output: usize, block: usize, part: usize) -> f32 {
        of[(output * self.inputs.div_ceil(BLOCK) + block) * self.form.parts + part]
    }

    /// The weight of an output and an input.
    pub(crate) fn weight(&self, output: usize, input: usize) -> f32 {
        let held = self.held[output * self.inputs + input];
        if !self.form.width.quantised() {
            return held;
        }
        let (block, part) = (input / BLOCK, input % BLOCK * self.form.parts / BLOCK);
        let scale = self.number(&self.scales, output, block, part);
        match self.form.offset {
            Offset::Zero(zero) => (held - zero as f32) * scale,
            Offset::Minimum => held * scale + self.number(&self.minimums, output, block, part),
        }
    }

    /// `x · Wᵀ` for one row.
    pub(crate) fn times(&self, x: &[f32]) -> Vec<f32> {
        let of = |output| {
            x.iter().enumerate().map(|(i, x)| f64::from(*x * self.weight(output, i))).sum::<f64>()
        };
        (0..self.outputs).map(|output| of(output) as f32).collect()
    }

    fn held(&self, output: usize, input: usize) -> f32 {
        let there = output < self.outputs && input < self.inputs;
        if there { self.held[output * self.inputs + input] } else { 0.0 }
    }

    fn quad(&self, output: usize, block: usize, quad: usize) -> [u32; 4] {
        let held = |at: usize| self.held(output, block * BLOCK + at);
        std::array::from_fn(|g| match self.form.width {
            Width::Four => (0..4).fold(0, |word, j| {
                let (low, high) = (held(4 * g + j) as u32, held(16 + 4 * g + j) as u32);
                word | (low | high << 4) << (8 * j)
            }),
            Width::Eight => {
                let byte = |j| (held(16 * quad + 4 * g + j) as i8).cast_unsigned();
                u32::from_le_bytes([0, 1, 2, 3].map(byte))
            }
            Width::Half => {
                let half = |j| u32::from(f16::from_f32(held(8 * quad + 2 * g + j)).to_bits());
                half(0) | half(1) << 16
            }
            Width::Single => held(4 * quad + g).to_bits(),
        })
    }

    fn numbers(&self, of: &[f32], tile: usize, block: usize, to: &mut Vec<u32>) {
        for part in 0..self.form.parts {
            let of_output = |lane: usize| {
                let output = tile * TILE + lane;
                if output < self.outputs { self.number(of, output, block, part) } else { 0.0 }
            };
            match self.form.numbers {
                Numbers::Half => to.extend((0..TILE / 2).map(|i| {
                    let half = |lane| u32::from(f16::from_f32(of_output(lane)).to_bits());
                    half(2 * i) | half(2 * i + 1) << 16
                })),
                Numbers::Single => to.extend((0..TILE).map(|lane| of_output(lane).to_bits())),
            }
        }
    }
}

impl Weights for Matrix {
    fn form(&self) -> Form {
        self.form
    }

    fn outputs(&self) -> usize {
        self.outputs
    }

    fn inputs(&self) -> usize {
        self.inputs
    }

    fn append(&self, tiles: Range<usize>, to: &mut Tiles) {
        for tile in tiles {
            for block in 0..self.inputs.div_ceil(BLOCK) {
                for quad in 0..self.form.width.quads() {
                    for lane in 0..TILE {
                        to.words.extend(self.quad(tile * TILE + lane, block, quad));
                    }
                }
                if self.form.width.quantised() {
                    self.numbers(&self.scales, tile, block, &mut to.scales);
                    if self.form.offset == Offset::Minimum {
                        self.numbers(&self.minimums, tile, block, &mut to.minimums);
                    }
                }
            }
        }
    }
}
