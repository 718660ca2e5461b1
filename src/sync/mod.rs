//! The line to HQ: when to connect, ask, send and wait; and the messages that do it.
//!
//! A [`Machine`] decides, fed with what happens and the time; it reads no clock, disk or socket. A
//! [`Session`] joins it to the state: what comes is verified and recorded, what waits is read and
//! sent. [`mqtt::run`] carries a session's messages to a broker and back.
//!
//! **Invariants**
//! - Nothing is sent before all subscriptions are granted and HQ has answered what it has.
//! - Live messages go before the backlog; the backlog goes at a bounded rate; a bounded number is
//!   under way.
//! - A message is sent again until HQ has stored it, whatever the broker says of it.
//! - A client that failed is thrown away. Waits have full jitter and only shrink after a connection
//!   that held.
//! - What comes is only recorded. What is not believed, not for us or not understood is counted.
//! - Nothing rests on what a broker keeps. What it says of events it may make up, and they are lost;
//!   the audit log leaves only by HQ's signature.
//!
//! **Not here**: acting on documents and commands, fetching bundles, and HQ's side of the line.

// A room's paths are the same wherever they are written.
extern crate self as sync;
use endcap_protocol as protocol;
use endcap_state as state;

mod audit;
mod backoff;
mod config;
mod enrolment;
mod error;
mod incoming;
mod keys;
mod lane;
mod machine;
pub mod mqtt;
mod outgoing;
mod session;
#[cfg(test)]
mod tests;

pub use config::{LineConfig, LineSettings, Resolved};
pub use enrolment::{Believed, Enrolment, SignsAs};
pub use error::LineError;
pub use keys::KeysDoc;
pub use machine::{Action, Input, Machine, Phase, Standing};
pub use session::{Do, Happening, Now, Outgoing, Session, Trust};
