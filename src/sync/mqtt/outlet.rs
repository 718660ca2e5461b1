//! Sending, and telling what was sent from what was taken.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Semaphore;

use super::versions::Requests;
use crate::sync::session::Outgoing;

/// Publishes that wait for the socket; more are a sign that it does not take any.
const MAX_WAITING: usize = 256;
/// Room in the client's queue, which subscriptions and a goodbye need too.
pub(super) const MAX_REQUESTS: usize = MAX_WAITING + 16;

/// Why something was not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unsent {
    /// The socket takes nothing at the moment.
    #[error("the line to the broker is full")]
    Full,
    /// The connection is over.
    #[error("the line to the broker is broken")]
    Broken,
}

/// Sends to a broker. A clone sends on the same connection.
#[derive(Debug, Clone)]
pub struct Outlet {
    requests: Requests,
    publishes: Publishes,
}

impl Outlet {
    pub(super) fn new(requests: Requests) -> (Self, Publishes) {
        let publishes = Publishes::new();
        (Self { requests, publishes: publishes.clone() }, publishes)
    }

    /// Sends, where there is room to.
    pub fn publish(&self, outgoing: Outgoing) -> Result<(), Unsent> {
        match self.publishes.0.room.try_acquire() {
            Ok(room) => room.forget(),
            Err(tokio::sync::TryAcquireError::Closed) => return Err(Unsent::Broken),
            Err(tokio::sync::TryAcquireError::NoPermits) => return Err(Unsent::Full),
        }
        self.hand_over(outgoing)
    }

    /// Sends when there is room to. Not for the task that reads the same connection: room comes
    /// only while it reads.
    pub async fn send(&self, outgoing: Outgoing) -> Result<(), Unsent> {
        let room = self.publishes.0.room.acquire().await.map_err(|_| Unsent::Broken)?;
        room.forget();
        self.hand_over(outgoing)
    }

    /// Whether something can be sent.
    pub(super) fn has_room(&self) -> bool {
        self.publishes.0.room.available_permits() > 0
    }

    /// Waits until something can be sent, or the connection is over.
    pub(super) async fn room(&self) {
        // The room is left to whoever sends.
        drop(self.publishes.0.room.acquire().await);
    }

    fn hand_over(&self, outgoing: Outgoing) -> Result<(), Unsent> {
        let mut order = self.publishes.order();
        let counted = outgoing.counted;
        self.requests.publish(outgoing)?;
        order.handed.push_back(counted);
        Ok(())
    }

    pub(super) fn subscribe(&self, filters: Vec<String>) -> Result<(), Unsent> {
        self.requests.subscribe(filters)
    }

    pub(super) fn disconnect(&self) -> Result<(), Unsent> {
        self.requests.disconnect()
    }
}

/// The publishes of a connection. A clone is the same.
#[derive(Debug, Clone)]
pub(super) struct Publishes(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    room: Semaphore,
    order: Mutex<Order>,
}

/// Which publishes are counted: in the order in which they were handed over, as they leave in it;
/// then by packet id.
#[derive(Debug, Default)]
struct Order {
    handed: VecDeque<bool>,
    left: BTreeMap<u16, bool>,
}

impl Publishes {
    fn new() -> Self {
        Self(Arc::new(Shared { room: Semaphore::new(MAX_WAITING), order: Mutex::default() }))
    }

    fn order(&self) -> MutexGuard<'_, Order> {
        self.0.order.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next publish left, under this packet id.
    pub(super) fn left(&self, id: u16) {
        let mut order = self.order();
        if let Some(counted) = order.handed.pop_front() {
            order.left.insert(id, counted);
            self.0.room.add_permits(1);
        }
    }

    /// The broker took that publish; whether it was counted.
    pub(super) fn acked(&self, id: u16) -> bool {
        self.order().left.remove(&id).unwrap_or(false)
    }

    /// Nothing will be sent any more.
    pub(super) fn end(&self) {
        self.0.room.close();
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.room.close();
    }
}
