//! The largest logit of each wanted row, the first of equals: in two kernels, one for chunks of the
//! vocabulary and one for what they found.

use super::{Kernel, STEP, storage};

/// Logits of a workgroup.
pub(crate) const CHUNK: usize = 2048;
/// Where a logit was no number.
const NONE: &str = "0xffffffffu";
const THREADS: usize = 64;

/// Finds the best logit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Best {
    pub(crate) vocabulary: usize,
    /// How long a row of logits is.
    pub(crate) stride: usize,
}

/// Binding numbers, of both kernels.
impl Best {
    pub(crate) const FROM: usize = 2;
    pub(crate) const OUT: usize = 3;
}

impl Best {
    /// Chunks of a row.
    pub(crate) fn chunks(&self) -> usize {
        self.vocabulary.div_ceil(CHUNK)
    }

    /// Makes a pair of value and token for each chunk.
    pub(crate) fn chunk_kernel(&self) -> Kernel {
        let Self { vocabulary, stride } = self;
        let mut text = STEP.to_owned();
        text += &storage(Self::FROM, "read", "logits", "f32");
        text += &storage(Self::OUT, "read_write", "found", "vec2<u32>");
        text += &format!(
            "{COMPARE}
@compute @workgroup_size({THREADS})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) at: u32) {{
    let row = min(group.y, step.wanted - 1u);
    let end = min((group.x + 1u) * {CHUNK}u, {vocabulary}u);
    var best = vec2<u32>(0xff800000u, {vocabulary}u);
    for (var i = group.x * {CHUNK}u + at; i < end; i += {THREADS}u) {{
        let bits = bitcast<u32>(logits[row * {stride}u + i]);
        // Not a number: no comparison would find it.
        let strange = (bits & 0x7fffffffu) > 0x7f800000u;
        best = better(best, vec2<u32>(bits, select(i, {NONE}, strange)));
    }}
    best = best_of_all(best, at);
    if (at == 0u) {{
        found[row * {chunks}u + group.x] = best;
    }}
}}
",
            chunks = self.chunks(),
        );
        Kernel { name: "best of a chunk", text }
    }

    /// Makes a token for each row; all bits set where a logit was no number.
    pub(crate) fn row_kernel(&self) -> Kernel {
        let mut text = STEP.to_owned();
        text += &storage(Self::FROM, "read", "found", "vec2<u32>");
        text += &storage(Self::OUT, "read_write", "tokens", "u32");
        text += &format!(
            "{COMPARE}
@compute @workgroup_size({THREADS})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) at: u32) {{
    let row = min(group.x, step.wanted - 1u);
    var best = vec2<u32>(0xff800000u, {vocabulary}u);
    for (var i = at; i < {chunks}u; i += {THREADS}u) {{
        best = better(best, found[row * {chunks}u + i]);
    }}
    best = best_of_all(best, at);
    if (at == 0u) {{
        tokens[row] = best.y;
    }}
}}
",
            vocabulary = self.vocabulary,
            chunks = self.chunks(),
        );
        Kernel { name: "best of a row", text }
    }

    /// Workgroups of the first kernel.
    pub(crate) fn chunk_groups(&self, wanted: usize) -> [u32; 3] {
        [self.chunks() as u32, wanted as u32, 1]
    }

    /// Workgroups of the second.
    pub(crate) fn row_groups(wanted: usize) -> [u32; 3] {
        [wanted as u32, 1, 1]
    }
}

/// Pairs of a logit's bits and its token.
const COMPARE: &str = "var<workgroup> pairs: array<vec2<u32>, 64>;
fn better(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
    let x = bitcast<f32>(a.x);
    let y = bitcast<f32>(b.x);
    let second = y > x || (y == x && b.y < a.y);
    let strange = a.y == 0xffffffffu || b.y == 0xffffffffu;
    return select(select(a, b, second), vec2<u32>(0u, 0xffffffffu), strange);
}
fn best_of_all(own: vec2<u32>, at: u32) -> vec2<u32> {
    pairs[at] = own;
    for (var half = 32u; half > 0u; half = half / 2u) {
        workgroupBarrier();
        if (at < half) {
            pairs[at] = better(pairs[at], pairs[at + half]);
        }
    }
    workgroupBarrier();
    return pairs[0];
}
";
