//! The world is made to follow what HQ wants: facts, settings, bundles and commands.
//!
//! What came is in the state, recorded by others. Here are the loops that act on it
//! ([`Reconciler`], made of a [`Setup`]): each is woken by a commit or by time, takes no other input, compares what is
//! wanted with what is so, and goes one step. [`epochs`] takes epochs of the facts, [`packs`] answers that were made elsewhere, [`config`] lays
//! settings over each other, [`bundle`] decides which models run, [`commands`] does what is asked
//! once, and [`fetch`] brings the files for all of them.
//!
//! **Invariants**
//! - What is recorded is believed only after it was verified again, at the time of acting on it.
//! - What is done follows from what is on the disk: after a restart the same as after an event.
//! - What is reported was looked at: an epoch of facts is added up, a bundle is found running.
//! - Nothing is tried for ever without a pause, and what will never be otherwise is tried once.
//! - While the time is not known nothing is installed and nothing removed.
//!
//! **Not here**: the line to HQ, HTTP servers, how models are loaded, HQ's side.

// A room's paths are the same wherever they are written.
extern crate self as reconcile;
use endcap_cache as cache;
use endcap_facts as facts;
use endcap_protocol as protocol;
use endcap_state as state;

pub mod budget;
pub mod bundle;
pub mod commands;
pub mod config;
pub mod epochs;
mod error;
pub mod fetch;
pub mod packs;
mod run;
mod setup;
mod surroundings;
#[cfg(test)]
mod tests;
mod timekeeper;

pub use error::ReconcileError;
pub use run::Reconciler;
pub use setup::Setup;
pub use surroundings::Surroundings;
pub use timekeeper::Timekeeper;
