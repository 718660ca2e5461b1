//! What the rooms' tests share: a disk whose power can be cut, a broker to start and end, a bad line.
//!
//! **Not here**: anything that the product is made of.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that panics has failed, which is what it is for"
)]

pub mod bundles;
pub mod mosquitto;
pub mod power_cut;
pub mod proxy;
