//! The largest logits of each wanted row in their order, and what all of them weigh: in a few kernels,
//! one for chunks of the vocabulary and the others for the lists that the one before made.
//!
//! A workgroup sorts [`CHUNK`] pairs of logit and token, largest first, the first of equals first, and
//! leaves the first [`CANDIDATES`] of them as a list. A list begins with its largest logit and two
//! sums over all logits that it stands for: of `exp(logit - largest)`, once with the difference
//! divided by the row's temperature and once as it is.

use super::reduction::add_up;
use super::{Kernel, STEP, storage};

/// Logits that a row's list has at most.
pub(crate) const CANDIDATES: usize = 128;
/// Words of a list: largest logit, two sums, a spare one, and pairs of logit and token.
pub(crate) const LIST_WORDS: usize = HEAD_WORDS + 2 * CANDIDATES;
pub(crate) const HEAD_WORDS: usize = 4;
/// The token of a pair that is none, where there are fewer tokens than pairs.
pub(crate) const NO_PAIR: u32 = u32::MAX;

/// Pairs of a workgroup.
const CHUNK: usize = 1024;
/// Lists of a workgroup.
const LISTS: usize = CHUNK / CANDIDATES;
const THREADS: usize = 256;

/// Finds the largest logits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Top {
    pub(crate) vocabulary: usize,
    /// How long a row of logits is.
    pub(crate) stride: usize,
}

/// Binding numbers, of all kernels.
impl Top {
    pub(crate) const FROM: usize = 2;
    pub(crate) const OUT: usize = 3;
    /// Of each row, what differences of logits are multiplied by: one by the temperature.
    pub(crate) const FACTORS: usize = 4;
}

impl Top {
    /// Lists of a row after each kernel; after the last there is one.
    pub(crate) fn levels(&self) -> Vec<usize> {
        let mut levels = vec![self.vocabulary.div_ceil(CHUNK)];
        while let Some(&lists) = levels.last().filter(|&&lists| lists > 1) {
            levels.push(lists.div_ceil(LISTS));
        }
        levels
    }

    /// The kernel that makes the lists of a level, of logits or of the lists of the level before.
    pub(crate) fn kernel(&self, level: usize) -> Kernel {
        let levels = self.levels();
        let count = |level: usize| levels.get(level).copied().unwrap_or(1);
        let (load, own, sorted) = match level.checked_sub(1) {
            None => (self.load_logits(), self.sum_logits(), 1),
            Some(before) => (
                Self::load_lists(count(before)),
                Self::sum_lists(count(before)),
                // Every other list is loaded from its end, as half of a sort leaves them.
                CANDIDATES,
            ),
        };
        let mut text = STEP.to_owned();
        text += &storage(Self::FROM, "read", "source", "u32");
        text += &storage(Self::OUT, "read_write", "lists", "u32");
        text += &storage(Self::FACTORS, "read", "factors", "f32");
        text += &format!(
            "{PAIRS}
@compute @workgroup_size({THREADS})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) at: u32) {{
    let row = min(group.y, step.wanted - 1u);
    let factor = factors[row];
    for (var n = at; n < {CHUNK}u; n += {THREADS}u) {{
{load}    }}
    for (var size = {first}u; size <= {CHUNK}u; size = size * 2u) {{
        for (var half = size / 2u; half > 0u; half = half / 2u) {{
            workgroupBarrier();
            for (var n = at; n < {pairs}u; n += {THREADS}u) {{
                let i = n / half * 2u * half + n % half;
                let a = pairs[i];
                let b = pairs[i + half];
                if (before(b, a) == ((i & size) == 0u)) {{
                    pairs[i] = b;
                    pairs[i + half] = a;
                }}
            }}
        }}
    }}
    workgroupBarrier();
    let most = max(logit_of(pairs[0].x), LEAST);
    var sum = vec2<f32>(0.0, 0.0);
{own}    sums[at] = sum;
{add_up}    let to = (row * {lists}u + group.x) * {LIST_WORDS}u;
    if (at == 0u) {{
        lists[to] = bitcast<u32>(most);
        lists[to + 1u] = bitcast<u32>(sums[0].x);
        lists[to + 2u] = bitcast<u32>(sums[0].y);
    }}
    if (at < {CANDIDATES}u) {{
        let pair = pairs[at];
        lists[to + {HEAD_WORDS}u + 2u * at] = bits_of(pair.x);
        lists[to + {HEAD_WORDS}u + 2u * at + 1u] = pair.y;
    }}
}}
",
            first = sorted * 2,
            pairs = CHUNK / 2,
            add_up = add_up(THREADS),
            lists = count(level),
        );
        Kernel { name: "top", text }
    }

    fn load_logits(&self) -> String {
        let Self { vocabulary, stride } = self;
        format!(
            "        let token = group.x * {CHUNK}u + n;
        var pair = NONE;
        if (token < {vocabulary}u) {{
            pair = vec2<u32>(key_of(source[row * {stride}u + token]), token);
        }}
        pairs[n] = pair;
"
        )
    }

    fn load_lists(before: usize) -> String {
        let last = CANDIDATES - 1;
        format!(
            "        let list = n / {CANDIDATES}u;
        let place = select(n % {CANDIDATES}u, {last}u - n % {CANDIDATES}u, list % 2u == 1u);
        var pair = NONE;
        if (group.x * {LISTS}u + list < {before}u) {{
            let begin = (row * {before}u + group.x * {LISTS}u + list) * {LIST_WORDS}u
                + {HEAD_WORDS}u + 2u * place;
            if (source[begin + 1u] != NONE.y) {{
                pair = vec2<u32>(key_of(source[begin]), source[begin + 1u]);
            }}
        }}
        pairs[n] = pair;
"
        )
    }

    fn sum_logits(&self) -> String {
        format!(
            "    for (var n = at; n < {CHUNK}u; n += {THREADS}u) {{
        if (pairs[n].y != NONE.y) {{
            sum += weights(logit_of(pairs[n].x), most, factor);
        }}
    }}
