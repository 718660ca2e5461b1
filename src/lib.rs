#![doc = include_str!("ARCHITECTURE.md")]
// Test code may take the shortcuts that product code may not.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        reason = "a test that panics has failed, which is what it is for"
    )
)]

pub mod api;
pub mod app;
pub mod cache;
pub mod cli;
pub mod config;
pub mod engine;
pub mod facts;
pub mod hq;
pub mod http;
pub mod packages;
#[cfg(test)]
mod power_cut;
pub mod privacy;
pub mod protocol;
pub mod reconcile;
pub mod skills;
pub mod state;
pub mod sync;
pub mod telemetry;
pub mod units;
