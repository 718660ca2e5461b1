//! Causal attention of rows over the pages of their sequences.
//!
//! The keys that a row sees are cut into splits of [`SPLIT_KEYS`], wherever the row is. Where there
//! are few rows each split has a workgroup of its own, and [`Join`] adds up what they found; where
//! there are many, a workgroup adds up all splits of its row and head itself. Both add in the same
//! order, so a row's result is the same whatever else is in the step.

use super::rotate::strips_words;
use super::{Kernel, PAGE_TOKENS, Reduction, STEP, storage};

/// Keys of a split.
pub(crate) const SPLIT_KEYS: usize = 256;
/// Keys that a workgroup looks at together.
pub(super) const TOGETHER: usize = 64;

/// A workgroup for each row, some heads that share keys and values, and each split where these are
/// apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Attend {
    pub(crate) heads: usize,
    pub(crate) kv_heads: usize,
    pub(crate) head_size: usize,
    pub(crate) out_stride: usize,
    pub(crate) reduction: Reduction,
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
pub(super) const MERGE: &str = "fn merge(a: vec4<f32>, b: vec4<f32>) -> vec4<f32> {
    let most = max(a.z, b.z);
    let p = exp(a.z - most);
    let q = exp(b.z - most);
    return vec4<f32>(a.x * p + b.x * q, a.y * p + b.y * q, most, a.w * p + b.w * q);
}
";

/// Heads that share keys and values and are looked at together: at most so many, or registers run out.
const MOST_HEADS: usize = 8;

/// Heads of a workgroup: as many of those that share a KV head as fit evenly.
pub(super) fn together(group: usize) -> usize {
    (1..=MOST_HEADS.min(group)).rev().find(|&heads| group.is_multiple_of(heads)).unwrap_or(1)
}

impl Attend {
    fn together(&self) -> usize {
        together(self.heads / self.kv_heads)
    }

