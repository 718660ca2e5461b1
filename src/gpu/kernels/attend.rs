//! Causal attention of rows over the pages of their sequences.
//!
//! The keys that a row sees are cut into splits of [`SPLIT_KEYS`], wherever the row is. Where there
//! are few rows each split has a workgroup of its own, and [`Join`] adds up what they found; where
//! there are many, a workgroup adds up all splits of its row and head itself. Both add in the same
//! order, so a row's result is the same whatever else is in the step.

use super::rotate::strips_words;
use super::{Kernel, PAGE_TOKENS, STEP, storage};

/// Keys of a split.
pub(crate) const SPLIT_KEYS: usize = 256;
/// Keys that a workgroup looks at together.
const TOGETHER: usize = 64;

/// A workgroup for each row, head, and split where these are apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Attend {
    pub(crate) heads: usize,
    pub(crate) kv_heads: usize,
    pub(crate) head_size: usize,
    pub(crate) out_stride: usize,
}

/// Binding numbers.
impl Attend {
    pub(crate) const QUERIES: usize = 2;
    pub(crate) const ROWS: usize = 3;
    pub(crate) const TABLES: usize = 4;
    pub(crate) const PAGES: usize = 5;
    pub(crate) const OUT: usize = 6;
    pub(crate) const PARTIALS: usize = 7;
}

/// Floats that a split leaves: the sums, the largest score and the sum of weights.
pub(crate) const fn partial_floats(head_size: usize) -> usize {
    head_size + 2
}

/// Adds what a split found to what was found before.
const MERGE: &str = "fn merge(a: vec4<f32>, b: vec4<f32>) -> vec4<f32> {
    let most = max(a.z, b.z);
    let p = exp(a.z - most);
    let q = exp(b.z - most);
    return vec4<f32>(a.x * p + b.x * q, a.y * p + b.y * q, most, a.w * p + b.w * q);
}
";

impl Attend {
    pub(crate) fn kernel(&self) -> Kernel {
        let &Self { heads, kv_heads, head_size, out_stride } = self;
        let words = head_size / 2;
        let (threads, parts) = (TOGETHER.max(words), (TOGETHER / words).max(1));
        let group = heads / kv_heads;
        let (strips, strip) = (strips_words(head_size), strips_words(head_size) / 2);
        let mut text = STEP.to_owned();
        text += &storage(Self::QUERIES, "read", "queries", "f32");
        text += &storage(Self::ROWS, "read", "rows", "vec4<u32>");
        text += &storage(Self::TABLES, "read", "tables", "u32");
        text += &storage(Self::PAGES, "read", "pages", "u32");
        text += &storage(Self::OUT, "read_write", "out", "f32");
        text += &storage(Self::PARTIALS, "read_write", "partials", "f32");
        text += MERGE;
        text += &format!(
            "var<workgroup> query: array<f32, {head_size}>;
var<workgroup> scores: array<f32, {TOGETHER}>;
var<workgroup> sums: array<vec2<f32>, {threads}>;

fn strips_of(table: u32, key: u32, head: u32) -> u32 {{
    return (tables[table + key / {PAGE_TOKENS}u] * {kv_heads}u + head) * {strips}u;
}}

// The sums of a word of values, the largest score and the sum of weights of the keys of a split.
fn split_of(start: u32, end: u32, table: u32, head: u32, at: u32) -> vec4<f32> {{
    let word = at % {words}u;
    let part = at / {words}u;
    var most = -3.4028234e38;
    var total = 0.0;
    var sum = vec2<f32>(0.0, 0.0);
    for (var base = start; base < end; base += {TOGETHER}u) {{
        let many = min(end - base, {TOGETHER}u);
        workgroupBarrier();
        if (at < many) {{
            let key = base + at;
            let keys = strips_of(table, key, head) + key % {PAGE_TOKENS}u;
            var score = 0.0;
            for (var w = 0u; w < {words}u; w += 1u) {{
                let k = unpack2x16float(pages[keys + w * {PAGE_TOKENS}u]);
                score = fma(k.x, query[2u * w], fma(k.y, query[2u * w + 1u], score));
            }}
            scores[at] = score;
        }}
        workgroupBarrier();
        var highest = most;
        for (var i = 0u; i < many; i += 1u) {{
            highest = max(highest, scores[i]);
        }}
        let kept = exp(most - highest);
        most = highest;
        workgroupBarrier();
        if (at < many) {{
            scores[at] = exp(scores[at] - highest);
        }}
        workgroupBarrier();
        total = total * kept;
        sum = sum * kept;
        for (var i = 0u; i < many; i += 1u) {{
            total += scores[i];
        }}
        if (part < {parts}u) {{
            for (var i = part; i < many; i += {parts}u) {{
                let key = base + i;
                let values = strips_of(table, key, head) + {strip}u + (key % {PAGE_TOKENS}u) * {words}u;
                let v = unpack2x16float(pages[values + word]);
                sum = fma(v, vec2<f32>(scores[i]), sum);
            }}
        }}
    }}
    sums[at] = sum;
    workgroupBarrier();
    var all = sums[word];
    for (var p = 1u; p < {parts}u; p += 1u) {{
        all += sums[p * {words}u + word];
    }}
    workgroupBarrier();
    return vec4<f32>(all, most, total);
}}

@compute @workgroup_size({threads})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) at: u32) {{
    let row = group.z;
    let head = group.y;
    let info = rows[row];
    let seen = info.y + 1u;
    let first = row * {heads}u + head;
    for (var i = at; i < {head_size}u; i += {threads}u) {{
        query[i] = queries[first * {head_size}u + i];
    }}
    let apart = step.splits > 1u;
    var split = group.x;
    var found = vec4<f32>(0.0, 0.0, -3.4028234e38, 0.0);
    loop {{
        let start = split * {SPLIT_KEYS}u;
        if (start >= seen) {{
            break;
        }}
        let end = min(seen, start + {SPLIT_KEYS}u);
        found = merge(found, split_of(start, end, info.z, head / {group}u, at));
        if (apart) {{
            break;
        }}
        split += 1u;
    }}
    if (at < {words}u) {{
        if (apart) {{
            let to = (first * step.splits + group.x) * {partial}u;
            partials[to + 2u * at] = found.x;
            partials[to + 2u * at + 1u] = found.y;
            if (at == 0u) {{
                partials[to + {head_size}u] = found.z;
                partials[to + {head_size}u + 1u] = found.w;
            }}
        }} else {{
            let to = row * {out_stride}u + head * {head_size}u + 2u * at;
            out[to] = found.x / found.w;
            out[to + 1u] = found.y / found.w;
        }}
    }}
}}
",
            partial = partial_floats(head_size),
        );
        Kernel { name: "attend", text }
    }

    /// Workgroups for so many rows and splits.
    pub(crate) fn groups(&self, rows: usize, splits: usize) -> [u32; 3] {
        [splits as u32, self.heads as u32, rows as u32]
    }
}

