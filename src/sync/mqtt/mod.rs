//! A session's messages to a broker and back.
//!
//! [`run`] keeps a node on the line. [`Client`] is one connection to a broker, for whoever speaks to
//! one without a session: HQ. [`Embedded`] is a broker within this process, for demonstrations.

mod broker;
mod certificate;
mod client;
mod driver;
#[cfg(any(test, feature = "embedded"))]
mod embedded;
mod outlet;
mod status;
mod tls;
mod versions;

pub use broker::{Address, Broker, Credentials, Version};
pub use client::{Client, Seen};
pub use driver::run;
#[cfg(any(test, feature = "embedded"))]
pub use embedded::Embedded;
pub use outlet::{Outlet, Unsent};
pub use status::Status;
