//! The cache's pack follows what HQ wants: from a pointer to the answers it names, or nowhere.
//!
//! A pointer names an index of entries. What of them is not held is fetched, as a delta from a pack
//! that is held, or whole; each entry is compared with its digest, and the cache takes all of them in
//! one transaction. A pack that was there before comes back without the network.
//!
//! **Invariants**
//! - A pack is there as a whole, and every entry is what the signed pointer's index says.
//! - What is reported as observed was read from the disk.
//! - Whether an answer of it is given is the cache's to say, by the shop's facts, each time.

mod error;
mod fetching;
mod task;
#[cfg(test)]
pub(crate) mod tests;

pub use error::PackFailure;
pub use task::{Known, PackTask};
