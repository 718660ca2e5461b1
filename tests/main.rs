//! What holds of the whole: the house's own rules, and journeys through the real binary.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test that panics has failed, which is what it is for"
)]

mod answers;
mod api;
mod ask;
mod bombs;
mod bundles;
mod cache;
mod cards;
mod chain;
mod cli;
mod clients;
mod concierge;
mod constraint;
mod desk;
mod embeddings;
mod encoders;
mod engine;
mod enrolled;
mod facts;
mod fleet;
mod forms;
mod fuzz;
mod graphics;
mod headquarters;
mod inference;
mod line;
mod memory;
mod networks;
mod onnx_nodes;
mod packs;
mod pages;
mod perplexity;
mod privacy;
mod questions;
mod records;
mod reference;
mod settings;
mod sharing;
mod shelf;
mod shop;
mod small_devices;
mod speed;
mod stress;
mod supervisor;
mod support;
mod talks;
mod texts;
mod tidy;
mod vision;
