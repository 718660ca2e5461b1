//! One client for one connection, in either version of MQTT, told apart nowhere else.
//!
//! rumqttc would connect again by itself, with what it had queued silently gone; so a client ends
//! with its first error, and what was not taken is sent again by whoever keeps it.

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::broker::Broker;
use super::outlet::{Outlet, Publishes, Unsent};
use super::tls::client_config;
use super::versions::{Events, Raw, open};
use crate::sync::error::LineError;
use crate::sync::session::Outgoing;

/// Events that wait for their reader; then the socket waits.
const MAX_EVENTS: usize = 64;

/// What a client saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// The broker took the connection.
    Connected,
    /// It answered a subscription.
    Subscribed {
        /// Whether every filter was granted.
        all: bool,
    },
    /// It took a publish that was counted.
    Taken,
    /// It has a message for us.
    Message {
        /// Where.
        topic: String,
        /// What.
        payload: Vec<u8>,
    },
    /// The connection is over. Nothing comes after it.
    Broken(String),
}

/// A connection to a broker, without a session at it. Ends when it is dropped.
#[derive(Debug)]
pub struct Client {
    outlet: Outlet,
    seen: mpsc::Receiver<Seen>,
    task: JoinHandle<()>,
}

impl Drop for Client {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Client {
    /// Connects under this name, within a Tokio runtime; [`Client::next`] tells what comes of it.
    /// The will is what the broker says in our name when the line breaks. Blocks for a moment where
    /// credentials are read.
    pub fn connect(broker: &Broker, name: &str, will: Option<Outgoing>) -> Result<Self, LineError> {
        let tls = broker.credentials.as_ref().filter(|_| broker.address.tls);
        if broker.address.tls && tls.is_none() {
            return Err(LineError::NoCredentials(broker.address.to_string()));
        }
        let tls = tls.map(client_config).transpose()?;
        let (requests, events) = open(broker, name, will, tls);
        let (outlet, publishes) = Outlet::new(requests);
        let (report, seen) = mpsc::channel(MAX_EVENTS);
        // In a task of its own: an event loop that is polled only now and then may lose what it was
        // about to write.
        let task = tokio::spawn(watch(events, publishes, report));
        Ok(Self { outlet, seen, task })
    }

    /// What comes next; `None` when the connection is over.
    pub async fn next(&mut self) -> Option<Seen> {
        self.seen.recv().await
    }

    /// Sends, where there is room to.
    pub fn publish(&self, outgoing: Outgoing) -> Result<(), Unsent> {
        self.outlet.publish(outgoing)
    }

    /// Whether something can be sent.
    pub(super) fn has_room(&self) -> bool {
        self.outlet.has_room()
    }

    /// Asks for what comes at these filters.
    pub fn subscribe(&self, filters: Vec<String>) -> Result<(), Unsent> {
        self.outlet.subscribe(filters)
    }

    /// Says goodbye, so that the broker forgets the will.
    pub fn disconnect(&self) -> Result<(), Unsent> {
        self.outlet.disconnect()
    }

    /// For sending from another task than the one that reads.
    #[must_use]
    pub fn outlet(&self) -> Outlet {
        self.outlet.clone()
    }
}

/// Tells what happens until the connection is over.
async fn watch(mut events: Events, publishes: Publishes, report: mpsc::Sender<Seen>) {
    loop {
        let seen = match events.next().await {
            Ok(None) => continue,
            Ok(Some(Raw::Left(id))) => {
                publishes.left(id);
                continue;
            }
            Ok(Some(Raw::Acked { id, taken: true })) if publishes.acked(id) => Seen::Taken,
            Ok(Some(Raw::Acked { taken: true, .. })) => continue,
            Ok(Some(Raw::Acked { taken: false, .. })) => {
                Seen::Broken("the broker refused a message".to_owned())
            }
            Ok(Some(Raw::Connected)) => Seen::Connected,
            Ok(Some(Raw::Subscribed { all })) => Seen::Subscribed { all },
            Ok(Some(Raw::Message { topic, payload })) => Seen::Message { topic, payload },
            Err(why) => Seen::Broken(why),
        };
        let over = matches!(seen, Seen::Broken(_));
        if over {
            publishes.end();
        }
        if report.send(seen).await.is_err() || over {
            return;
        }
    }
}
