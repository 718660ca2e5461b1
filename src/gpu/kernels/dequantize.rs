//! WGSL that makes floats of a block of weights.

use std::fmt::Write;

use crate::weights::{Form, Numbers, Offset, TILE, Width};

/// Four neighbouring inputs of a block.
pub(super) struct Group {
    /// The quad that has them.
    pub(super) quad: usize,
    /// Which four of the block they are.
    pub(super) four: usize,
    /// Which of the block's scales is theirs.
    pub(super) part: usize,
    /// Makes floats of the quad that is called `{}`.
    raw: String,
}

impl Group {
    /// The weights as floats. `quad`, `scale` and `minimum` are names.
    pub(super) fn weights(&self, form: &Form, quad: &str, scale: &str, minimum: &str) -> String {
        let raw = self.raw.replace("{}", quad);
        match form.offset {
            _ if !form.width.quantised() => raw,
            Offset::Zero(0) => format!("{raw} * {scale}"),
            Offset::Zero(zero) => format!("({raw} - vec4<f32>({zero}.0)) * {scale}"),
            Offset::Minimum => format!("fma({raw}, vec4<f32>({scale}), vec4<f32>({minimum}))"),
        }
    }
}

/// The eight groups of a block.
pub(super) fn groups(form: &Form) -> Vec<Group> {
    let word = |c: usize| ["x", "y", "z", "w"].get(c).copied().unwrap_or("x");
    let mut groups = Vec::new();
    for four in 0..8 {
        let (quad, raw) = match form.width {
            Width::Four => {
                let nibbles = if four < 4 { "" } else { " >> 4u" };
                let c = word(four % 4);
                (0, format!("vec4<f32>(unpack4xU8(({{}}.{c}{nibbles}) & 0x0f0f0f0fu))"))
            }
            Width::Eight => (four / 4, format!("vec4<f32>(unpack4xI8({{}}.{}))", word(four % 4))),
            Width::Half => {
                let (a, b) = (word(four % 2 * 2), word(four % 2 * 2 + 1));
                (
                    four / 2,
                    format!("vec4<f32>(unpack2x16float({{}}.{a}), unpack2x16float({{}}.{b}))"),
                )
            }
            Width::Single => (four, "bitcast<vec4<f32>>({})".to_owned()),
        };
        let part = if form.parts == 2 { four / 4 } else { 0 };
        groups.push(Group { quad, four, part, raw });
    }
    groups
}

/// Declares functions that find words and numbers of a tile's block.
pub(super) fn functions(form: &Form, blocks: usize) -> String {
    let mut text = String::new();
    let quads = form.width.quads();
    let _infallible = write!(
        text,
        "fn quad_at(tile: u32, block: u32, quad: u32, lane: u32) -> vec4<u32> {{
    return words[((tile * {blocks}u + block) * {quads}u + quad) * {TILE}u + lane];
}}
"
    );
    let parts = form.parts;
    let mut number = |name: &str, from: &str| {
        let at = format!("((tile * {blocks}u + block) * {parts}u + part) * {TILE}u + lane");
        let body = match form.numbers {
            Numbers::Half => {
                format!("let at = {at};\n    return unpack2x16float({from}[at / 2u])[at % 2u];")
            }
            Numbers::Single => format!("return bitcast<f32>({from}[{at}]);"),
        };
        let _infallible = write!(
            text,
            "fn {name}(tile: u32, block: u32, part: u32, lane: u32) -> f32 {{\n    {body}\n}}\n"
        );
    };
    if form.width.quantised() {
        number("scale_at", "scales");
        if form.offset == Offset::Minimum {
            number("minimum_at", "minimums");
        }
    }
    text
}
