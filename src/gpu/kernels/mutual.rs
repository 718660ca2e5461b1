//! Attention of the tokens of texts to all tokens of their own text.
//!
//! A workgroup has some neighbouring tokens of one text and one head. It looks at the text's keys
//! from its first on, so many together, and adds up what it finds with the largest score so far taken
//! off. So a token's result is the same wherever its text lies and whatever lies beside it.

use super::{Kernel, storage};
use crate::graph::Mask;

/// Tokens of a workgroup.
pub(crate) const QUERIES: usize = 8;
/// Keys that a workgroup looks at together.
const TOGETHER: usize = 64;

/// What a mask says of a key that is out of sight, in place of lower finite numbers: its score does not
/// matter, and no sum with it is infinite.
pub(crate) const OUT_OF_SIGHT: f32 = -1e38;
/// The same in place of an infinity.
pub(crate) const BLIND: f32 = -2e38;

/// Where some rows are in the rows of a buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    /// First number in a row; a multiple of 4.
    pub(crate) from: usize,
    /// Numbers of a row; a multiple of 4.
    pub(crate) stride: usize,
}

/// A workgroup for each head and each block of tokens.
///
/// [`Self::BLOCKS`] has eight words for each: the first row, how many rows, the first row of their text,
/// how many rows that has, and where the numbers of its mask begin, if it has some for pairs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Mutual {
    pub(crate) heads: usize,
    /// A multiple of 4, and at most 256.
    pub(crate) head_size: usize,
    /// Queries, keys and values.
    pub(crate) inputs: [Span; 3],
    pub(crate) out_stride: usize,
    pub(crate) scale: f32,
    pub(crate) mask: Option<Mask>,
    pub(crate) blind_is_zero: bool,
}

/// Binding numbers.
impl Mutual {
    pub(crate) const QUERIES: usize = 2;
    pub(crate) const KEYS: usize = 3;
    pub(crate) const VALUES: usize = 4;
    pub(crate) const BLOCKS: usize = 5;
    pub(crate) const OUT: usize = 6;
    pub(crate) const MASK: usize = 7;
}

