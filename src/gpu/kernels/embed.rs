//! Rows of a matrix by number: the embedding.

use super::dequantize::{functions, groups};
use super::{Kernel, PLACE, STEP, storage};
use crate::weights::{BLOCK, Form, Offset, TILE};

/// An invocation for each token and block. A token whose row is in another piece is left to that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Embed {
    pub(crate) form: Form,
    pub(crate) width: usize,
    pub(crate) out_stride: usize,
}

/// Binding numbers.
impl Embed {
    pub(crate) const WORDS: usize = 2;
    pub(crate) const ROWS: usize = 3;
    pub(crate) const OUT: usize = 4;
    pub(crate) const SCALES: usize = 5;
    pub(crate) const MINIMUMS: usize = 6;
}

const THREADS: usize = 64;

impl Embed {
    pub(crate) fn kernel(&self) -> Kernel {
        let form = &self.form;
        let blocks = self.width.div_ceil(BLOCK);
        let mut text = format!("{STEP}{PLACE}");
        text += &storage(Self::WORDS, "read", "words", "vec4<u32>");
        text += &storage(Self::ROWS, "read", "rows", "vec4<u32>");
        text += &storage(Self::OUT, "read_write", "out", "vec4<f32>");
        if form.width.quantised() {
            text += &storage(Self::SCALES, "read", "scales", "u32");
            if form.offset == Offset::Minimum {
                text += &storage(Self::MINIMUMS, "read", "minimums", "u32");
            }
        }
        text += &functions(form, blocks);
        text += &format!(
            "@compute @workgroup_size({THREADS})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {{
    let block = id.x;
    let row = id.y;
    if (block >= {blocks}u || row >= step.tokens) {{
        return;
    }}
    let token = rows[row].x;
    if (token < place.first || token - place.first >= place.count) {{
        return;
    }}
    let tile = (token - place.first) / {TILE}u;
    let lane = (token - place.first) % {TILE}u;
    let at = row * {stride}u + block * {fours}u;
",
            stride = self.out_stride / 4,
            fours = BLOCK / 4,
        );
        for part in (0..form.parts).filter(|_| form.width.quantised()) {
            text += &format!("    let s{part} = scale_at(tile, block, {part}u, lane);\n");
            if form.offset == Offset::Minimum {
                text += &format!("    let m{part} = minimum_at(tile, block, {part}u, lane);\n");
            }
        }
        for quad in 0..form.width.quads() {
            text += &format!("    let q{quad} = quad_at(tile, block, {quad}u, lane);\n");
        }
        for group in groups(form) {
            let (quad, part, four) = (format!("q{}", group.quad), group.part, group.four);
            let weights = group.weights(form, &quad, &format!("s{part}"), &format!("m{part}"));
            // A row may end inside its last block.
            if four * 4 + (blocks - 1) * BLOCK >= self.width {
                text += &format!(
                    "    if (block + 1u < {blocks}u) {{ out[at + {four}u] = {weights}; }}\n"
                );
            } else {
                text += &format!("    out[at + {four}u] = {weights};\n");
            }
        }
        text += "}\n";
        Kernel { name: "embed", text }
    }

    /// Workgroups for so many tokens.
    pub(crate) fn groups(&self, tokens: usize) -> [u32; 3] {
        [self.width.div_ceil(BLOCK).div_ceil(THREADS) as u32, tokens as u32, 1]
    }
}
