//! All pages of a model and who has which.

use super::layout::{Layout, PAGE_TOKENS};
use super::page::Page;
use super::prefixes::{Block, NodeId, Parent, Prefixes};
use crate::engine::budget::Account;
use crate::engine::{Scope, TokenId};

/// A sequence that has pages in a [`KvStore`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct SequenceId(usize);

/// A page of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct PageId(pub(super) u32);

/// Pages of a sequence, first token first. The first `shared.len()` are in the tree.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) scope: Scope,
    pub(super) pages: Vec<PageId>,
    pub(super) shared: Vec<NodeId>,
}

impl Table {
    /// What the next page that is not in the tree follows on.
    fn end(&self) -> Parent {
        self.shared.last().map_or(Parent::Scope(self.scope), |&node| Parent::Node(node))
    }

    /// The tokens of that page, where `tokens` fill it and its scope shares at all.
    fn next_block(&self, tokens: &[TokenId]) -> Option<Block> {
        let rest = tokens.get(self.shared.len() * PAGE_TOKENS..)?;
        rest.first_chunk().copied().filter(|_| self.scope != Scope::Alone)
    }
}

/// Where the bytes of pages are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bytes {
    /// With the pages; taken one by one from the account.
    Here,
    /// On a device, which has had room for all of them from the start.
    Elsewhere,
}

/// All pages of a model. Takes page by page from its account; keeps what it has until another model
/// wants it.
#[derive(Debug)]
pub(crate) struct KvStore {
    layout: Layout,
    account: Account,
    bytes: Bytes,
    /// Pages it may have, besides what the account allows.
    cap: usize,
    pub(super) pages: Vec<Option<Page>>,
    /// Places in `pages` without a page.
    vacant: Vec<PageId>,
    pub(super) free: Vec<PageId>,
    pub(super) tables: Vec<Option<Table>>,
    pub(super) prefixes: Prefixes,
}

impl KvStore {
    /// A store without pages, which may have as many as `cap_bytes` hold.
    pub(crate) fn new(layout: Layout, account: Account, cap_bytes: Option<u64>) -> Self {
        let pages = |bytes: u64| bytes / layout.page_bytes().max(1);
        let cap = cap_bytes.map_or(u64::from(u32::MAX), |bytes| pages(bytes).min(u32::MAX.into()));
        Self {
            layout,
            account,
            bytes: Bytes::Here,
            cap: usize::try_from(cap).unwrap_or(usize::MAX),
            pages: Vec::new(),
            vacant: Vec::new(),
            free: Vec::new(),
            tables: Vec::new(),
            prefixes: Prefixes::default(),
        }
    }

    /// A store of `pages` pages whose bytes are on a device and are counted in `account` already.
    #[cfg_attr(not(feature = "gpu"), allow(dead_code, reason = "without devices, all are here"))]
    pub(crate) fn elsewhere(layout: Layout, account: Account, pages: usize) -> Self {
        Self { bytes: Bytes::Elsewhere, cap: pages, ..Self::new(layout, account, None) }
    }

    /// How pages are laid out.
    pub(crate) fn layout(&self) -> Layout {
        self.layout
    }

    /// The part in the budget that pages are taken from.
    pub(crate) fn account(&mut self) -> &mut Account {
        &mut self.account
    }

    /// Tokens for which there can be pages at once, when no other model has any.
    pub(crate) fn limit_tokens(&self) -> usize {
        self.limit_pages().saturating_mul(PAGE_TOKENS)
    }

    fn limit_pages(&self) -> usize {
        if self.bytes == Bytes::Elsewhere {
            return self.cap;
        }
        let allowed = self.account.most_for_pages() / self.layout.page_bytes().max(1);
        usize::try_from(allowed).unwrap_or(usize::MAX).min(self.cap)
    }

    /// Bytes of pages that sequences have.
    pub(crate) fn used_bytes(&self) -> u64 {
        let idle = self.free.len() + self.prefixes.idle();
        (self.there() - idle) as u64 * self.layout.page_bytes()
    }

    /// Pages that there are.
    fn there(&self) -> usize {
        self.pages.len() - self.vacant.len()
    }

    /// Bytes that may be used at most.
    pub(crate) fn limit_bytes(&self) -> u64 {
        (self.limit_pages() as u64).saturating_mul(self.layout.page_bytes())
    }

