//! Bundles of tiny models on a real shelf.

mod following;
mod parts;
mod shop;
mod switching;
