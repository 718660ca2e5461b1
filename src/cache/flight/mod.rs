//! One making for all who ask the same at once.
//!
//! A flight is a task of its own: it makes the answer and writes it down; every asker, the first
//! too, reads along. So nothing is handed over when one leaves, and when the last leaves the task
//! and its work end.

mod log;
mod pump;

pub(super) use log::{Flight, Follower};
pub(super) use pump::{Landed, Pump, Tower};
