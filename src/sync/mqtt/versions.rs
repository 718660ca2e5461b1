//! rumqttc's two clients, made one.

use std::sync::Arc;

use rumqttc::{mqttbytes, v5};
use tokio_rustls::rustls::ClientConfig;

use super::broker::{Broker, MIN_KEEP_ALIVE, Version};
use super::outlet::{MAX_REQUESTS, Unsent};
use crate::protocol::limits::MAX_ENVELOPE_BYTES;
use crate::sync::error::chain;
use crate::sync::session::Outgoing;

/// A packet with an envelope, its topic and its properties.
const MAX_PACKET_BYTES: usize = MAX_ENVELOPE_BYTES + 4096;
/// Publishes without a PUBACK; rumqttc reserves room for that many.
const MAX_UNACKED: u16 = 128;

/// What a connection brings, in either version.
#[derive(Debug)]
pub(super) enum Raw {
    Connected,
    Subscribed {
        all: bool,
    },
    /// A publish left, under this packet id.
    Left(u16),
    /// The broker took that publish, or refused it.
    Acked {
        id: u16,
        taken: bool,
    },
    Message {
        topic: String,
        payload: Vec<u8>,
    },
}

#[derive(Debug, Clone)]
pub(super) enum Requests {
    Five(v5::AsyncClient),
    ThreeOne(rumqttc::AsyncClient),
}

pub(super) enum Events {
    Five(Box<v5::EventLoop>),
    ThreeOne(Box<rumqttc::EventLoop>),
}

/// A client that connects when its events are first asked for.
pub(super) fn open(
    broker: &Broker,
    name: &str,
    will: Option<Outgoing>,
    tls: Option<Arc<ClientConfig>>,
) -> (Requests, Events) {
    match broker.version {
        Version::Five => {
            let options = five(broker, name, will, tls);
            let (client, events) = v5::AsyncClient::new(options, MAX_REQUESTS);
            (Requests::Five(client), Events::Five(Box::new(events)))
        }
        Version::ThreeOne => {
            let options = three_one(broker, name, will, tls);
            let (client, events) = rumqttc::AsyncClient::new(options, MAX_REQUESTS);
            (Requests::ThreeOne(client), Events::ThreeOne(Box::new(events)))
        }
    }
}

fn five(
    broker: &Broker,
    name: &str,
    will: Option<Outgoing>,
    tls: Option<Arc<ClientConfig>>,
) -> v5::MqttOptions {
    let qos = v5::mqttbytes::QoS::AtLeastOnce;
    let mut options = v5::MqttOptions::new(name, &broker.address.host, broker.address.port);
    options
        .set_keep_alive(broker.keep_alive.max(MIN_KEEP_ALIVE))
        .set_clean_start(true)
        .set_max_packet_size(Some(MAX_PACKET_BYTES as u32))
        .set_outgoing_inflight_upper_limit(MAX_UNACKED);
    if let Some(Outgoing { topic, payload, retain, .. }) = will {
        options.set_last_will(v5::mqttbytes::v5::LastWill::new(topic, payload, qos, retain, None));
    }
    if let Some(tls) = tls {
        options.set_transport(transport(tls));
    }
    if let Some((user, password)) = &broker.login {
        options.set_credentials(user, password);
    }
    options
}

fn three_one(
    broker: &Broker,
    name: &str,
    will: Option<Outgoing>,
    tls: Option<Arc<ClientConfig>>,
) -> rumqttc::MqttOptions {
    let qos = mqttbytes::QoS::AtLeastOnce;
    let mut options = rumqttc::MqttOptions::new(name, &broker.address.host, broker.address.port);
    options
        .set_keep_alive(broker.keep_alive.max(MIN_KEEP_ALIVE))
        .set_clean_session(true)
        .set_max_packet_size(MAX_PACKET_BYTES, MAX_PACKET_BYTES)
        .set_inflight(MAX_UNACKED);
    if let Some(Outgoing { topic, payload, retain, .. }) = will {
        options.set_last_will(rumqttc::LastWill::new(topic, payload, qos, retain));
    }
    if let Some(tls) = tls {
        options.set_transport(transport(tls));
    }
    if let Some((user, password)) = &broker.login {
        options.set_credentials(user, password);
    }
    options
}

