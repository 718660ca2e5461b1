//! What HQ wants, what is so, and what waits to be told; on a disk whose power may fail at any write.
//!
//! [`Store::write`] makes one change: [`Writing::append`] adds a message for HQ,
//! [`Writing::record_desired`], [`Writing::record_command`] and [`Writing::report`] note documents, and
//! [`Writing::transaction`] lets another room write its own tables in the same change.
//! [`Store::receive`] takes a message from HQ. [`Store::waiting`] reads what is to be sent,
//! [`Writing::acknowledge`] forgets what HQ has stored, and [`Store::commits`] wakes whoever acts.
//!
//! **Invariants**
//! - What is told and what it tells are on the disk together or not at all.
//! - A message leaves the outbox when HQ has stored it, or when there is no room; then its number is
//!   part of a gap that is declared in its place. Audit messages are refused rather than dropped, and
//!   leave only by a head of the chain that HQ signed and that is the one written here.
//! - The effect of a message and the note that it was taken are one change; it is tried a few times and
//!   then laid aside.
//! - A document's version, the floor of time, hybrid time and epochs only rise, over restarts too.
//! - Every table has a bound.
//!
//! **Not here**: sockets, when to send, verifying signatures, and acting on what is recorded.

// A room's paths are the same wherever they are written.
extern crate self as state;
use endcap_protocol as protocol;

mod audit;
mod commands;
mod config;
mod documents;
mod error;
mod inbox;
mod outbox;
mod renumber;
mod store;
mod tables;
#[cfg(test)]
mod tests;
mod writing;

pub use audit::AuditHead;
pub use commands::Recorded;
pub use config::{Bounds, StateConfig, WhenFull};
pub use error::StateError;
pub use inbox::{DeadLetter, Received};
pub use outbox::{Acknowledged, Item, Position};
pub use store::Store;
pub use writing::Writing;
