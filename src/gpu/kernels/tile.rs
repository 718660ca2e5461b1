//! Causal attention of the rows of a prompt, some of them at once.
//!
//! A workgroup has some neighbouring rows and the heads that [`Attend`](super::Attend) would look at
//! together: their pairs share each key and each value that is read. Rows of one sequence are looked
//! at together, up to the last key that one of them sees; what a row does not see weighs nothing. A
//! pair's numbers are added in the order in which `Attend` adds them, so that a row's result is the
//! same.

use super::attend::{Attend, MERGE, TOGETHER, each, strips_of, together};
use super::rotate::strips_words;
use super::{Kernel, PAGE_TOKENS, SPLIT_KEYS, STEP, storage};

/// Rows and heads of a workgroup at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tiled {
    pub(crate) heads: usize,
    pub(crate) kv_heads: usize,
    pub(crate) head_size: usize,
    pub(crate) out_stride: usize,
    /// Pairs of a row and a head at most.
    pub(crate) pairs: usize,
}

/// Floats that the queries of a workgroup's pairs are at most.
const QUERY_FLOATS: usize = 2048;
/// Pairs whose parts are added up at once.
const AT_ONCE: usize = 4;

impl Tiled {
    /// Heads of a workgroup.
    fn together(&self) -> usize {
        together(self.heads / self.kv_heads)
    }

    /// Rows of a workgroup.
    fn rows(&self) -> usize {
        (self.pairs.min(QUERY_FLOATS / self.head_size) / self.together()).max(1)
    }