fn transport(tls: Arc<ClientConfig>) -> rumqttc::Transport {
    rumqttc::Transport::tls_with_config(rumqttc::TlsConfiguration::Rustls(tls))
}

impl Requests {
    pub(super) fn publish(&self, outgoing: Outgoing) -> Result<(), Unsent> {
        let Outgoing { topic, payload, retain, .. } = outgoing;
        match self {
            Self::Five(client) => {
                let qos = v5::mqttbytes::QoS::AtLeastOnce;
                client.try_publish(topic, qos, retain, payload).map_err(|_| Unsent::Broken)
            }
            Self::ThreeOne(client) => {
                let qos = mqttbytes::QoS::AtLeastOnce;
                client.try_publish(topic, qos, retain, payload).map_err(|_| Unsent::Broken)
            }
        }
    }

    pub(super) fn subscribe(&self, filters: Vec<String>) -> Result<(), Unsent> {
        match self {
            Self::Five(client) => {
                let qos = v5::mqttbytes::QoS::AtLeastOnce;
                let filter = |path| v5::mqttbytes::v5::Filter::new(path, qos);
                let filters = filters.into_iter().map(filter);
                client.try_subscribe_many(filters).map_err(|_| Unsent::Broken)
            }
            Self::ThreeOne(client) => {
                let qos = mqttbytes::QoS::AtLeastOnce;
                let filter = |path| rumqttc::SubscribeFilter::new(path, qos);
                let filters = filters.into_iter().map(filter);
                client.try_subscribe_many(filters).map_err(|_| Unsent::Broken)
            }
        }
    }

    pub(super) fn disconnect(&self) -> Result<(), Unsent> {
        match self {
            Self::Five(client) => client.try_disconnect().map_err(|_| Unsent::Broken),
            Self::ThreeOne(client) => client.try_disconnect().map_err(|_| Unsent::Broken),
        }
    }
}

impl Events {
    /// What comes next; `None` for what matters to nobody, an error when the connection is over.
    pub(super) async fn next(&mut self) -> Result<Option<Raw>, String> {
        match self {
            Self::Five(events) => events.poll().await.map(raw_five).map_err(|e| chain(&e)),
            Self::ThreeOne(events) => events.poll().await.map(raw_three_one).map_err(|e| chain(&e)),
        }
    }
}

fn raw_five(event: v5::Event) -> Option<Raw> {
    use v5::mqttbytes::v5::{Packet, PubAckReason, SubscribeReasonCode};
    Some(match event {
        v5::Event::Incoming(Packet::ConnAck(_)) => Raw::Connected,
        v5::Event::Incoming(Packet::SubAck(ack)) => {
            let granted =
                |code: &SubscribeReasonCode| matches!(code, SubscribeReasonCode::Success(_));
            Raw::Subscribed { all: ack.return_codes.iter().all(granted) }
        }
        v5::Event::Incoming(Packet::PubAck(ack)) => {
            let taken =
                matches!(ack.reason, PubAckReason::Success | PubAckReason::NoMatchingSubscribers);
            Raw::Acked { id: ack.pkid, taken }
        }
        v5::Event::Incoming(Packet::Publish(publish)) => Raw::Message {
            topic: String::from_utf8_lossy(&publish.topic).into_owned(),
            payload: publish.payload.to_vec(),
        },
        v5::Event::Outgoing(rumqttc::Outgoing::Publish(id)) => Raw::Left(id),
        _ => return None,
    })
}

fn raw_three_one(event: rumqttc::Event) -> Option<Raw> {
    use rumqttc::{Event, Packet, SubscribeReasonCode};
    Some(match event {
        Event::Incoming(Packet::ConnAck(_)) => Raw::Connected,
        Event::Incoming(Packet::SubAck(ack)) => {
            let granted =
                |code: &SubscribeReasonCode| matches!(code, SubscribeReasonCode::Success(_));
            Raw::Subscribed { all: ack.return_codes.iter().all(granted) }
        }
        Event::Incoming(Packet::PubAck(ack)) => Raw::Acked { id: ack.pkid, taken: true },
        Event::Incoming(Packet::Publish(publish)) => {
            Raw::Message { topic: publish.topic, payload: publish.payload.to_vec() }
        }
        Event::Outgoing(rumqttc::Outgoing::Publish(id)) => Raw::Left(id),
        _ => return None,
    })
}
