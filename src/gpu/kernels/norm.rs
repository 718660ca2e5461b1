//! Root-mean-square normalisation: `x / sqrt(mean(x²) + epsilon) * gain`.

use super::reduction::add_up;
use super::{Kernel, Reduction, Rows, STEP, storage};

/// A workgroup for each row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Norm {
    pub(crate) rows: Rows,
    pub(crate) width: usize,
    /// Where a row begins in a row of the input's buffer, and how long that is.
    pub(crate) from: usize,
    pub(crate) stride: usize,
    pub(crate) out_stride: usize,
    pub(crate) epsilon: f32,
    pub(crate) reduction: Reduction,
}

/// Binding numbers.
impl Norm {
    pub(crate) const X: usize = 2;
    pub(crate) const GAIN: usize = 3;
    pub(crate) const OUT: usize = 4;
}

const THREADS: usize = 64;

impl Norm {
    pub(crate) fn kernel(&self) -> Kernel {
        let Self { width, from, stride, out_stride, epsilon, reduction, .. } = self;
        let mut text = STEP.to_owned();
        text += &storage(Self::X, "read", "x", "f32");
        text += &storage(Self::GAIN, "read", "gain", "f32");
        text += &storage(Self::OUT, "read_write", "out", "f32");
        text += &format!(
            "var<workgroup> sums: array<f32, {THREADS}>;
@compute @workgroup_size({THREADS})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) at: u32{arguments}) {{
    let row = min(group.x, {count} - 1u);
    let start = row * {stride}u + {from}u;
    var sum = 0.0;
    for (var i = at; i < {width}u; i += {THREADS}u) {{
        let v = x[start + i];
        sum = fma(v, v, sum);
    }}
{total}    let scale = 1.0 / sqrt(total / {width}.0 + {epsilon:?});
    for (var i = at; i < {width}u; i += {THREADS}u) {{
        out[row * {out_stride}u + i] = x[start + i] * scale * gain[i];
    }}
}}
",
            count = self.rows.count(),
            arguments = reduction.arguments(),
            total = total(*reduction),
        );
        Kernel { name: "norm", text }
    }

    /// Workgroups for so many rows.
    pub(crate) fn groups(rows: usize) -> [u32; 3] {
        [rows as u32, 1, 1]
    }
}

/// Adds up what all invocations have.
fn total(reduction: Reduction) -> String {
    match reduction {
        Reduction::Shared => format!(
            "    sums[at] = sum;
{add_up}    workgroupBarrier();
    let total = sums[0];
",
            add_up = add_up(THREADS),
        ),
        Reduction::Subgroups => "    let part = subgroupAdd(sum);
    if (within == 0u) {
        sums[subgroup] = part;
    }
    workgroupBarrier();
    var total = 0.0;
    for (var s = 0u; s < subgroups; s += 1u) {
        total += sums[s];
    }
"
        .to_owned(),
    }
}
