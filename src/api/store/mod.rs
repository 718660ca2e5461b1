//! What stands under `/store/v1`: search over the products, and what is asked of packages, aliases, facts, settings
//! and the cache of answers while the server runs.
//!
//! Triton's own words for some of it are in [`repository`](super::repository).

pub(super) mod acts;
pub(super) mod aliases;
pub(super) mod ask;
pub(super) mod audit;
pub(super) mod cache;
pub(super) mod config;
pub(super) mod conversations;
pub(super) mod copy;
pub(super) mod desk;
pub(super) mod devices;
pub(super) mod erase;
pub(super) mod export;
pub(super) mod facts;
pub(super) mod firmware;
pub(super) mod line;
pub(super) mod models;
pub(super) mod search;
pub(super) mod skilled;
