//! Normalisation of rows to mean 0 and variance 1: `(x - mean) / sqrt(variance + epsilon) * gain + bias`.

use super::reduction::add_up;
use super::{Kernel, Rows, STEP, storage};

/// A workgroup for each row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct LayerNorm {
    pub(crate) rows: Rows,
    pub(crate) width: usize,
    /// Where a row begins in a row of the input's buffer, and how long that is.
    pub(crate) from: usize,
    pub(crate) stride: usize,
    pub(crate) out_stride: usize,
    pub(crate) epsilon: f32,
}

/// Binding numbers.
impl LayerNorm {
    pub(crate) const X: usize = 2;
    pub(crate) const GAIN: usize = 3;
    pub(crate) const BIAS: usize = 4;
    pub(crate) const OUT: usize = 5;
}

const THREADS: usize = 64;

impl LayerNorm {
    pub(crate) fn kernel(&self) -> Kernel {
        let Self { width, from, stride, out_stride, epsilon, .. } = self;
        let mut text = STEP.to_owned();
        text += &storage(Self::X, "read", "x", "f32");
        text += &storage(Self::GAIN, "read", "gain", "f32");
        text += &storage(Self::BIAS, "read", "bias", "f32");
        text += &storage(Self::OUT, "read_write", "out", "f32");
        text += &format!(
            "var<workgroup> sums: array<f32, {THREADS}>;
fn together(own: f32, at: u32) -> f32 {{
    workgroupBarrier();
    sums[at] = own;
{add_up}    workgroupBarrier();
    return sums[0];
}}
@compute @workgroup_size({THREADS})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) at: u32) {{
    let row = min(group.x, {count} - 1u);
    let start = row * {stride}u + {from}u;
    var sum = 0.0;
    for (var i = at; i < {width}u; i += {THREADS}u) {{
        sum += x[start + i];
    }}
    let mean = together(sum, at) / {width}.0;
    var squares = 0.0;
    for (var i = at; i < {width}u; i += {THREADS}u) {{
        let v = x[start + i] - mean;
        squares = fma(v, v, squares);
    }}
    let scale = 1.0 / sqrt(together(squares, at) / {width}.0 + {epsilon:?});
    for (var i = at; i < {width}u; i += {THREADS}u) {{
        out[row * {out_stride}u + i] = fma((x[start + i] - mean) * scale, gain[i], bias[i]);
    }}
}}
",
            count = self.rows.count(),
            add_up = add_up(THREADS),
        );
        Kernel { name: "layer norm", text }
    }

    /// Workgroups for so many rows.
    pub(crate) fn groups(rows: usize) -> [u32; 3] {
        [rows as u32, 1, 1]
    }
}