"
        )
    }

    fn sum_lists(before: usize) -> String {
        format!(
            "    if (at < {LISTS}u && group.x * {LISTS}u + at < {before}u) {{
        let begin = (row * {before}u + group.x * {LISTS}u + at) * {LIST_WORDS}u;
        let own = vec2<f32>(bitcast<f32>(source[begin + 1u]), bitcast<f32>(source[begin + 2u]));
        sum = own * weights(bitcast<f32>(source[begin]), most, factor);
    }}
"
        )
    }

    /// Workgroups of a level's kernel.
    pub(crate) fn groups(lists: usize, wanted: usize) -> [u32; 3] {
        [lists as u32, wanted as u32, 1]
    }
}

/// Pairs of a key, in whose order logits are, and a token. What is no number has the largest key.
const PAIRS: &str = "const NONE: vec2<u32> = vec2<u32>(0u, 0xffffffffu);
const LEAST: f32 = -3.4028234e38;
var<workgroup> pairs: array<vec2<u32>, 1024>;
var<workgroup> sums: array<vec2<f32>, 256>;
fn key_of(bits: u32) -> u32 {
    if ((bits & 0x7fffffffu) > 0x7f800000u) {
        return 0xffffffffu;
    }
    // Both zeros are equal.
    let own = select(bits, 0u, bits == 0x80000000u);
    return select(own | 0x80000000u, ~own, (own & 0x80000000u) != 0u);
}
fn bits_of(key: u32) -> u32 {
    return select(~key, key & 0x7fffffffu, (key & 0x80000000u) != 0u);
}
fn logit_of(key: u32) -> f32 {
    return bitcast<f32>(bits_of(key));
}
fn before(a: vec2<u32>, b: vec2<u32>) -> bool {
    return a.x > b.x || (a.x == b.x && a.y < b.y);
}
fn weights(logit: f32, most: f32, factor: f32) -> vec2<f32> {
    let apart = logit - most;
    // What is smaller adds nothing, and an infinite difference makes no number.
    return exp(max(vec2<f32>(apart * factor, apart), vec2<f32>(-100.0)));
}
";
