//! The facts follow what HQ publishes: from a head to the epoch it names, or nowhere.
//!
//! A head says which epoch there is, what its facts add up to, and where its index is. A
//! [`Follower`] takes the changes from the epoch that is held, or everything where there are none or
//! where they do not add up, and gives them to the facts' room as one batch. What it reports it
//! reads back from there.
//!
//! **Invariants**
//! - An epoch is there when its facts add up to the root that was signed; then as a whole.
//! - What is reported as observed is computed from the facts that are held, when it is reported.
//! - An epoch older than the one held is never taken, whoever signed it.

mod error;
mod follower;
mod task;
#[cfg(test)]
mod tests;

pub use error::FactsFailure;
pub use follower::{Followed, Follower};
pub use task::FactsTask;
