//! Whole turns over a small shop.

mod cut;
mod house;
mod models;
mod orders;
mod turns;