    /// Bytes that the cap and the budget leave for pages; not always whole pages.
    pub(crate) fn allowed_bytes(&self) -> u64 {
        let cap = (self.cap as u64).saturating_mul(self.layout.page_bytes());
        if self.bytes == Bytes::Elsewhere {
            return cap;
        }
        self.account.most_for_pages().min(cap)
    }

    /// A new sequence without pages, which shares with its scope.
    pub(crate) fn open(&mut self, scope: Scope) -> SequenceId {
        let place = self.tables.iter().position(Option::is_none).unwrap_or_else(|| {
            self.tables.push(None);
            self.tables.len() - 1
        });
        if let Some(table) = self.tables.get_mut(place) {
            *table = Some(Table { scope, pages: Vec::new(), shared: Vec::new() });
        }
        SequenceId(place)
    }

    /// Gives the sequence all pages of the tree that follow on its shared ones and hold `tokens`, in
    /// place of its own. Returns for how many tokens it has shared pages now.
    pub(crate) fn adopt(&mut self, sequence: SequenceId, tokens: &[TokenId]) -> usize {
        let Some(Some(table)) = self.tables.get_mut(sequence.0) else { return 0 };
        while let Some(block) = table.next_block(tokens)
            && let Some(node) = self.prefixes.find(table.end(), &block)
            && let Some(page) = self.prefixes.page(node)
        {
            self.prefixes.hold(node);
            match table.pages.get_mut(table.shared.len()) {
                Some(own) => self.free.push(std::mem::replace(own, page)),
                None => table.pages.push(page),
            }
            table.shared.push(node);
        }
        table.shared.len() * PAGE_TOKENS
    }

    /// Puts the sequence's own full pages into the tree; `tokens` are those that are computed.
    pub(crate) fn publish(&mut self, sequence: SequenceId, tokens: &[TokenId]) {
        // Whoever was first with these tokens has the same in its page, bit for bit.
        self.adopt(sequence, tokens);
        let Some(Some(table)) = self.tables.get_mut(sequence.0) else { return };
        while let Some(block) = table.next_block(tokens)
            && let Some(&page) = table.pages.get(table.shared.len())
        {
            let node = self.prefixes.insert(table.end(), block, page);
            table.shared.push(node);
        }
    }

    /// Names the page that the sequence fills next with `tokens`: two sequences with the same name
    /// would compute the same. `None` where it has none to share.
    pub(crate) fn next_page(
        &self,
        sequence: SequenceId,
        tokens: &[TokenId],
    ) -> Option<(Parent, Block)> {
        let table = self.tables.get(sequence.0)?.as_ref()?;
        Some((table.end(), table.next_block(tokens)?))
    }

    /// Gives the sequence pages for its first `tokens` tokens; false where there are not enough,
    /// and then it keeps those that it got.
    pub(crate) fn reserve(&mut self, sequence: SequenceId, tokens: usize) -> bool {
        let Some(Some(table)) = self.tables.get(sequence.0) else { return false };
        let wanted = tokens.div_ceil(PAGE_TOKENS);
        for have in table.pages.len()..wanted {
            let Some(page) = self.page(wanted - have) else { return false };
            if let Some(Some(table)) = self.tables.get_mut(sequence.0) {
                table.pages.push(page);
            }
        }
        true
    }

    /// A page for a sequence that lacks so many: a free one, a new one, or one that nobody holds.
    fn page(&mut self, lacking: usize) -> Option<PageId> {
        if let Some(page) = self.free.pop() {
            return Some(page);
        }
        if self.there() < self.cap && self.may_grow(lacking) {
            return Some(self.grow());
        }
        self.prefixes.evict()
    }

    /// Takes the bytes of a page from the account, where they are not on a device already.
    fn may_grow(&mut self, lacking: usize) -> bool {
        if self.bytes == Bytes::Elsewhere {
            return true;
        }
        let bytes = self.layout.page_bytes();
        let idle = self.prefixes.idle() > 0;
        // Only who has nothing left to forget asks the others.
        (!idle || self.account.has(bytes))
            && self.account.take_pages(bytes, bytes.saturating_mul(lacking as u64))
    }