impl Mutual {
    pub(crate) fn kernel(&self) -> Kernel {
        let &Self { head_size, inputs: [queries, ..], out_stride, scale, .. } = self;
        let quads = head_size / 4;
        let parts = TOGETHER / quads;
        let mut text = storage(Self::QUERIES, "read", "queries", "vec4<f32>");
        text += &storage(Self::KEYS, "read", "keys", "vec4<f32>");
        text += &storage(Self::VALUES, "read", "values", "vec4<f32>");
        text += &storage(Self::BLOCKS, "read", "blocks", "vec4<u32>");
        text += &storage(Self::OUT, "read_write", "out", "vec4<f32>");
        if self.mask.is_some() {
            text += &storage(Self::MASK, "read", "mask", "f32");
        }
        text += &format!(
            "var<workgroup> query: array<vec4<f32>, {query}>;
var<workgroup> scores: array<f32, {scores}>;
var<workgroup> sums: array<vec4<f32>, {TOGETHER}>;

@compute @workgroup_size({TOGETHER})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) at: u32) {{
    let block = blocks[2u * group.y];
{pairs}    let head = group.x * {quads}u;
    let last = block.y - 1u;
    for (var i = at; i < {query}u; i += {TOGETHER}u) {{
        let row = block.x + min(i / {quads}u, last);
        query[i] = queries[row * {stride}u + {from}u + head + i % {quads}u] * {scale:?};
    }}
    let quad = at % {quads}u;
    let part = at / {quads}u;
{begin}    for (var base = 0u; base < block.w; base += {TOGETHER}u) {{
        let first = block.z + base;
        let many = min(block.w - base, {TOGETHER}u);
        workgroupBarrier();
        if (at < many) {{
{scored}        }}
        workgroupBarrier();
{highest}        for (var i = 0u; i < many; i += 1u) {{
{higher}        }}
        workgroupBarrier();
        if (at < many) {{
{weight}        }}
        workgroupBarrier();
{rescale}        for (var i = 0u; i < many; i += 1u) {{
{total}        }}
        if (part < {parts}u) {{
            for (var i = part; i < many; i += {parts}u) {{
{sum}            }}
        }}
    }}
{joined}    if (at >= {quads}u) {{
        return;
    }}
{write}}}
",
            query = QUERIES * quads,
            scores = QUERIES * TOGETHER,
            pairs = match self.mask {
                Some(Mask::Pairs) => "    let pairs = blocks[2u * group.y + 1u].x;\n",
                _ => "",
            },
            stride = queries.stride / 4,
            from = queries.from / 4,
            begin = each(
                "    var m# = -3.4028234e38;
    var t# = 0.0;
    var s# = vec4<f32>(0.0);
"
            ),
            scored = self.score(quads),
            highest = each("        var h# = m#;\n"),
            higher = each(&format!("            h# = max(h#, scores[#u * {TOGETHER}u + i]);\n")),
            weight = each(&format!(
                "            scores[#u * {TOGETHER}u + at] = \
                 exp(scores[#u * {TOGETHER}u + at] - h#);\n"
            )),
            rescale = each(
                "        let k# = exp(m# - h#);
        m# = h#;
        t# = t# * k#;
        s# = s# * k#;
"
            ),
            total = each(&format!("            t# += scores[#u * {TOGETHER}u + i];\n")),
            sum = self.sum(),
            joined = each(&joined(quads, parts)),
            write = each(&format!(
                "    if (#u <= last) {{
        out[(block.x + #u) * {}u + head + at] = {};
    }}
",
                out_stride / 4,
                self.result()
            )),
        );
        Kernel { name: "mutual", text }
    }

    /// The score of an invocation's key for each query.
    fn score(&self, quads: usize) -> String {
        let [_, Span { from, stride }, _] = self.inputs;
        let hidden = match self.mask {
            None => String::new(),
            Some(Mask::Keys) => " + mask[first + at]".to_owned(),
            Some(Mask::Pairs) => {
                " + mask[pairs + (block.x - block.z + min(#u, last)) * block.w + base + at]"
                    .to_owned()
            }
        };
        format!(
            "            let key = (first + at) * {stride}u + {from}u + head;
{begin}            for (var w = 0u; w < {quads}u; w += 1u) {{
                let k = keys[key + w];
{add}            }}
{keep}",
            stride = stride / 4,
            from = from / 4,
            begin = each("            var c# = 0.0;\n"),
            add = each(&format!(
                "                c# = fma(k.x, query[#u * {quads}u + w].x, \
                 fma(k.y, query[#u * {quads}u + w].y, \
                 fma(k.z, query[#u * {quads}u + w].z, \
                 fma(k.w, query[#u * {quads}u + w].w, c#))));\n"
            )),
            keep = each(&format!("            scores[#u * {TOGETHER}u + at] = c#{hidden};\n")),
        )
    }

    /// Adds an invocation's part of a value to each query's sums.
    fn sum(&self) -> String {
        let [.., Span { from, stride }] = self.inputs;
        format!(
            "                let v = values[(first + i) * {}u + {}u + head + quad];\n{}",
            stride / 4,
            from / 4,
            each(&format!(
                "                s# = fma(v, vec4<f32>(scores[#u * {TOGETHER}u + i]), s#);\n"
            ))
        )
    }

    /// What a query's sums become.
    fn result(&self) -> String {
        match self.blind_is_zero {
            false => "s# / t#".to_owned(),
            true => {
                format!("select(s# / t#, vec4<f32>(0.0), m# < {:?})", (BLIND + OUT_OF_SIGHT) / 2.0)
            }
        }
    }

    /// Workgroups for so many blocks.
    pub(crate) fn groups(&self, blocks: usize) -> [u32; 3] {
        [self.heads as u32, blocks as u32, 1]
    }
}

/// Adds up the parts of a query's sums.
fn joined(quads: usize, parts: usize) -> String {
    format!(
        "    workgroupBarrier();
    sums[at] = s#;
    workgroupBarrier();
    s# = sums[quad];
    for (var p = 1u; p < {parts}u; p += 1u) {{
        s# += sums[p * {quads}u + quad];
    }}
"
    )
}

/// A text once for each query, with its number in place of `#`.
fn each(text: &str) -> String {
    (0..QUERIES).map(|query| text.replace('#', &query.to_string())).collect()
}
