//! What a device and the box say to each other, over a serial line, a broker or HTTP.
//!
//! A device says what it is and what it has ([`Message::Hello`], [`Message::Have`],
//! [`Message::Report`]) and says it again until it hears something; the box only answers. So a lost,
//! doubled or late message costs time and nothing else, only the device needs a clock, and one
//! request of HTTP is one question and its answer.
//!
//! ```text
//! device                          box
//!   hello: confirmed 6, floor 6 →
//!                               ← offer 7, 312 bytes
//!   have 0 of 7                 →
//!                               ← chunk 0…127 of 7
//!   have 128 of 7               →
//!                                 …
//!   report: 7 is complete       →   (starts anew)
//!   hello: trial 7              →
//!                               ← confirm 7
//!   report: confirmed 7         →
//!                               ← settled 7
//! ```
//!
//! [`Frame`]s carry messages: postcard with a CRC-32, on a serial line stuffed by COBS ([`Line`]).
//! [`Session`] is the device's end and [`Host`] the box's: both only decide, neither does anything.

mod frame;
mod host;
mod message;
mod session;

pub use frame::{Frame, FrameError, Line};
pub use host::{Answer, Desired, Host, Standing};
pub use message::{Hello, Message, Offer, Status};
pub use session::{Act, Session};
