//! What the box generated, for whom and of what: a record of each answer in a hash chain, and what a
//! model was asked, sealed, so that it can be asked again.
//!
//! [`Audit::made`] records that a model wrote a text, [`Audit::given`] that an answer was told; neither
//! waits. One thread writes what came in batches. [`Audit::verify`] recomputes the chain,
//! [`Audit::show`] tells all there is of an answer, [`Audit::replayable`] what is needed to make it
//! again. [`Audit::head`] is what HQ is told, so that the chain cannot be written anew.
//!
//! **Invariants**
//! - The chain itself has nothing that a shopper said or read: texts are in it as digests under a salt
//!   that is sealed with them, so that after an erasure a digest cannot be tried out against guesses.
//! - Inputs are sealed by the key of their subject, or by that of their day where they are nobody's, and
//!   cannot be opened after an erasure or their time.
//! - Records that could not be written are counted in the chain.
//! - Records and inputs have limits, in number, bytes and time; what leaves leaves from the oldest on, and
//!   the chain is checked from there.
//!
//! **Not here**: HTTP, models, who may see a record, the line to HQ.

// A room's paths are the same wherever they are written.
extern crate self as audit;
use endcap_shoppers as shoppers;

mod config;
mod entry;
mod error;
mod kept;
mod look;
mod reach;
mod record;
mod store;
mod tables;
#[cfg(test)]
mod tests;
mod verify;
mod writer;

pub use config::AuditConfig;
pub use entry::{FactRead, SeenBy};
pub use error::AuditError;
pub use look::{NotReplayable, Opened, Replayable, Shown};
pub use record::{AnswerId, Giving, Making, Said};
pub use store::{Audit, Figures, Head};
pub use verify::{Fault, Noted, Verified};
