//! Brokers of our own: a Mosquitto process in a folder of its own, or rumqttd within this one.

use std::time::Duration;

pub(super) use endcap_testing::mosquitto::Mosquitto;

use super::mqtt::{Address, Broker, Credentials, Embedded, Version};

/// Which broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Mosquitto,
    Embedded,
}

/// A broker that runs.
#[derive(Debug)]
pub(super) enum Running {
    Mosquitto(Mosquitto),
    Embedded(Embedded),
}

impl Running {
    pub(super) async fn start(kind: Kind) -> Self {
        match kind {
            Kind::Mosquitto => Self::Mosquitto(Mosquitto::start(|_| String::new()).await),
            Kind::Embedded => Self::Embedded(Embedded::start(0, 0).await.unwrap()),
        }
    }

    pub(super) fn address(&self, version: Version) -> Address {
        match self {
            Self::Mosquitto(mosquitto) => {
                Address { host: "127.0.0.1".to_owned(), port: mosquitto.address.port(), tls: false }
            }
            Self::Embedded(embedded) => embedded.address(version),
        }
    }
}

/// How a broker at an address is spoken to.
pub(super) fn at(address: Address, version: Version, credentials: Option<Credentials>) -> Broker {
    let keep_alive = Duration::from_secs(5);
    Broker { address, version, credentials, login: None, keep_alive }
}
