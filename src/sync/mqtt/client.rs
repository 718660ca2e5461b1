//! One client for one connection, in either version of MQTT, told apart nowhere else.
//!
//! rumqttc would connect again by itself, with what it had queued silently gone; so a client is
//! thrown away with its first error, and what was not acknowledged is sent again from the outbox.

use std::sync::Arc;

use rumqttc::{mqttbytes, v5};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_rustls::rustls::ClientConfig;

use super::broker::{Broker, MIN_KEEP_ALIVE, Version};
use crate::protocol::limits::MAX_ENVELOPE_BYTES;
use crate::sync::session::Outgoing;

/// A packet with an envelope, its topic and its properties.
const MAX_PACKET_BYTES: usize = MAX_ENVELOPE_BYTES + 4096;
/// Requests that wait for the socket; more are a sign that it does not take any.
const MAX_REQUESTS: usize = 256;
/// Publishes without a PUBACK; rumqttc reserves room for that many.
const MAX_UNACKED: u16 = 128;
/// Events that wait for the session; then the socket waits.
const MAX_EVENTS: usize = 64;

/// What a client saw.
#[derive(Debug)]
pub(super) enum Seen {
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

#[derive(Debug)]
enum Requests {
    Five(v5::AsyncClient),
    ThreeOne(rumqttc::AsyncClient),
}

/// A connection. Ends when it is dropped.
#[derive(Debug)]
pub(super) struct Client {
    requests: Requests,
    seen: mpsc::Receiver<Seen>,
    task: JoinHandle<()>,
}

impl Drop for Client {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The request did not fit into the queue: the socket takes nothing.
#[derive(Debug)]
pub(super) struct Stuck;

impl Client {
    /// Connects in a task of its own, as an event loop that is polled only now and then may lose what
    /// it was about to write.
    pub(super) fn connect(broker: &Broker, name: &str, will: Outgoing) -> Self {
        let (report, seen) = mpsc::channel(MAX_EVENTS);
        let (requests, task) = match broker.version {
            Version::Five => {
                let (client, events) = v5::AsyncClient::new(five(broker, name, will), MAX_REQUESTS);
                (Requests::Five(client), tokio::spawn(watch_five(events, report)))
            }
            Version::ThreeOne => {
                let (client, events) =
                    rumqttc::AsyncClient::new(three_one(broker, name, will), MAX_REQUESTS);
                (Requests::ThreeOne(client), tokio::spawn(watch_three_one(events, report)))
            }
        };
        Self { requests, seen, task }
    }

    /// What comes next; `None` when the connection is over.
    pub(super) async fn next(&mut self) -> Option<Seen> {
        self.seen.recv().await
    }

    pub(super) fn publish(&self, outgoing: Outgoing) -> Result<(), Stuck> {
        let Outgoing { topic, payload, retain, .. } = outgoing;
        match &self.requests {
            Requests::Five(client) => {
                let qos = v5::mqttbytes::QoS::AtLeastOnce;
                client.try_publish(topic, qos, retain, payload).map_err(|_| Stuck)
            }
            Requests::ThreeOne(client) => {
                let qos = mqttbytes::QoS::AtLeastOnce;
                client.try_publish(topic, qos, retain, payload).map_err(|_| Stuck)
            }
        }
    }

    pub(super) fn subscribe(&self, filters: Vec<String>) -> Result<(), Stuck> {
        match &self.requests {
            Requests::Five(client) => {
                let qos = v5::mqttbytes::QoS::AtLeastOnce;
                let filter = |path| v5::mqttbytes::v5::Filter::new(path, qos);
                client.try_subscribe_many(filters.into_iter().map(filter)).map_err(|_| Stuck)
            }
            Requests::ThreeOne(client) => {
                let filter =
                    |path| rumqttc::SubscribeFilter::new(path, mqttbytes::QoS::AtLeastOnce);
                client.try_subscribe_many(filters.into_iter().map(filter)).map_err(|_| Stuck)
            }
        }
    }

