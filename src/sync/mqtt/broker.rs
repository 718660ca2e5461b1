//! How a broker is reached.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio_rustls::rustls::ClientConfig;

/// Which MQTT is spoken. Everything essential is in our envelopes, so both do the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Version {
    /// MQTT 5.
    #[default]
    Five,
    /// MQTT 3.1.1, for brokers that speak nothing newer.
    ThreeOne,
}

/// Where a broker is and how it is spoken to.
#[derive(Clone)]
pub struct Broker {
    /// Its name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Which MQTT it speaks.
    pub version: Version,
    /// Who it must be and who we are to it; plain TCP without.
    pub tls: Option<Arc<ClientConfig>>,
    /// Name and password, where it wants them.
    pub login: Option<(String, String)>,
    /// How long the line may be silent before it is tried; half as long again and it is given up.
    pub keep_alive: Duration,
}

impl fmt::Debug for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Broker({}:{}, {:?}, tls: {})",
            self.host,
            self.port,
            self.version,
            self.tls.is_some()
        )
    }
}

/// What rumqttc accepts as the shortest.
pub(super) const MIN_KEEP_ALIVE: Duration = Duration::from_secs(5);
