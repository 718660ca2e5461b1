//! What an administrator asks of packages, aliases and the cache of answers while the server runs, under `/store/v1`.
//!
//! Triton's own words for some of it are in [`repository`](super::repository).

pub(super) mod aliases;
pub(super) mod ask;
pub(super) mod cache;
pub(super) mod copy;
pub(super) mod models;
pub(super) mod skilled;
