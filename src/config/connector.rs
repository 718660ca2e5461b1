//! Where the retailer's order system is.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// The retailer's order system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connector {
    /// Where it is asked.
    pub address: ConnectorAddress,
    /// The file that holds the bearer token for it.
    pub token_file: Option<PathBuf>,
    /// How long it may take.
    pub timeout: Duration,
}

/// An address of HTTPS, or of HTTP on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectorAddress(String);

impl ConnectorAddress {
    /// As a URL.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ConnectorAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not an address such as https://orders.example/endcap");
        let (scheme, rest) = text.split_once("://").ok_or_else(wrong)?;
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        if host.is_empty() || host.contains('@') || text.chars().any(char::is_whitespace) {
            return Err(wrong());
        }
        let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
        match scheme {
            "https" => Ok(Self(text.to_owned())),
            "http" if ["127.0.0.1", "localhost", "[::1]"].contains(&name) => {
                Ok(Self(text.to_owned()))
            }
            "http" => Err(format!("`{text}`: orders would cross the network in clear; use https")),
            _ => Err(wrong()),
        }
    }
}

impl fmt::Display for ConnectorAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_do_not_cross_a_network_in_clear() {
        for (text, taken) in [
            ("https://orders.example/endcap", true),
            ("http://127.0.0.1:9000/", true),
            ("http://localhost/x", true),
            ("http://orders.example/", false),
            ("http://127.0.0.1.example/", false),
            ("https://user@orders.example/", false),
            ("ftp://orders.example", false),
            ("orders.example", false),
            ("https://", false),
        ] {
            assert_eq!(text.parse::<ConnectorAddress>().is_ok(), taken, "{text}");
        }
    }
}