    pub(crate) fn kernel(&self) -> Kernel {
        let &Self { heads, kv_heads, head_size, .. } = self;
        let words = head_size / 2;
        let (threads, together) = (TOGETHER.max(words), self.together());
        let mut text = STEP.to_owned();
        text += &storage(Self::QUERIES, "read", "queries", "f32");
        text += &storage(Self::ROWS, "read", "rows", "vec4<u32>");
        text += &storage(Self::TABLES, "read", "tables", "u32");
        text += &storage(Self::PAGES, "read", "pages", "u32");
        text += &storage(Self::OUT, "read_write", "out", "f32");
        text += &storage(Self::PARTIALS, "read_write", "partials", "f32");
        text += MERGE;
        text += &format!(
            "var<workgroup> query: array<f32, {queries}>;
var<workgroup> scores: array<f32, {scores}>;
var<workgroup> sums: array<vec2<f32>, {threads}>;
{of_subgroups}{strips_of}
@compute @workgroup_size({threads})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) at: u32{arguments}) {{
    let row = group.z;
    let info = rows[row];
    let table = info.z;
    let seen = info.y + 1u;
    let first = row * {heads}u + group.y * {together}u;
    let head = group.y * {together}u / {of_one}u;
    let word = at % {words}u;
    let part = at / {words}u;
    for (var i = at; i < {queries}u; i += {threads}u) {{
        query[i] = queries[first * {head_size}u + i];
    }}
    let apart = step.splits > 1u;
    var split = group.x;
{found}    loop {{
        let start = split * {SPLIT_KEYS}u;
        if (start >= seen) {{
            break;
        }}
        let end = min(seen, start + {SPLIT_KEYS}u);
{of_split}        if (apart) {{
            break;
        }}
        split += 1u;
    }}
    if (at >= {words}u) {{
        return;
    }}
{write}}}
",
            queries = together * head_size,
            scores = together * TOGETHER,
            of_subgroups = self.of_subgroups(threads),
            strips_of = strips_of(kv_heads, head_size),
            arguments = self.reduction.arguments(),
            of_one = heads / kv_heads,
            found = each(together, "    var f# = vec4<f32>(0.0, 0.0, -3.4028234e38, 0.0);\n"),
            of_split = self.split(threads),
            write = each(together, &self.write()),
        );
        Kernel { name: "attend", text }
    }

    /// Adds to each head's `f#` what it finds in the keys from `start` to `end`.
    fn split(&self, threads: usize) -> String {
        let &Self { head_size, .. } = self;
        let (words, together) = (head_size / 2, self.together());
        let (parts, strip) = ((TOGETHER / words).max(1), strips_words(head_size) / 2);
        let lines = |text: &str| each(together, text);
        let weigh = match self.reduction {
            Reduction::Shared => Self::weigh(together),
            Reduction::Subgroups => Self::weigh_by_subgroups(together, threads),
        };
        format!(
            "{begin}        for (var base = start; base < end; base += {TOGETHER}u) {{
            let many = min(end - base, {TOGETHER}u);
            workgroupBarrier();
{no_score}            if (at < many) {{
                let key = base + at;
                let keys = strips_of(table, key, head) + key % {PAGE_TOKENS}u;
{zero_score}                for (var w = 0u; w < {words}u; w += 1u) {{
                    let k = unpack2x16float(pages[keys + w * {PAGE_TOKENS}u]);
{score}                }}
            }}
{weigh}            if (part < {parts}u) {{
                for (var i = part; i < many; i += {parts}u) {{
                    let key = base + i;
                    let token = key % {PAGE_TOKENS}u;
                    let values = strips_of(table, key, head) + {strip}u + token * {words}u;
                    let v = unpack2x16float(pages[values + word]);
{sum}                }}
            }}
        }}
{end}",
            begin = lines(
                "        var m# = -3.4028234e38;
        var t# = 0.0;
        var s# = vec2<f32>(0.0, 0.0);
"
            ),
            no_score = lines("            var c# = -3.4028234e38;\n"),
            zero_score = lines("                c# = 0.0;\n"),
            score = lines(&format!(
                "                    c# = fma(k.x, query[#u * {head_size}u + 2u * w], \
                 fma(k.y, query[#u * {head_size}u + 2u * w + 1u], c#));\n"
            )),
            sum = lines(&format!(
                "                    s# = fma(v, vec2<f32>(scores[#u * {TOGETHER}u + i]), s#);\n"
            )),
            end = lines(&Self::add_up(words, parts)),
        )
    }

    /// Makes weights of the scores `c#`; `m#` and `t#` are the largest score and the sum of weights so far.
    fn weigh(together: usize) -> String {
        let lines = |text: &str| each(together, text);
        format!(
            "            if (at < many) {{
{keep}            }}
            workgroupBarrier();
{highest}            for (var i = 0u; i < many; i += 1u) {{
{higher}            }}
            workgroupBarrier();
            if (at < many) {{
{weight}            }}
            workgroupBarrier();
{rescale}            for (var i = 0u; i < many; i += 1u) {{
{total}            }}
",
            keep = lines(&format!("                scores[#u * {TOGETHER}u + at] = c#;\n")),
            highest = lines("            var h# = m#;\n"),
            higher =
                lines(&format!("                h# = max(h#, scores[#u * {TOGETHER}u + i]);\n")),
            weight = lines(&format!(
                "                scores[#u * {TOGETHER}u + at] = \
                 exp(scores[#u * {TOGETHER}u + at] - h#);\n"
            )),
            rescale = lines(RESCALE),
            total = lines(&format!("                t# += scores[#u * {TOGETHER}u + i];\n")),
        )
    }

    /// The same where invocations that run in step tell each other what they have.
    fn weigh_by_subgroups(together: usize, threads: usize) -> String {
        let (lines, most) = (|text: &str| each(together, text), Reduction::most(threads));
        format!(
            "{highs}            workgroupBarrier();
{highest}            for (var g = 0u; g < subgroups; g += 1u) {{
{higher}            }}
            if (at < many) {{
{weight}            }}
{totals}            workgroupBarrier();
{rescale}            for (var g = 0u; g < subgroups; g += 1u) {{
{total}            }}
",
            highs = lines(&format!(
                "            let g# = subgroupMax(c#);
            if (within == 0u) {{
                highs[#u * {most}u + subgroup] = g#;
            }}
"
            )),
            highest = lines("            var h# = m#;\n            var e# = 0.0;\n"),
            higher = lines(&format!("                h# = max(h#, highs[#u * {most}u + g]);\n")),
            weight = lines(&format!(
                "                e# = exp(c# - h#);
                scores[#u * {TOGETHER}u + at] = e#;
"
            )),
            totals = lines(&format!(
                "            let a# = subgroupAdd(e#);
            if (within == 0u) {{
                totals[#u * {most}u + subgroup] = a#;
            }}
"
            )),
            rescale = lines(RESCALE),
            total = lines(&format!("                t# += totals[#u * {most}u + g];\n")),
        )
    }

    /// What subgroups leave for each other.
    fn of_subgroups(&self, threads: usize) -> String {
        let count = self.together() * Reduction::most(threads);
        match self.reduction {
            Reduction::Shared => String::new(),
            Reduction::Subgroups => format!(
                "var<workgroup> highs: array<f32, {count}>;
var<workgroup> totals: array<f32, {count}>;
"
            ),
        }
    }

    /// Adds up the parts of a head's sums.
    fn add_up(words: usize, parts: usize) -> String {
        format!(
            "        workgroupBarrier();
        sums[at] = s#;
        workgroupBarrier();
        s# = sums[word];
        for (var p = 1u; p < {parts}u; p += 1u) {{
            s# += sums[p * {words}u + word];
        }}
        f# = merge(f#, vec4<f32>(s#, m#, t#));
"
        )
    }

    /// Writes what a head found: to be joined, or as it is.
    fn write(&self) -> String {
        let &Self { head_size, out_stride, .. } = self;
        let (partial, together) = (partial_floats(head_size), self.together());
        format!(
            "    if (apart) {{
        let to = ((first + #u) * step.splits + group.x) * {partial}u;
        partials[to + 2u * at] = f#.x;
        partials[to + 2u * at + 1u] = f#.y;
        if (at == 0u) {{
            partials[to + {head_size}u] = f#.z;
            partials[to + {head_size}u + 1u] = f#.w;
        }}
    }} else {{
        let to = row * {out_stride}u + (group.y * {together}u + #u) * {head_size}u + 2u * at;
        out[to] = f#.x / f#.w;
        out[to + 1u] = f#.y / f#.w;
    }}
"
        )
    }

    /// Workgroups for so many rows and splits.
    pub(crate) fn groups(&self, rows: usize, splits: usize) -> [u32; 3] {
        [splits as u32, (self.heads / self.together()) as u32, rows as u32]
    }
}

/// Makes what was found so far relative to the largest score now.
const RESCALE: &str = "            let k# = exp(m# - h#);
            m# = h#;
            t# = t# * k#;
            s# = s# * k#;
";

/// A function that finds a key's strips.
pub(super) fn strips_of(kv_heads: usize, head_size: usize) -> String {
    format!(
        "fn strips_of(table: u32, key: u32, head: u32) -> u32 {{
    return (tables[table + key / {PAGE_TOKENS}u] * {kv_heads}u + head) * {strips}u;
}}
",
        strips = strips_words(head_size),
    )
}

/// A text once for each head, with its number in place of `#`.
pub(super) fn each(heads: usize, text: &str) -> String {
    (0..heads).map(|head| text.replace('#', &head.to_string())).collect()
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
