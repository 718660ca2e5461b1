//! Where models come from: what the routes need to know of packages in memory.
//!
//! The routes ask a [`Shelf`] for a model by name and get a [`Lease`]; as long as one lives, the
//! model stays in memory. Which packages are loaded when, and which leave, is the shelf's matter.

mod alias;
mod error;
mod lease;
mod still;

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::Serialize;

pub use alias::{Alias, AliasFault, Share};
pub use error::ShelfError;
pub use lease::{Lease, Lent};
pub use still::StillShelf;

use super::service::Served;
use crate::engine::Port;

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted<'a> {
    /// A package or an alias.
    pub name: &'a str,
    /// Where an alias has several packages: requests with the same key get the same one.
    pub key: Option<&'a str>,
}

impl<'a> From<&'a str> for Wanted<'a> {
    fn from(name: &'a str) -> Self {
        Self { name, key: None }
    }
}

impl<'a> From<&'a String> for Wanted<'a> {
    fn from(name: &'a String) -> Self {
        Self::from(name.as_str())
    }
}

/// Packages, some of which are in memory.
pub trait Shelf: Send + Sync {
    /// The model of this name; loads it where it is not in memory, and waits for that. Dropping the
    /// future ends the wait.
    fn lend<'a>(&'a self, wanted: Wanted<'a>) -> BoxFuture<'a, Result<Lease, ShelfError>>;

    /// The same where it is in memory; loads nothing, and does not wait.
    fn at_hand(&self, wanted: Wanted<'_>) -> Option<Lease>;

    /// Every package that can be asked for, by name. Loads nothing.
    fn list(&self) -> Vec<Shelved>;

    /// Inputs and outputs of a package, as its files declare them. Loads nothing.
    fn ports<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Ports, ShelfError>>;

    /// What is in memory now. To look at, not to use: none of it is kept for the caller.
    fn loaded(&self) -> Vec<Served>;

    /// Bytes for weights and pages of all packages, and for what the store holds beside them.
    fn budget_bytes(&self) -> u64;

    /// What the store holds beside packages, by name.
    fn held_bytes(&self) -> BTreeMap<&'static str, u64>;

    /// Takes up packages that were installed meanwhile.
    fn look_again(&self) -> BoxFuture<'_, Result<(), ShelfError>>;

    /// Brings a package into memory and waits for that; anew where it was replaced on the disk, and
    /// at once where loading it failed before.
    fn load<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), ShelfError>>;

    /// Takes a package out of memory as soon as the requests that use it are done; new ones load it
    /// again. One that is not in memory stays so.
    fn unload<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), ShelfError>>;

    /// Whether a package is kept in memory whatever happens. Survives a restart.
    fn pin<'a>(&'a self, name: &'a str, pin: Pin) -> BoxFuture<'a, Result<(), ShelfError>>;

    /// Every alias, by name.
    fn aliases(&self) -> Vec<Alias>;

    /// Gives a name these packages; none of them takes back what was set here before. Survives a
    /// restart.
    fn set_alias<'a>(
        &'a self,
        name: &'a str,
        shares: Vec<Share>,
    ) -> BoxFuture<'a, Result<(), ShelfError>>;
}

/// What a package takes and gives as arrays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ports {
    /// What a request brings.
    pub inputs: Vec<Port>,
    /// What it is answered.
    pub outputs: Vec<Port>,
}

/// Whether a package is kept in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pin {
    /// It is loaded and never leaves.
    Keep,
    /// It leaves when others need the room.
    Release,
}

/// Where a package is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Presence {
    /// On the disk only.
    Away,
    /// On its way into memory.
    Loading,
    /// In memory.
    Loaded,
    /// On its way out: requests that use it are being finished.
    Leaving,
}

/// What answers under a package's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Manner {
    /// A language model.
    Chat,
    /// A graph with arrays in and out.
    Tensors,
}

/// What is known of a package without loading it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// What it answers.
    pub manner: Manner,
    /// The task of its card's head, where it has one.
    pub task: Option<String>,
    /// As its maker counts.
    pub version: String,
    /// When it was installed.
    pub created: SystemTime,
    /// Who made it.
    pub owned_by: String,
    /// Whether it came with a bundle: then only aliases lead to it.
    pub bundled: bool,
}

/// A package as the shelf has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shelved {
    /// Its name.
    pub name: String,
    /// What it is.
    pub about: About,
    /// Where it is.
    pub presence: Presence,
    /// Bytes it takes in memory; an estimate until it was loaded once.
    pub bytes: u64,
    /// Kept in memory whatever happens.
    pub pinned: bool,
    /// Requests that use it.
    pub in_flight: usize,
    /// Requests that wait for it to be loaded.
    pub waiting: usize,
    /// Since a request got it; `None` where none did.
    pub idle: Option<Duration>,
    /// Why the last try to load it failed, where it did.
    pub failure: Option<String>,
}
