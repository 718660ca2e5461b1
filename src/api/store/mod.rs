//! What is asked of packages, aliases and facts while the server runs, under `/store/v1`.
//!
//! Triton's own words for some of it are in [`repository`](super::repository).

pub(super) mod aliases;
pub(super) mod facts;
pub(super) mod models;
