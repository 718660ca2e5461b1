//! A broker within this process, for demonstrations and tests.
//!
//! rumqttd keeps everything in memory, believes everybody, gives new subscribers only some of what it
//! retains, and cannot be stopped before the process ends. So nothing rests on it: it carries
//! messages, on this machine's own address only.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use rumqttd::{Broker, Config, ConnectionSettings, RouterConfig, ServerSettings};

use super::broker::{Address, Version};
use crate::protocol::limits::MAX_ENVELOPE_BYTES;
use crate::sync::error::LineError;

/// Connections at one time.
const MAX_CONNECTIONS: usize = 1000;
/// Bytes that are kept of one filter, in pieces of which the oldest goes. By default rumqttd keeps a
/// gigabyte of each.
const SEGMENT_BYTES: usize = 1 << 20;
const MAX_SEGMENTS: usize = 4;
/// How long it may take until it listens.
const START: Duration = Duration::from_secs(10);

/// Where an embedded broker listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Embedded {
    five: SocketAddr,
    three_one: SocketAddr,
}

impl Embedded {
    /// Starts a broker on two ports of the loopback address, one for each version of MQTT; port 0
    /// picks a free one. Ends with the process.
    pub async fn start(five_port: u16, three_one_port: u16) -> Result<Self, LineError> {
        let this = Self { five: free(five_port)?, three_one: free(three_one_port)? };
        let mut broker = Broker::new(config(this));
        std::thread::Builder::new()
            .name("broker".to_owned())
            .spawn(move || {
                if let Err(error) = broker.start() {
                    tracing::error!(%error, "the embedded broker ended");
                }
            })
            .map_err(LineError::Embedded)?;
        for address in [this.five, this.three_one] {
            listens(address).await?;
        }
        Ok(this)
    }

    /// Where this version of MQTT is spoken.
    #[must_use]
    pub fn address(&self, version: Version) -> Address {
        let at = match version {
            Version::Five => self.five,
            Version::ThreeOne => self.three_one,
        };
        Address { host: at.ip().to_string(), port: at.port(), tls: false }
    }
}

/// The address, or one that was free a moment ago; rumqttd does not tell which it was given.
fn free(port: u16) -> Result<SocketAddr, LineError> {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    listener.and_then(|listener| listener.local_addr()).map_err(LineError::Embedded)
}

async fn listens(address: SocketAddr) -> Result<(), LineError> {
    let end = Instant::now() + START;
    loop {
        match tokio::net::TcpStream::connect(address).await {
            Ok(_) => return Ok(()),
            Err(error) if Instant::now() >= end => return Err(LineError::Embedded(error)),
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}

fn config(at: Embedded) -> Config {
    let server = |name: &str, listen| {
        let settings = ServerSettings {
            name: name.to_owned(),
            listen,
            tls: None,
            next_connection_delay_ms: 0,
            connections: ConnectionSettings {
                connection_timeout_ms: 5000,
                max_payload_size: MAX_ENVELOPE_BYTES + 4096,
                max_inflight_count: 200,
                auth: None,
                external_auth: None,
                dynamic_filters: true,
            },
        };
        Some(HashMap::from([(name.to_owned(), settings)]))
    };
    Config {
        router: RouterConfig {
            max_connections: MAX_CONNECTIONS,
            max_outgoing_packet_count: 200,
            max_segment_size: SEGMENT_BYTES,
            max_segment_count: MAX_SEGMENTS,
            ..RouterConfig::default()
        },
        v5: server("mqtt-5", at.five),
        v4: server("mqtt-3.1.1", at.three_one),
        ..Config::default()
    }
}