    /// Says goodbye, so that the broker forgets the will.
    pub(super) fn disconnect(&self) -> Result<(), Stuck> {
        match &self.requests {
            Requests::Five(client) => client.try_disconnect().map_err(|_| Stuck),
            Requests::ThreeOne(client) => client.try_disconnect().map_err(|_| Stuck),
        }
    }
}

fn five(broker: &Broker, name: &str, will: Outgoing) -> v5::MqttOptions {
    let mut options = v5::MqttOptions::new(name, &broker.host, broker.port);
    let qos = v5::mqttbytes::QoS::AtLeastOnce;
    options
        .set_last_will(v5::mqttbytes::v5::LastWill::new(
            will.topic,
            will.payload,
            qos,
            will.retain,
            None,
        ))
        .set_keep_alive(broker.keep_alive.max(MIN_KEEP_ALIVE))
        .set_clean_start(true)
        .set_max_packet_size(Some(MAX_PACKET_BYTES as u32))
        .set_outgoing_inflight_upper_limit(MAX_UNACKED);
    if let Some(tls) = &broker.tls {
        options.set_transport(rumqttc::Transport::tls_with_config(tls_of(tls)));
    }
    if let Some((user, password)) = &broker.login {
        options.set_credentials(user, password);
    }
    options
}

fn three_one(broker: &Broker, name: &str, will: Outgoing) -> rumqttc::MqttOptions {
    let mut options = rumqttc::MqttOptions::new(name, &broker.host, broker.port);
    let qos = mqttbytes::QoS::AtLeastOnce;
    options
        .set_last_will(rumqttc::LastWill::new(will.topic, will.payload, qos, will.retain))
        .set_keep_alive(broker.keep_alive.max(MIN_KEEP_ALIVE))
        .set_clean_session(true)
        .set_max_packet_size(MAX_PACKET_BYTES, MAX_PACKET_BYTES)
        .set_inflight(MAX_UNACKED);
    if let Some(tls) = &broker.tls {
        options.set_transport(rumqttc::Transport::tls_with_config(tls_of(tls)));
    }
    if let Some((user, password)) = &broker.login {
        options.set_credentials(user, password);
    }
    options
}

async fn watch_five(mut events: v5::EventLoop, report: mpsc::Sender<Seen>) {
    use v5::mqttbytes::v5::{Packet, PubAckReason, SubscribeReasonCode};
    loop {
        let seen = match events.poll().await {
            Ok(v5::Event::Incoming(Packet::ConnAck(_))) => Seen::Connected,
            Ok(v5::Event::Incoming(Packet::SubAck(ack))) => {
                let granted =
                    |code: &SubscribeReasonCode| matches!(code, SubscribeReasonCode::Success(_));
                Seen::Subscribed { all: ack.return_codes.iter().all(granted) }
            }
            Ok(v5::Event::Incoming(Packet::PubAck(ack))) => Seen::Acked {
                id: ack.pkid,
                taken: matches!(
                    ack.reason,
                    PubAckReason::Success | PubAckReason::NoMatchingSubscribers
                ),
            },
            Ok(v5::Event::Incoming(Packet::Publish(publish))) => Seen::Message {
                topic: String::from_utf8_lossy(&publish.topic).into_owned(),
                payload: publish.payload.to_vec(),
            },
            Ok(v5::Event::Outgoing(rumqttc::Outgoing::Publish(id))) => Seen::Left(id),
            Ok(_) => continue,
            Err(error) => {
                tracing::debug!(%error, "the line broke");
                return;
            }
        };
        if report.send(seen).await.is_err() {
            return;
        }
    }
}

async fn watch_three_one(mut events: rumqttc::EventLoop, report: mpsc::Sender<Seen>) {
    use rumqttc::{Event, Packet, SubscribeReasonCode};
    loop {
        let seen = match events.poll().await {
            Ok(Event::Incoming(Packet::ConnAck(_))) => Seen::Connected,
            Ok(Event::Incoming(Packet::SubAck(ack))) => {
                let granted =
                    |code: &SubscribeReasonCode| matches!(code, SubscribeReasonCode::Success(_));
                Seen::Subscribed { all: ack.return_codes.iter().all(granted) }
            }
            Ok(Event::Incoming(Packet::PubAck(ack))) => Seen::Acked { id: ack.pkid, taken: true },
            Ok(Event::Incoming(Packet::Publish(publish))) => {
                Seen::Message { topic: publish.topic, payload: publish.payload.to_vec() }
            }
            Ok(Event::Outgoing(rumqttc::Outgoing::Publish(id))) => Seen::Left(id),
            Ok(_) => continue,
            Err(error) => {
                tracing::debug!(%error, "the line broke");
                return;
            }
        };
        if report.send(seen).await.is_err() {
            return;
        }
    }
}

fn tls_of(tls: &Arc<ClientConfig>) -> rumqttc::TlsConfiguration {
    rumqttc::TlsConfiguration::Rustls(tls.clone())
}