/// Adds up the splits of each row and head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Join {
    pub(crate) heads: usize,
    pub(crate) head_size: usize,
    pub(crate) out_stride: usize,
}

/// Binding numbers.
impl Join {
    pub(crate) const PARTIALS: usize = 2;
    pub(crate) const ROWS: usize = 3;
    pub(crate) const OUT: usize = 4;
}

impl Join {
    pub(crate) fn kernel(&self) -> Kernel {
        let &Self { heads, head_size, out_stride } = self;
        let words = head_size / 2;
        let mut text = STEP.to_owned();
        text += &storage(Self::PARTIALS, "read", "partials", "f32");
        text += &storage(Self::ROWS, "read", "rows", "vec4<u32>");
        text += &storage(Self::OUT, "read_write", "out", "f32");
        text += MERGE;
        text += &format!(
            "@compute @workgroup_size({threads})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) at: u32) {{
    let row = group.y;
    let head = group.x;
    if (at >= {words}u) {{
        return;
    }}
    var found = vec4<f32>(0.0, 0.0, -3.4028234e38, 0.0);
    let last = rows[row].y / {SPLIT_KEYS}u;
    for (var split = 0u; split <= last; split += 1u) {{
        let start = ((row * {heads}u + head) * step.splits + split) * {partial}u;
        let next = vec4<f32>(
            partials[start + 2u * at], partials[start + 2u * at + 1u],
            partials[start + {head_size}u], partials[start + {head_size}u + 1u]);
        found = merge(found, next);
    }}
    let to = row * {out_stride}u + head * {head_size}u + 2u * at;
    out[to] = found.x / found.w;
    out[to + 1u] = found.y / found.w;
}}
",
            threads = TOGETHER.max(words),
            partial = partial_floats(head_size),
        );
        Kernel { name: "join", text }
    }

    /// Workgroups for so many rows.
    pub(crate) fn groups(&self, rows: usize) -> [u32; 3] {
        [self.heads as u32, rows as u32, 1]
    }
}
