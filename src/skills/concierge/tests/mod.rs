//! Whole turns over a small shop.

mod house;
mod models;
mod orders;
mod turns;
