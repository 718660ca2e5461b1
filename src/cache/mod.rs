//! Answers that were made, given again as long as they are true.
//!
//! A generated answer is made of a model, a prompt, parameters and facts, and holds as long as
//! those are what they were. [`Cache::look`] finds the same question among the answers that are
//! kept and among those that are being made; with the [`Ticket`] of a miss the semantic tier is
//! asked, and the answer made. [`Cache::ask`] does all of it.
//!
//! An asker brings a [`Key`], the digest of everything that changes the answer, and a way to make
//! it: a stream of [`Step`]s, which are the answer's events and the [`crate::facts::Record`] of
//! what was read for it. Answers that HQ had made elsewhere come as a pack ([`Cache::install`]).
//!
//! **Invariants**
//! - No answer is given whose facts have changed since it was made: they are compared before each
//!   time. A lost or late change can delay tidying, nothing else.
//! - An answer is found in its [`Scope`] only.
//! - An answer is replayed as it was made, event by event.
//! - Only complete answers are kept: no failed, abandoned or truncated one.
//! - Equal questions at once are one making. Nobody waits for a slow reader, and whoever leaves
//!   ends nothing that others wait for.
//! - An answer of a pack is given where all that it stands on is the same here, and then by the same
//!   rules; a pack goes as a set and leaves what was made here.
//! - Entries have a limit in memory and on disk. The file may be deleted at any time.
//!
//! **Not here**: HTTP, what facts say, how answers are made.

// A room's paths are the same wherever they are written.
extern crate self as cache;
use endcap_engine as engine;
use endcap_facts as facts;
use endcap_protocol as protocol;
use endcap_telemetry as telemetry;

mod answer;
mod ask;
mod clock;
mod config;
mod entry;
mod event;
mod exact;
mod failure;
mod flight;
mod key;
mod look;
mod night;
mod packs;
mod purges;
mod report;
mod room;
mod scope;
mod semantic;
mod status;
mod store;
#[cfg(test)]
mod tests;
mod tidy;

pub use answer::Answer;
pub use ask::{Ask, Policy, Provenance, Question, Recipe};
pub use config::{Config, Tiers};
pub use entry::{Cost, Events, Head};
pub use event::{Event, Generate, Generating, Step};
pub use exact::Kept;
pub use failure::Failure;
pub use key::{Key, KeyBuilder};
pub use look::{Look, Ticket};
pub use night::{Again, Maker};
pub use packs::{Census, Choice, Export, Installed, PackError, PackMark, PackState};
pub use report::{Purge, RouteStats, Stats, Why};
pub use room::Cache;
pub use scope::{Scope, ScopeId};
pub use semantic::{Calibration, Category, Vector, category, evaluation};
pub use status::{How, Status, id};
pub use tidy::Dropped;
