//! A broker in memory, for one connection.

use std::sync::{Arc, Mutex};

use tokio::sync::mpsc;

use super::{Gone, Seen, Stuck, Wire};
use crate::hq::ingest::Outgoing;

/// HQ's end.
#[derive(Debug)]
pub(in crate::hq) struct MemoryWire {
    seen: mpsc::Receiver<Seen>,
    tell: mpsc::Sender<Seen>,
    said: mpsc::Sender<Outgoing>,
    filters: Arc<Mutex<Vec<String>>>,
}

/// The other end.
#[derive(Debug)]
pub(in crate::hq) struct Far {
    pub(in crate::hq) tell: mpsc::Sender<Seen>,
    pub(in crate::hq) said: mpsc::Receiver<Outgoing>,
    pub(in crate::hq) filters: Arc<Mutex<Vec<String>>>,
}

/// Both ends; `room` messages of HQ find room before it is stuck.
pub(in crate::hq) fn pair(room: usize) -> (MemoryWire, Far) {
    let (tell, seen) = mpsc::channel(64);
    let (said, heard) = mpsc::channel(room);
    let filters = Arc::default();
    let near = MemoryWire { seen, tell: tell.clone(), said, filters: Arc::clone(&filters) };
    (near, Far { tell, said: heard, filters })
}

impl Wire for MemoryWire {
    async fn next(&mut self) -> Option<Seen> {
        self.seen.recv().await
    }

    fn publish(&self, message: Outgoing) -> Result<(), Stuck> {
        self.said.try_send(message).map_err(|error| Stuck(error.into_inner()))
    }

    fn subscribe(&self, filters: Vec<String>) -> Result<(), Gone> {
        self.filters.lock().unwrap().extend(filters);
        self.tell.try_send(Seen::Subscribed { all: true }).map_err(|_| Gone)
    }
}
