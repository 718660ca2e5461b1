//! A connection over MQTT.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::wire::{Gone, Seen, Stuck, Wire};
use crate::hq::ingest::Outgoing;
use crate::sync::mqtt::{self, Broker, Client};
use crate::sync::{self, LineError};

/// A connection to a broker.
#[derive(Debug)]
pub(in crate::hq) struct MqttWire {
    client: Client,
    /// Whether a person was told already that the broker is away.
    told: Arc<AtomicBool>,
}

impl MqttWire {
    /// Connects under a name that no other client has. HQ leaves no will: who asks for HQ's word waits.
    pub(in crate::hq) fn connect(broker: &Broker, name: &str) -> Result<Self, LineError> {
        let client = Client::connect(broker, name, None)?;
        Ok(Self { client, told: Arc::default() })
    }

    /// Tells once that the broker is away, and not again with every connection that shares this.
    pub(in crate::hq) fn telling(self, told: &Arc<AtomicBool>) -> Self {
        Self { told: Arc::clone(told), ..self }
    }
}

impl Wire for MqttWire {
    async fn next(&mut self) -> Option<Seen> {
        Some(match self.client.next().await? {
            mqtt::Seen::Connected => {
                self.told.store(false, Ordering::Relaxed);
                Seen::Connected
            }
            mqtt::Seen::Subscribed { all } => Seen::Subscribed { all },
            mqtt::Seen::Message { topic, payload } => Seen::Message { topic, payload },
            mqtt::Seen::Taken => Seen::Other,
            mqtt::Seen::Broken(why) => {
                if self.told.swap(true, Ordering::Relaxed) {
                    tracing::debug!(why, "the broker is still away");
                } else {
                    tracing::warn!(why, "the line to the broker broke");
                }
                return None;
            }
        })
    }

    fn publish(&self, message: Outgoing) -> Result<(), Stuck> {
        let Outgoing { topic, payload, retain } = message.clone();
        let outgoing = sync::Outgoing { topic, payload, retain, counted: false };
        self.client.publish(outgoing).map_err(|_| Stuck(message))
    }

    fn subscribe(&self, filters: Vec<String>) -> Result<(), Gone> {
        self.client.subscribe(filters).map_err(|_| Gone)
    }
}
