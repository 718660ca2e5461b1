//! How a broker is reached.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use crate::sync::error::LineError;

/// Which MQTT is spoken. Everything essential is in our envelopes, so both do the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Version {
    /// MQTT 5.
    #[default]
    Five,
    /// MQTT 3.1.1, for brokers that speak nothing newer.
    ThreeOne,
}

/// Files that say who is believed and who we are, all PEM. They are read anew for each connection,
/// so a renewed certificate counts from the next one on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Certificates of those who vouch for the broker; nobody else is believed.
    pub authority: PathBuf,
    /// Our certificate and its private key, where the broker wants to know who we are.
    pub own: Option<(PathBuf, PathBuf)>,
}

impl Credentials {
    /// The authority's certificate in an identity folder.
    pub const AUTHORITY: &str = "authority.pem";
    /// A node's certificate in it.
    pub const CERTIFICATE: &str = "certificate.pem";
    /// A node's private key in it.
    pub const KEY: &str = "key.pem";

    /// The files of an identity folder, as enrolment writes them.
    #[must_use]
    pub fn in_folder(folder: &Path) -> Self {
        Self {
            authority: folder.join(Self::AUTHORITY),
            own: Some((folder.join(Self::CERTIFICATE), folder.join(Self::KEY))),
        }
    }
}

/// Where a broker is: `mqtt://host[:port]`, or `mqtts://host[:port]` for TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// Its name or address; of an IPv6 address without the brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Whether TLS is spoken.
    pub tls: bool,
}

impl FromStr for Address {
    type Err = LineError;

    fn from_str(text: &str) -> Result<Self, LineError> {
        let refuse = || LineError::Address(text.to_owned());
        let (scheme, rest) = text.split_once("://").ok_or_else(refuse)?;
        let tls = match scheme {
            "mqtt" => false,
            "mqtts" => true,
            _ => return Err(refuse()),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = match rest.strip_prefix('[') {
            Some(rest) => {
                let (host, after) = rest.split_once(']').ok_or_else(refuse)?;
                let port = after.strip_prefix(':');
                if port.is_none() && !after.is_empty() {
                    return Err(refuse());
                }
                (host, port)
            }
            None => match rest.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (rest, None),
            },
        };
        if host.is_empty() || host.contains(['/', '@', '?', '#', ' ', '[']) {
            return Err(refuse());
        }
        let usual = if tls { 8883 } else { 1883 };
        let port = port.map_or(Ok(usual), str::parse).map_err(|_| refuse())?;
        Ok(Self { host: host.to_owned(), port, tls })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "mqtts" } else { "mqtt" };
        if self.host.contains(':') {
            write!(f, "{scheme}://[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{scheme}://{}:{}", self.host, self.port)
        }
    }
}

/// Where a broker is and how it is spoken to.
#[derive(Clone)]
pub struct Broker {
    /// Its address.
    pub address: Address,
    /// Which MQTT it speaks.
    pub version: Version,
    /// Who is believed and who we are, where TLS is spoken.
    pub credentials: Option<Credentials>,
    /// Name and password, where it wants them.
    pub login: Option<(String, String)>,
    /// How long the line may be silent before it is tried; half as long again and it is given up.
    /// At least five seconds.
    pub keep_alive: Duration,
}

impl fmt::Debug for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Broker({}, {:?})", self.address, self.version)
    }
}

/// What rumqttc accepts as the shortest.
pub(super) const MIN_KEEP_ALIVE: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::Address;

    #[test]
    fn addresses_are_of_two_schemes_with_their_usual_ports() {
        for (text, shown) in [
            ("mqtt://hq.example", "mqtt://hq.example:1883"),
            ("mqtts://hq.example/", "mqtts://hq.example:8883"),
            ("mqtt://127.0.0.1:7", "mqtt://127.0.0.1:7"),
            ("mqtts://[::1]", "mqtts://[::1]:8883"),
            ("mqtt://[::1]:7", "mqtt://[::1]:7"),
        ] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), shown);
        }
        for text in [
            "",
            "hq.example",
            "tcp://hq.example",
            "mqtt://",
            "mqtt://:7",
            "mqtt://hq:x",
            "mqtt://hq:70000",
            "mqtt://user@hq",
            "mqtt://hq/path",
            "mqtt://[::1",
            "mqtt://[::1]7",
            "mqtt://::1",
        ] {
            let error = text.parse::<Address>().unwrap_err().to_string();
            assert!(error.contains("mqtt://host:port"), "{error}");
        }
    }
}
