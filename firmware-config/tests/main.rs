//! What devices and the box may rely on.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that panics has failed, which is what it is for"
)]

mod blocks;
mod fuzz;
mod golden;
mod histories;
mod link;
mod power_cut;
mod support;
