//! Which bundle this box runs: one comes as a set, proves itself, and stays or goes as a set.
//!
//! A [`Machine`] decides, fed with what happened and what is so; it reads no clock, disk or socket.
//! Its [`Record`] is written before anything is done about it (`recorder`), and what is wanted
//! ([`Machine::wants`]) follows from the record alone, so that after a restart the same is done as
//! after an event. [`Runner`] does it: fetches, places files ([`Files`]), and has a [`Stage`] load,
//! serve and judge.
//!
//! ```text
//! Offered ─→ Accepted ─→ Fetching ─→ Verified ─→ Staged ─→ Shadow ─→ Trial ─→ Probation ─→ Committed
//!    ↑↓                     ↓           │           │         │        └────────┴──────→ Reverted
//! Deferred ←────────────────┘           └───────────┴─────────┴──→ Refused
//! ```
//!
//! **Invariants**
//! - The last good bundle stays on the disk until another one has become good; to go back to it
//!   needs no network, no document and no clock.
//! - A bundle is committed when it is found running after its probation, and not before.
//! - A bundle of which nothing was seen, neither requests nor checks, is not committed.
//! - What answers on a box that lost its record is left alone until another bundle answers.
//! - Each state has one deadline, and its end has a reason. Nothing waits for ever.
//! - A cancel wins in every state and may come again.
//! - While the time is not known nothing is installed, committed or removed; what fails goes all the
//!   same.
//! - A box that restarts again and again on a new bundle goes back to the old one.
//!
//! **Not here**: how a model is loaded, who may see the bundle, waves over many stores.

mod files;
mod judge;
mod machine;
mod record;
pub(crate) mod recorder;
mod runner;
mod stage;
#[cfg(test)]
mod tests;
mod view;
mod work;

pub use files::Files;
pub use machine::{Input, Machine, Moved, Trouble, Want};
pub use record::{Attempt, Installed, Offer, Record};
pub use runner::Runner;
pub use stage::{Arrangement, Figures, Health, Stage, StageError, Work};
pub use view::{Lack, View};
