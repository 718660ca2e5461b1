//! Packages at work: which are in memory, when, and under which name.
//!
//! [`State`](state::State) records what happens: requests that come, wait and go, loads that
//! succeed or fail. [`plan`](plan::plan) says what follows from it: what is loaded next and what
//! leaves for it. [`keep`](keeper::keep) is the one loop that makes it so.
//! [`PackageShelf`] is the door that the routes know.
//!
//! **Invariants**
//! - The weights of all models in memory are within the budget.
//! - A model that a request uses ends only after that request; a pinned one never leaves.
//! - One package is loaded at a time, once for all who wait for it; every load serves those who
//!   waited before the package can leave again.
//! - A package that cannot be loaded is left alone for growing pauses, and requests for it are
//!   refused meanwhile.
//! - Aliases and pins that were set while the server ran are on the disk before they count.
//!
//! **Not here**: how a model is loaded (`engine`), what a package is (`packages`).

mod alias;
mod keeper;
mod kept;
mod library;
mod packages;
mod plan;
mod state;
#[cfg(test)]
mod tests;
mod title;

pub(super) use packages::PackageShelf;
