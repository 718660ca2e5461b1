//! Headquarters: what all stores are to have, what they have, and what they told.
//!
//! [`Hq::open`] opens a folder with its database and its keys. [`Hq::receive`] takes messages of nodes
//! and gives what is to be said in answer; [`line::run`] does that at a broker. [`Registry`] knows
//! tenants, stores, nodes and groups, [`Hq::publish`] says what is wanted of a document, and
//! [`Hq::command`] gives a command.
//!
//! **Invariants**
//! - What a node sent takes effect once, and its effect, the note that it was taken and every declared
//!   gap are one transaction. It is acknowledged after that transaction, never before.
//! - A message that cannot be taken is laid aside with its reason, and its stream goes on.
//! - Versions of a document ascend over all of a tenant's targets, and a version is set only over the
//!   one that its author saw.
//! - HQ owns what is desired, the store what is reported; neither writes the other's.
//! - Every act of a person is written down with who did it, in the same transaction where it has one.
//! - Where HQ speaks TLS, a node's token counts only with the certificate of that node.
//! - Tokens and claims are stored as digests. Private keys are files of their owner only, in no log.
//! - Queries keep to what SQLite and Postgres both understand, and their numbered placeholders.
//!
//! - A box of a deployment is judged once, by what the box itself attests; silence is no success.
//!
//! **Not here**: what a node does about a document, and waves over many stores.

// A room's paths are the same wherever they are written.
extern crate self as hq;
use endcap_facts as facts;
use endcap_http as http;
use endcap_identity as identity;
use endcap_protocol as protocol;
#[cfg(test)]
use endcap_state as state;
use endcap_sync as sync;
use endcap_telemetry as telemetry;
use endcap_units as units;

mod acts;
mod anew;
pub mod api;
pub mod artefacts;
mod behind;
pub mod broker_files;
mod bundles;
pub mod catalogues;
mod clock;
mod commands;
mod config;
mod database;
pub mod deployments;
mod director;
mod documents;
mod drafts;
pub mod enrolment;
mod error;
pub mod examples;
mod figures;
mod floors;
pub mod history;
mod ingest;
mod key_file;
pub mod line;
mod measured_file;
pub mod packs;
mod pages;
mod proofs;
pub mod recalls;
mod registry;
mod rotation;
mod rows;
pub mod server;
mod service;
mod settings;
mod signed_anew;
#[cfg(test)]
mod tests;
mod tidy;
pub mod told;
mod users;

pub use acts::{Act, Actor};
pub use bundles::BundleRow;
pub use commands::{CommandRow, Order};
pub use config::{HqConfig, Keep, Rate};
pub use director::{AuditHead, Director};
pub use documents::{DesiredRow, Draft, ReportedRow};
pub use error::HqError;
pub use ingest::{Incoming, Outgoing};
pub use proofs::{AnswersHead, AuditProof, ProofPage};
pub use registry::{GroupRow, NodeRow, Registry, StoreRow};
pub use rotation::{KeyStage, KeysState};
pub use service::Hq;
pub use settings::WantedConfig;
pub use users::{Created, Role, UserRow};