    pub(crate) fn kernel(&self) -> Kernel {
        let &Self { heads, kv_heads, head_size, .. } = self;
        let (words, together, rows) = (head_size / 2, self.together(), self.rows());
        let (threads, pairs) = (TOGETHER.max(words), together * rows);
        let mut text = STEP.to_owned();
        text += &storage(Attend::QUERIES, "read", "queries", "f32");
        text += &storage(Attend::ROWS, "read", "rows", "vec4<u32>");
        text += &storage(Attend::TABLES, "read", "tables", "u32");
        text += &storage(Attend::PAGES, "read", "pages", "u32");
        text += &storage(Attend::OUT, "read_write", "out", "f32");
        text += MERGE;
        text += &strips_of(kv_heads, head_size);
        text += &format!(
            "var<workgroup> query: array<f32, {queries}>;
var<workgroup> scores: array<f32, {scores}>;
var<workgroup> sums: array<vec2<f32>, {sums}>;
// Of each row: keys that it sees. Of each pair: largest score and sum of weights in a split, what
// is to be made relative to that score, and the same two of all splits.
var<workgroup> limits: array<u32, {rows}>;
var<workgroup> highs: array<f32, {pairs}>;
var<workgroup> totals: array<f32, {pairs}>;
var<workgroup> factors: array<f32, {pairs}>;
var<workgroup> high: array<f32, {pairs}>;
var<workgroup> total: array<f32, {pairs}>;

@compute @workgroup_size({threads})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) at: u32) {{
    let first = group.x * {rows}u;
    let count = min({rows}u, step.tokens - min(first, step.tokens));
    let head = group.y * {together}u / {of_one}u;
    let word = at % {words}u;
    let part = at / {words}u;
    for (var i = at; i < {queries}u; i += {threads}u) {{
        let pair = i / {head_size}u;
        let row = min(first + pair / {together}u, step.tokens - 1u);
        let own = row * {heads}u + group.y * {together}u + pair % {together}u;
        query[i] = queries[own * {head_size}u + i % {head_size}u];
    }}
    if (at < {pairs}u) {{
        high[at] = -3.4028234e38;
        total[at] = 0.0;
    }}
{found}    var next = 0u;
    loop {{
        if (next >= count) {{
            break;
        }}
        let table = rows[first + next].z;
        var seen = 0u;
        var to = next;
        loop {{
            if (to >= count) {{
                break;
            }}
            if (rows[first + to].z != table) {{
                break;
            }}
            seen = max(seen, rows[first + to].y + 1u);
            to += 1u;
        }}
        workgroupBarrier();
        if (at < {rows}u) {{
            limits[at] = 0u;
            if (at >= next && at < to) {{
                limits[at] = rows[first + at].y + 1u;
            }}
        }}
        for (var start = 0u; start < seen; start += {SPLIT_KEYS}u) {{
            let end = min(seen, start + {SPLIT_KEYS}u);
{of_split}        }}
        next = to;
    }}
    workgroupBarrier();
    if (at >= {words}u) {{
        return;
    }}
{write}}}
",
            queries = pairs * head_size,
            scores = pairs * TOGETHER,
            sums = if TOGETHER / words > 1 { AT_ONCE.min(pairs) * threads } else { 1 },
            of_one = heads / kv_heads,
            found = each(pairs, "    var f# = vec2<f32>(0.0, 0.0);\n"),
            of_split = self.split(pairs),
            write = self.each(&self.write()),
        );
        Kernel { name: "attend in tiles", text }
    }

    /// A text once for each pair, with its number for `#` and its row's for `@`.
    fn each(&self, text: &str) -> String {
        let own = |row: usize| text.replace('@', &row.to_string());
        let heads = self.together();
        (0..heads * self.rows())
            .map(|pair| own(pair / heads).replace('#', &pair.to_string()))
            .collect()
    }

    /// Adds to each pair's `f#` what it finds in the keys from `start` to `end`.
    fn split(&self, pairs: usize) -> String {
        let &Self { head_size, .. } = self;
        let (words, together) = (head_size / 2, self.together());
        let (parts, strip) = ((TOGETHER / words).max(1), strips_words(head_size) / 2);
        format!(
            "            workgroupBarrier();
            if (at < {pairs}u) {{
                highs[at] = -3.4028234e38;
                totals[at] = 0.0;
            }}
{begin}            for (var base = start; base < end; base += {TOGETHER}u) {{
                let many = min(end - base, {TOGETHER}u);
                let key = base + at;
                workgroupBarrier();
                if (at < many) {{
                    let keys = strips_of(table, key, head) + key % {PAGE_TOKENS}u;
{no_score}                    for (var w = 0u; w < {words}u; w += 1u) {{
                        let k = unpack2x16float(pages[keys + w * {PAGE_TOKENS}u]);
{score}                    }}
{keep_score}                }}
                workgroupBarrier();
                // Of the keys here, those that a pair sees are the first.
                var own = 0u;
                if (at < {pairs}u) {{
                    let limit = limits[at / {together}u];
                    own = min(many, limit - min(limit, base));
                    let before = highs[at];
                    var h = before;
                    for (var i = 0u; i < own; i += 1u) {{
                        h = max(h, scores[at * {TOGETHER}u + i]);
                    }}
                    factors[at] = select(1.0, exp(before - h), own > 0u);
                    highs[at] = h;
                }}
                workgroupBarrier();
                if (at < many) {{
{weight}                }}
                workgroupBarrier();
                if (own > 0u) {{
                    var t = totals[at] * factors[at];
                    for (var i = 0u; i < own; i += 1u) {{
                        t += scores[at * {TOGETHER}u + i];
                    }}
                    totals[at] = t;
                }}
{rescale}                if (part < {parts}u) {{
                    for (var i = part; i < many; i += {parts}u) {{
                        let token = (base + i) % {PAGE_TOKENS}u;
                        let values = strips_of(table, base + i, head) + {strip}u + token * {words}u;
                        let v = unpack2x16float(pages[values + word]);
{sum}                    }}
                }}
            }}
{add_up}            workgroupBarrier();
{merge}            workgroupBarrier();
            if (at < {pairs}u) {{
                if (start < limits[at / {together}u]) {{
                    let both = merge(
                        vec4<f32>(0.0, 0.0, high[at], total[at]),
                        vec4<f32>(0.0, 0.0, highs[at], totals[at]));
                    high[at] = both.z;
                    total[at] = both.w;
                }}
            }}
",
            begin = self.each("            var s# = vec2<f32>(0.0, 0.0);\n"),
            no_score = self.each("                    var c# = 0.0;\n"),
            score = self.each(&format!(
                "                        c# = fma(k.x, query[#u * {head_size}u + 2u * w], \
                 fma(k.y, query[#u * {head_size}u + 2u * w + 1u], c#));\n"
            )),
            keep_score =
                self.each(&format!("                    scores[#u * {TOGETHER}u + at] = c#;\n")),
            weight = self.each(&format!(
                "                    scores[#u * {TOGETHER}u + at] = select(0.0, \
                 exp(scores[#u * {TOGETHER}u + at] - highs[#]), key < limits[@]);\n"
            )),
            rescale = self.each("                s# = s# * factors[#];\n"),
            sum = self.each(&format!(
                "                        s# = fma(v, vec2<f32>(scores[#u * {TOGETHER}u + i]), s#);\n"
            )),
            add_up = Self::add_up(words, parts, pairs),
            merge = self.each(
                "            if (start < limits[@]) {
                let both = merge(
                    vec4<f32>(f#, high[#], total[#]), vec4<f32>(s#, highs[#], totals[#]));
                f# = both.xy;
            }
",
            ),
        )
    }

    /// Adds up the parts of sums, of some pairs at a time.
    fn add_up(words: usize, parts: usize, pairs: usize) -> String {
        if parts == 1 {
            return String::new();
        }
        let threads = TOGETHER.max(words);
        let mut text = String::new();
        for first in (0..pairs).step_by(AT_ONCE) {
            let some = first..pairs.min(first + AT_ONCE);
            let of = |line: &str| -> String {
                let own = |pair: usize| {
                    let place = (pair - first) * threads;
                    line.replace('#', &pair.to_string()).replace('@', &place.to_string())
                };
                some.clone().map(own).collect()
            };
            text += "            workgroupBarrier();\n";
            text += &of("            sums[@u + at] = s#;\n");
            text += "            workgroupBarrier();\n";
            text += &of("            s# = sums[@u + word];\n");
            text += &format!("            for (var p = 1u; p < {parts}u; p += 1u) {{\n");
            text += &of(&format!("                s# += sums[@u + p * {words}u + word];\n"));
            text += "            }\n";
        }
        text
    }

    fn write(&self) -> String {
        let &Self { head_size, out_stride, .. } = self;
        let together = self.together();
        format!(
            "    if (@u < count) {{
        let to = (first + @u) * {out_stride}u
            + (group.y * {together}u + #u % {together}u) * {head_size}u + 2u * at;
        out[to] = f#.x / total[#];
        out[to + 1u] = f#.y / total[#];
    }}
"
        )
    }

    /// Workgroups for so many rows.
    pub(crate) fn groups(&self, rows: usize) -> [u32; 3] {
        [rows.div_ceil(self.rows()) as u32, (self.heads / self.together()) as u32, 1]
    }
}
