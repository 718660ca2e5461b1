//! Shoppers handed to a person: who is called, who answers, what is said, and what they correct.
//!
//! [`Desk::hand_off`] calls a person for a conversation; [`Desk::tick`] rings associates, one after the
//! other and then all, and tells the shopper where nobody comes. Associates are present while they
//! [`Desk::listen`]; they [`Desk::acknowledge`], [`Desk::claim`], [`Desk::reply`], and
//! [`Desk::hand_back`] or [`Desk::close`]. What they say goes into the shopper's conversation
//! (`shoppers`). [`Desk::correct`] keeps a better answer as an example.
//!
//! **Invariants**
//! - A handoff is one associate's at a time, and a conversation has at most one that is open.
//! - Who has the fewest open ones is rung first, of those who is nearest, of those who was not rung for
//!   the longest time. What nobody takes is rung on until the shopper leaves; what somebody took who is
//!   gone is rung for again.
//! - One device rings no more often than one shopper would be rung for, and has a bounded part of what may
//!   be open: it keeps no other shopper from a person.
//! - Open handoffs and kept examples have limits. Both outlive a restart, sealed by their subject's key;
//!   erasing the subject takes them away.
//! - Nothing that a shopper or associate says is in a log line or an error.
//!
//! **Not here**: HTTP, models, why a person is called, what is done with examples.

// A room's paths are the same wherever they are written.
extern crate self as desk;
use endcap_privacy as privacy;
use endcap_shoppers as shoppers;
use endcap_telemetry as telemetry;

mod answering;
mod calling;
mod config;
mod erasure;
mod error;
mod feedback;
mod handoff;
mod pace;
mod phrases;
mod presence;
mod room;
mod routing;
mod rows;
#[cfg(test)]
mod tests;
mod told;

pub use config::DeskConfig;
pub use error::DeskError;
pub use feedback::{Example, Kept};
pub use handoff::{Associate, Call, Handoff, HandoffId, Outcome, Stage};
pub use presence::{Listening, State};
pub use room::{Desk, Figures};
pub use told::{Missed, Told};
