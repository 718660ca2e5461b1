//! A connection over MQTT.

use super::wire::{Gone, Seen, Stuck, Wire};
use crate::hq::ingest::Outgoing;
use crate::sync::mqtt::{self, Broker, Client};
use crate::sync::{self, LineError};

/// A connection to a broker.
#[derive(Debug)]
pub(in crate::hq) struct MqttWire(Client);

impl MqttWire {
    /// Connects under a name that no other client has. HQ leaves no will: who asks for HQ's word waits.
    pub(in crate::hq) fn connect(broker: &Broker, name: &str) -> Result<Self, LineError> {
        Client::connect(broker, name, None).map(Self)
    }
}

impl Wire for MqttWire {
    async fn next(&mut self) -> Option<Seen> {
        Some(match self.0.next().await? {
            mqtt::Seen::Connected => Seen::Connected,
            mqtt::Seen::Subscribed { all } => Seen::Subscribed { all },
            mqtt::Seen::Message { topic, payload } => Seen::Message { topic, payload },
            mqtt::Seen::Taken => Seen::Other,
            mqtt::Seen::Broken(why) => {
                tracing::warn!(why, "the line to the broker broke");
                return None;
            }
        })
    }

    fn publish(&self, message: Outgoing) -> Result<(), Stuck> {
        let Outgoing { topic, payload, retain } = message.clone();
        let outgoing = sync::Outgoing { topic, payload, retain, counted: false };
        self.0.publish(outgoing).map_err(|_| Stuck(message))
    }

    fn subscribe(&self, filters: Vec<String>) -> Result<(), Gone> {
        self.0.subscribe(filters).map_err(|_| Gone)
    }
}