    fn grow(&mut self) -> PageId {
        let new = match self.bytes {
            Bytes::Here => Page::new(self.layout.page_len()),
            Bytes::Elsewhere => Page::new(0),
        };
        let place = self.vacant.pop().unwrap_or_else(|| {
            self.pages.push(None);
            PageId(self.pages.len() as u32 - 1)
        });
        if let Some(page) = self.pages.get_mut(place.0 as usize) {
            *page = Some(new);
        }
        place
    }

    /// Ends a sequence: its own pages are free again, its shared ones stay in the tree for whoever
    /// begins the same.
    pub(crate) fn close(&mut self, sequence: SequenceId) {
        if let Some(table) = self.tables.get_mut(sequence.0).and_then(Option::take) {
            self.free.extend(table.pages.iter().skip(table.shared.len()));
            table.shared.iter().rev().for_each(|&node| self.prefixes.let_go(node));
        }
    }

    /// Forgets what earlier sequences had computed: no later one shares it. Those that run go on.
    pub(crate) fn forget(&mut self) {
        self.free.extend(self.prefixes.forget());
    }

    /// Gives back to the budget what others want and no sequence here has.
    pub(crate) fn give_to_others(&mut self) {
        if self.bytes == Bytes::Elsewhere {
            return;
        }
        let wanted = self.account.wanted_by_others().div_ceil(self.layout.page_bytes().max(1));
        let mut given = 0;
        while given < wanted
            && let Some(page) = self.free.pop().or_else(|| self.prefixes.evict())
        {
            if let Some(place) = self.pages.get_mut(page.0 as usize) {
                *place = None;
            }
            self.vacant.push(page);
            given += 1;
        }
        if given > 0 {
            self.account.give_pages(given * self.layout.page_bytes());
        }
    }

    /// The pages of a sequence, to read.
    pub(crate) fn pages(&self, sequence: SequenceId) -> Pages<'_> {
        let table = self.tables.get(sequence.0).and_then(Option::as_ref);
        Pages { pages: &self.pages, table: table.map_or(&[], |table| &table.pages) }
    }

    /// The pages that hold the tokens at `places`, to write, in the same order. `None` where a page
    /// is named twice, is shared, or is not there.
    pub(crate) fn writing(
        &mut self,
        places: impl Iterator<Item = (SequenceId, usize)>,
    ) -> Option<Vec<&mut [u8]>> {
        let own = |(sequence, position): (SequenceId, usize)| {
            let table = self.tables.get(sequence.0)?.as_ref()?;
            let at = position / PAGE_TOKENS;
            table.pages.get(at).copied().filter(|_| at >= table.shared.len())
        };
        let mut wanted: Vec<(PageId, usize)> = places
            .enumerate()
            .map(|(order, place)| Some((own(place)?, order)))
            .collect::<Option<_>>()?;
        wanted.sort_unstable();
        let mut found = Vec::with_capacity(wanted.len());
        let (mut rest, mut skipped) = (self.pages.as_mut_slice(), 0);
        for (page, order) in wanted {
            // A page that was there before lies behind what is left.
            let at = (page.0 as usize).checked_sub(skipped)?;
            let (page, behind) = rest.get_mut(at..)?.split_first_mut()?;
            found.push((order, page.as_mut()?.bytes_mut()));
            rest = behind;
            skipped += at + 1;
        }
        found.sort_unstable_by_key(|(order, _)| *order);
        Some(found.into_iter().map(|(_, page)| page).collect())
    }
}

/// The pages of one sequence, in order.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pages<'a> {
    pages: &'a [Option<Page>],
    table: &'a [PageId],
}

impl<'a> Pages<'a> {
    /// How many.
    pub(crate) fn len(self) -> usize {
        self.table.len()
    }

    /// Their numbers in the store.
    #[cfg_attr(not(feature = "gpu"), allow(dead_code, reason = "only devices need them"))]
    pub(crate) fn numbers(self) -> Vec<u32> {
        self.table.iter().map(|page| page.0).collect()
    }

    /// The bytes of one; none where there is no such page.
    pub(crate) fn get(self, at: usize) -> &'a [u8] {
        let page = self.table.get(at).and_then(|page| self.pages.get(page.0 as usize)?.as_ref());
        page.map_or(&[], Page::bytes)
    }
}
