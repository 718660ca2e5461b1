//! One connection to a broker, as HQ sees it.

use crate::hq::ingest::Outgoing;

/// What a connection gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// The broker has taken us.
    Connected,
    /// It has answered a request to subscribe.
    Subscribed {
        /// Whether everything was granted.
        all: bool,
    },
    /// Somebody said something.
    Message {
        /// Where.
        topic: String,
        /// What.
        payload: Vec<u8>,
    },
    /// Something that HQ does not look at.
    Other,
}

/// The connection takes nothing at the moment; here is the message back.
#[derive(Debug)]
pub struct Stuck(pub Outgoing);

/// A connection. Over when it is dropped, or when [`Wire::next`] gives nothing.
pub trait Wire: Send {
    /// What comes next. May be dropped and begun anew without losing anything.
    fn next(&mut self) -> impl Future<Output = Option<Seen>> + Send;

    /// Sends a message, at least once.
    fn publish(&self, message: Outgoing) -> Result<(), Stuck>;

    /// Asks for messages at these filters; one [`Seen::Subscribed`] answers.
    fn subscribe(&self, filters: Vec<String>) -> Result<(), Gone>;
}

/// The connection is over or takes nothing.
#[derive(Debug)]
pub struct Gone;
