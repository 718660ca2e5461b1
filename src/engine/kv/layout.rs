//! How a page is laid out.
//!
//! A page holds all layers of its tokens. Each layer and KV head has a strip of keys and then one of
//! values, so that attention reads both in order. Keys are transposed (`head_size × 16`), values as
//! they come (`16 × head_size`). With eight bits a strip ends in one `f32` scale for each token.

/// Tokens in a page.
pub(crate) const PAGE_TOKENS: usize = 16;

/// How keys and values are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub enum KvType {
    /// IEEE halves.
    #[default]
    #[serde(rename = "f16")]
    F16,
    /// Eight bits with a scale for each token and head: half the memory, and half of what attention
    /// reads; a value is off by at most 1/254 of the largest of its head.
    #[serde(rename = "int8")]
    Int8,
}

/// Where a decoder keeps its keys and values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Layout {
    /// Attention layers.
    pub(crate) layers: usize,
    /// Heads that keys and values have.
    pub(crate) heads: usize,
    /// Width of a head, a multiple of 16.
    pub(crate) head_size: usize,
    /// How they are stored.
    pub(crate) kind: KvType,
}

impl Layout {
    /// Bytes of the keys (or of the values) of one layer and head in a page.
    pub(crate) fn strip_bytes(&self) -> usize {
        let numbers = self.head_size * PAGE_TOKENS;
        match self.kind {
            KvType::F16 => 2 * numbers,
            KvType::Int8 => numbers + size_of::<[f32; PAGE_TOKENS]>(),
        }
    }

    /// First byte of the keys of a layer and head; its values follow after [`Self::strip_bytes`].
    pub(crate) fn strips_at(&self, layer: usize, head: usize) -> usize {
        (layer * self.heads + head) * 2 * self.strip_bytes()
    }

    /// Bytes in a page.
    pub(crate) fn page_len(&self) -> usize {
        self.strips_at(self.layers, 0)
    }

    /// Bytes in a page.
    pub(crate) fn page_bytes(&self) -> u64 {
        self.page_len() as u64
    }
}
