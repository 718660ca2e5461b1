//! A radix tree of full pages under their tokens: what a page holds depends on its tokens and on all
//! before them, which is the path to it.

use std::collections::{BTreeSet, HashMap};

use super::layout::PAGE_TOKENS;
use super::store::PageId;
use crate::engine::{Scope, TokenId};

/// The tokens of a page.
pub(super) type Block = [TokenId; PAGE_TOKENS];

/// A node of the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct NodeId(usize);

/// What a page's tokens follow on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Parent {
    /// Nothing: they begin a sequence of this scope.
    Scope(Scope),
    /// The page of this node.
    Node(NodeId),
}

#[derive(Debug)]
struct Node {
    key: (Parent, Block),
    page: PageId,
    /// Sequences that have the page.
    holders: usize,
    children: usize,
    last_used: u64,
}

/// The tree. Nodes that nobody holds stay until their page is wanted.
#[derive(Debug, Default)]
pub(super) struct Prefixes {
    nodes: Vec<Option<Node>>,
    vacant: Vec<usize>,
    known: HashMap<(Parent, Block), NodeId>,
    /// Nodes that nobody holds and nothing follows on, least recently used first.
    idle_leaves: BTreeSet<(u64, NodeId)>,
    idle: usize,
    clock: u64,
}

impl Prefixes {
    /// The node of these tokens, where it is known.
    pub(super) fn find(&self, parent: Parent, block: &Block) -> Option<NodeId> {
        self.known.get(&(parent, *block)).copied()
    }

    /// The node's page.
    pub(super) fn page(&self, node: NodeId) -> Option<PageId> {
        Some(self.node(node)?.page)
    }

    /// Nodes that nobody holds.
    pub(super) fn idle(&self) -> usize {
        self.idle
    }

    /// Counts one more holder.
    pub(super) fn hold(&mut self, node: NodeId) {
        let Some(entry) = self.nodes.get_mut(node.0).and_then(Option::as_mut) else { return };
        entry.holders += 1;
        if entry.holders == 1 {
            self.idle -= 1;
            self.idle_leaves.remove(&(entry.last_used, node));
        }
    }

    /// Counts one holder less.
    pub(super) fn let_go(&mut self, node: NodeId) {
        self.clock += 1;
        let Some(entry) = self.nodes.get_mut(node.0).and_then(Option::as_mut) else { return };
        entry.holders -= 1;
        if entry.holders == 0 {
            self.idle += 1;
            entry.last_used = self.clock;
            if entry.children == 0 {
                self.idle_leaves.insert((entry.last_used, node));
            }
        }
    }

    /// Takes in a page under tokens that are not known yet, held once.
    pub(super) fn insert(&mut self, parent: Parent, block: Block, page: PageId) -> NodeId {
        let key = (parent, block);
        let node = Node { key, page, holders: 1, children: 0, last_used: self.clock };
        let place = self.vacant.pop().unwrap_or_else(|| {
            self.nodes.push(None);
            self.nodes.len() - 1
        });
        if let Some(entry) = self.nodes.get_mut(place) {
            *entry = Some(node);
        }
        self.known.insert(key, NodeId(place));
        if let Parent::Node(parent) = parent
            && let Some(parent) = self.nodes.get_mut(parent.0).and_then(Option::as_mut)
        {
            parent.children += 1;
        }
        NodeId(place)
    }

    /// Forgets the least recently used node that nobody holds and nothing follows on; its page is
    /// the caller's.
    pub(super) fn evict(&mut self) -> Option<PageId> {
        let (_, leaf) = self.idle_leaves.pop_first()?;
        let node = self.nodes.get_mut(leaf.0).and_then(Option::take)?;
        self.vacant.push(leaf.0);
        if self.known.get(&node.key) == Some(&leaf) {
            self.known.remove(&node.key);
        }
        self.idle -= 1;
        if let Parent::Node(id) = node.key.0
            && let Some(parent) = self.nodes.get_mut(id.0).and_then(Option::as_mut)
        {
            parent.children -= 1;
            if parent.children == 0 && parent.holders == 0 {
                self.idle_leaves.insert((parent.last_used, id));
            }
        }
        Some(node.page)
    }

    /// From now on nobody finds any of the nodes there are. Those that are held stay until they are
    /// wanted; the pages of the others are the caller's.
    pub(super) fn forget(&mut self) -> Vec<PageId> {
        self.known.clear();
        std::iter::from_fn(|| self.evict()).collect()
    }

    fn node(&self, node: NodeId) -> Option<&Node> {
        self.nodes.get(node.0)?.as_ref()
    }

    /// Pages and holders of all nodes.
    #[cfg(test)]
    pub(super) fn all(&self) -> impl Iterator<Item = (NodeId, PageId, usize)> {
        let nodes = self.nodes.iter().enumerate();
        nodes.filter_map(|(at, node)| {
            node.as_ref().map(|node| (NodeId(at), node.page, node.holders))
        })
    }
}
