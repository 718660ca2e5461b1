//! Turns queries and keys by their positions, and puts keys and values into their pages.
//!
//! A layer's buffer has its pages one after the other. A page has for each KV head a strip of keys
//! and then one of values, in words of two halves: keys as `[word][token]`, so that invocations that
//! look at neighbouring tokens read neighbouring words, values as `[token][word]`.

use super::{Kernel, STEP, storage};

/// Tokens of a page.
pub(crate) const PAGE_TOKENS: usize = 16;

/// How heads are turned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Turning {
    Not,
    /// A head's halves' equal places are a pair.
    Halves,
    /// Neighbours are a pair.
    Neighbours,
}

/// An invocation for each row, head and four of its numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rotate {
    pub(crate) heads: usize,
    pub(crate) kv_heads: usize,
    /// A multiple of 16.
    pub(crate) head_size: usize,
    /// Where queries, keys and values begin in a row, and how long that is.
    pub(crate) from: [usize; 3],
    pub(crate) stride: usize,
    /// What queries are multiplied by.
    pub(crate) scale: f32,
    pub(crate) turning: Turning,
}

/// Binding numbers.
impl Rotate {
    pub(crate) const X: usize = 2;
    pub(crate) const ROWS: usize = 3;
    pub(crate) const TABLES: usize = 4;
    pub(crate) const QUERIES: usize = 5;
    pub(crate) const PAGES: usize = 6;
    pub(crate) const COS: usize = 7;
    pub(crate) const SIN: usize = 8;
}

const THREADS: usize = 64;

impl Rotate {
    pub(crate) fn kernel(&self) -> Kernel {
        let &Self { heads, kv_heads, head_size, from: [q, k, v], stride, scale, turning } = self;
        let (fours, half) = (head_size / 4, head_size / 2);
        let mut text = STEP.to_owned();
        text += &storage(Self::X, "read", "x", "f32");
        text += &storage(Self::ROWS, "read", "rows", "vec4<u32>");
        text += &storage(Self::TABLES, "read", "tables", "u32");
        text += &storage(Self::QUERIES, "read_write", "queries", "f32");
        text += &storage(Self::PAGES, "read_write", "pages", "u32");
        if turning != Turning::Not {
            text += &storage(Self::COS, "read", "cosines", "f32");
            text += &storage(Self::SIN, "read", "sines", "f32");
        }
        text += &Self::turn(turning, half);
        text += &format!(
            "@compute @workgroup_size({THREADS})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {{
    let row = id.y;
    let head = id.x / {fours}u;
    let four = id.x % {fours}u;
    if (row >= step.tokens || head >= {all}u) {{
        return;
    }}
    let info = rows[row];
    let position = info.y;
    let page = tables[info.z + position / {PAGE_TOKENS}u];
    let token = position % {PAGE_TOKENS}u;
    let a = {a};
    let b = {b};
    if (head < {heads}u) {{
        let start = row * {stride}u + {q}u + head * {head_size}u;
        let turned = turn(start, four, a, b, position) * {scale:?};
        let to = (row * {heads}u + head) * {head_size}u;
        queries[to + a] = turned.x;
        queries[to + a + 1u] = turned.y;
        queries[to + b] = turned.z;
        queries[to + b + 1u] = turned.w;
    }} else if (head < {keys}u) {{
        let own = head - {heads}u;
        let start = row * {stride}u + {k}u + own * {head_size}u;
        let turned = turn(start, four, a, b, position);
        let to = (page * {kv_heads}u + own) * {strips}u;
        pages[to + (a / 2u) * {PAGE_TOKENS}u + token] = pack2x16float(turned.xy);
        pages[to + (b / 2u) * {PAGE_TOKENS}u + token] = pack2x16float(turned.zw);
    }} else {{
        let own = head - {keys}u;
        let start = row * {stride}u + {v}u + own * {head_size}u;
        let to = (page * {kv_heads}u + own) * {strips}u + {strip}u + token * {half}u;
        pages[to + a / 2u] = pack2x16float(vec2<f32>(x[start + a], x[start + a + 1u]));
        pages[to + b / 2u] = pack2x16float(vec2<f32>(x[start + b], x[start + b + 1u]));
    }}
}}
",
            all = heads + 2 * kv_heads,
            keys = heads + kv_heads,
            strips = strips_words(head_size),
            strip = strips_words(head_size) / 2,
            // The two pairs of neighbours that an invocation has.
            a = if turning == Turning::Neighbours { "four * 4u" } else { "four * 2u" },
            b = if turning == Turning::Neighbours {
                "four * 4u + 2u".to_owned()
            } else {
                format!("four * 2u + {half}u")
            },
        );
        Kernel { name: "rotate", text }
    }

    /// The numbers at `a`, `a + 1`, `b` and `b + 1` of a head, turned.
    fn turn(turning: Turning, half: usize) -> String {
        let body = match turning {
            Turning::Not => "    return v;\n".to_owned(),
            Turning::Halves => format!(
                "    let at = position * {half}u + four * 2u;
    let c = vec2<f32>(cosines[at], cosines[at + 1u]);
    let s = vec2<f32>(sines[at], sines[at + 1u]);
    return vec4<f32>(v.xy * c - v.zw * s, v.zw * c + v.xy * s);
"
            ),
            Turning::Neighbours => format!(
                "    let at = position * {half}u + four * 2u;
    let c = vec2<f32>(cosines[at], cosines[at + 1u]);
    let s = vec2<f32>(sines[at], sines[at + 1u]);
    return vec4<f32>(
        v.x * c.x - v.y * s.x, v.y * c.x + v.x * s.x, v.z * c.y - v.w * s.y, v.w * c.y + v.z * s.y);
"
            ),
        };
        format!(
            "fn turn(start: u32, four: u32, a: u32, b: u32, position: u32) -> vec4<f32> {{
    let v = vec4<f32>(x[start + a], x[start + a + 1u], x[start + b], x[start + b + 1u]);
{body}}}
"
        )
    }

    /// Workgroups for so many rows.
    pub(crate) fn groups(&self, rows: usize) -> [u32; 3] {
        let all = (self.heads + 2 * self.kv_heads) * self.head_size / 4;
        [all.div_ceil(THREADS) as u32, rows as u32, 1]
    }
}

/// Words of the keys and values of one head in a page.
pub(super) const fn strips_words(head_size: usize) -> usize {
    2 * PAGE_TOKENS * head_size / 2
}
