//! What the shop knows: products, prices, promotions, stock, opening hours, recalls.
//!
//! [`Facts`] is the shop's memory. Writes come as a [`Batch`] and are applied as a whole or not at
//! all. Reads go through a [`Reader`], a snapshot that writes down what was read; its [`Record`]
//! stands beside whatever was made of the facts, and [`Facts::check`] says later whether it still
//! holds. [`Facts::changes`] is what changed since a revision. [`Staged::publish`] takes an epoch of
//! what headquarters publish, and [`Facts::observed`] says what is there of it. [`Facts::seal`] and
//! [`Facts::unseal`] carry a record from one shop to another.
//!
//! **Invariants**
//! - What was read is in the record, absences and collections included: a value can be had from a
//!   reader only, as [`Seen`].
//! - A revision belongs to one change and is never given out again, so a record that checks as
//!   [`Standing::Current`] was made of what is there now.
//! - An update that is late, doubled or out of order does not go back behind what is held.
//! - What is in memory is on disk. After a power cut the store is as before a batch or as after it.
//! - An epoch is there when its facts add up to its root, and then as a whole.
//! - Facts, their bytes, history, changes and keys of repeated requests have limits.
//!
//! **Not here**: HTTP, what is said about facts, what is cached of it.

// A room's paths are the same wherever they are written.
extern crate self as facts;

mod attempt;
mod batch;
pub mod bulk;
mod changes;
mod config;
mod decimal;
mod disk;
mod error;
mod fact;
mod hours;
mod label;
mod line;
mod money;
mod name;
mod past;
mod price;
mod product;
mod promotion;
mod publication;
mod reader;
mod recall;
mod record;
pub mod sample;
mod seal;
pub mod search;
mod sorted;
mod stage;
mod state;
mod stock;
mod store;
mod time;
mod unit;
mod weight;
mod zone;

pub use batch::{Batch, Change, Idempotency, Outcome, Outcomes, Written};
pub use changes::{Event, EventKind, Gone};
pub use config::FactsConfig;
pub use decimal::Decimal;
pub use error::{FactsError, Fault};
pub use fact::Fact;
pub use hours::{Hours, Span};
pub use label::{Category, Id, Lang, Texts};
pub use money::{Currency, Money};
pub use name::{Class, Collection, FactId, Name, ParseTableError, Revision, Source, Table};
pub use price::Price;
pub use product::{Allergen, Allergens, Attribute, Product, Size};
pub use promotion::{Conditions, Offer, Promotion};
pub use publication::{Extent, HeldEpoch, Publication, PublishError, PublishedFact, Sum};
pub use reader::{Reader, Seen};
pub use recall::Recall;
pub use record::{Record, Standing};
pub use seal::{Seal, Unlike};
pub use stage::{Refused, Staged};
pub use stock::{Band, Location, Stock};
pub use store::{Facts, Held, Status, TableStatus};
pub use time::{Day, Time, UnixSeconds, Weekday};
pub use unit::Unit;
pub use zone::{ParseZoneError, Place, Zone};

#[cfg(test)]
mod tests;
