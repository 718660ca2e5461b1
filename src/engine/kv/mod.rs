//! Memory for keys and values: pages of sixteen tokens, owned by the engine, outside every graph.
//!
//! A [`KvStore`] gives pages to sequences as they grow. What a full page holds follows from its
//! tokens and those before it, so full pages are kept in a tree under their tokens and shared by all
//! sequences that begin the same, within one [`Scope`](super::Scope). A sequence writes only to
//! pages behind its shared ones, so nothing is ever copied.
//!
//! **Invariants**
//! - A page is free, or one sequence's own, or in the tree; never two of these.
//! - A page in the tree is not written, and no sequence of another scope reads it.
//! - Pages are within the cap of the model and the budget of the process.
//!
//! **Not here**: what is computed when (the scheduler), arithmetic (the kernels).

mod layout;
mod page;
mod prefixes;
mod store;
#[cfg(test)]
mod tests;

pub use layout::KvType;
pub(crate) use layout::{Layout, PAGE_TOKENS};
pub(crate) use store::{KvStore, Pages, SequenceId};
