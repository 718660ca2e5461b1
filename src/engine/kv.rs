//! Memory for keys and values: pages of sixteen tokens, owned by the engine, outside every graph.
//!
//! A page holds all layers of its tokens. Per layer and KV head it has the keys transposed
//! (`head_size × 16`) and the values as they come (`16 × head_size`), as IEEE halves, so that
//! attention reads both in order.

/// Tokens in a page.
pub(crate) const PAGE_TOKENS: usize = 16;

/// Where a decoder keeps its keys and values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Layout {
    /// Attention layers.
    pub(crate) layers: usize,
    /// Heads that keys and values have.
    pub(crate) heads: usize,
    /// Width of a head.
    pub(crate) head_size: usize,
}

impl Layout {
    /// Halves in the keys (or values) of one layer and head of a page.
    pub(crate) fn strip(&self) -> usize {
        self.head_size * PAGE_TOKENS
    }

    /// First half of the keys of a layer and head; the values follow after [`Self::strip`].
    pub(crate) fn keys_at(&self, layer: usize, head: usize) -> usize {
        (layer * self.heads + head) * 2 * self.strip()
    }

    /// Halves in a page.
    fn page_len(&self) -> usize {
        self.layers * self.heads * 2 * self.strip()
    }

    /// Bytes in a page.
    pub(crate) fn page_bytes(&self) -> u64 {
        2 * self.page_len() as u64
    }
}

/// A sequence that has pages in a [`KvStore`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct SequenceId(usize);

/// All pages of a model and who has which. Grows page by page to its budget and keeps what it has.
#[derive(Debug)]
pub(crate) struct KvStore {
    layout: Layout,
    pages: Vec<Box<[u16]>>,
    free: Vec<usize>,
    tables: Vec<Option<Vec<usize>>>,
    limit: usize,
}

impl KvStore {
    /// Room for as many pages as `budget_bytes` holds.
    pub(crate) fn new(layout: Layout, budget_bytes: u64) -> Self {
        let limit = budget_bytes / layout.page_bytes().max(1);
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Self { layout, pages: Vec::new(), free: Vec::new(), tables: Vec::new(), limit }
    }

    /// Tokens for which there can be pages at once.
    pub(crate) fn limit_tokens(&self) -> usize {
        self.limit.saturating_mul(PAGE_TOKENS)
    }

    /// Bytes of pages that sequences have.
    pub(crate) fn used_bytes(&self) -> u64 {
        (self.pages.len() - self.free.len()) as u64 * self.layout.page_bytes()
    }

    /// Bytes that may be used at most.
    pub(crate) fn limit_bytes(&self) -> u64 {
        self.limit as u64 * self.layout.page_bytes()
    }

    /// A new sequence without pages.
    pub(crate) fn open(&mut self) -> SequenceId {
        let place = self.tables.iter().position(Option::is_none).unwrap_or_else(|| {
            self.tables.push(None);
            self.tables.len() - 1
        });
        if let Some(table) = self.tables.get_mut(place) {
            *table = Some(Vec::new());
        }
        SequenceId(place)
    }

    /// Gives the sequence pages for its first `tokens` tokens; false where the budget is used up.
    pub(crate) fn reserve(&mut self, sequence: SequenceId, tokens: usize) -> bool {
        let Some(Some(table)) = self.tables.get_mut(sequence.0) else { return false };
        while table.len() < tokens.div_ceil(PAGE_TOKENS) {
            let page = match self.free.pop() {
                Some(page) => page,
                None if self.pages.len() < self.limit => {
                    self.pages.push(vec![0; self.layout.page_len()].into_boxed_slice());
                    self.pages.len() - 1
                }
                None => return false,
            };
            table.push(page);
        }
        true
    }

    /// Ends a sequence; its pages are free again.
    pub(crate) fn close(&mut self, sequence: SequenceId) {
        if let Some(pages) = self.tables.get_mut(sequence.0).and_then(Option::take) {
            self.free.extend(pages);
        }
    }

    /// (Keys, values) of one layer and head, page by page, that hold the first `tokens` tokens.
    /// Shorter where the sequence has fewer pages.
    pub(crate) fn read(
        &self,
        sequence: SequenceId,
        layer: usize,
        head: usize,
        tokens: usize,
    ) -> Vec<(&[u16], &[u16])> {
        let from = self.layout.keys_at(layer, head);
        let strip = self.layout.strip();
        let table = self.tables.get(sequence.0).and_then(Option::as_deref).unwrap_or_default();
        let views = table.iter().take(tokens.div_ceil(PAGE_TOKENS)).filter_map(|&page| {
            self.pages.get(page)?.get(from..from + 2 * strip).map(|both| both.split_at(strip))
        });
        views.collect()
    }

    /// The (keys, values) in which the token at `position` has its place.
    pub(crate) fn write(
        &mut self,
        sequence: SequenceId,
        layer: usize,
        head: usize,
        position: usize,
    ) -> Option<(&mut [u16], &mut [u16])> {
        let from = self.layout.keys_at(layer, head);
        let strip = self.layout.strip();
        let page = *self.tables.get(sequence.0)?.as_ref()?.get(position / PAGE_TOKENS)?;
        Some(self.pages.get_mut(page)?.get_mut(from..from + 2 * strip)?.split_at_mut(strip))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_budget_is_never_exceeded_and_pages_come_back() {
        let layout = Layout { layers: 2, heads: 3, head_size: 16 };
        assert_eq!(layout.page_bytes(), 2 * 3 * 2 * 16 * 16 * 2);
        let mut kv = KvStore::new(layout, layout.page_bytes() * 3 + 5);
        let (a, b) = (kv.open(), kv.open());
        assert!(kv.reserve(a, 17) && kv.reserve(b, 16));
        assert!(!kv.reserve(b, 17), "a fourth page");
        assert_eq!(kv.used_bytes(), kv.limit_bytes());
        kv.close(a);
        assert_eq!(kv.used_bytes(), layout.page_bytes());
        assert!(kv.reserve(b, 48));
        kv.close(b);
        assert_eq!((kv.used_bytes(), kv.pages.len()), (0, 3));
    }

    #[test]
    fn sequences_layers_and_heads_do_not_overlap() {
        let layout = Layout { layers: 2, heads: 2, head_size: 16 };
        let mut kv = KvStore::new(layout, 1 << 20);
        let sequences = [kv.open(), kv.open()];
        let mark = |s: usize, layer: usize, head: usize| (s * 8 + layer * 4 + head * 2) as u16;
        for (s, sequence) in sequences.into_iter().enumerate() {
            assert!(kv.reserve(sequence, 16));
            for layer in 0..2 {
                for head in 0..2 {
                    let (keys, values) = kv.write(sequence, layer, head, 15).unwrap();
                    keys.fill(mark(s, layer, head));
                    values.fill(mark(s, layer, head) + 1);
                }
            }
            assert!(kv.write(sequence, 0, 0, 16).is_none());
        }
        for (s, sequence) in sequences.into_iter().enumerate() {
            for layer in 0..2 {
                for head in 0..2 {
                    let views = kv.read(sequence, layer, head, 16);
                    assert_eq!(views.len(), 1);
                    assert!(views[0].0.iter().all(|&k| k == mark(s, layer, head)));
                    assert!(views[0].1.iter().all(|&v| v == mark(s, layer, head) + 1));
                }
            }
        }
    }
}
