//! What a listener is told, and why it may not start.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use super::body::BodyLimits;

/// Certificate chain and key, both PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The server's certificate, then those that vouch for it.
    pub certificate: PathBuf,
    /// Its private key: PKCS#8, PKCS#1 or SEC1.
    pub key: PathBuf,
}

/// Limits and addresses of a listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Where to listen; port 0 picks a free one.
    pub listen: SocketAddr,
    /// Speak TLS (1.2 or 1.3, HTTP/1.1 or HTTP/2) with these.
    pub tls: Option<TlsFiles>,
    /// Open connections; one more is answered 503 and closed.
    pub max_connections: usize,
    /// Requests at once on one HTTP/2 connection.
    pub max_streams_per_connection: u32,
    /// Until a request's head is complete: handshake, idle time between requests and the head.
    pub header_timeout: Duration,
    /// What a request's body may take.
    pub body: BodyLimits,
    /// From a request to the end of its answer; what is behind the door ends its work by then,
    /// and a connection that is not done somewhat later is cut.
    pub request_timeout: Duration,
    /// How long running requests may go on once the listener was told to stop.
    pub drain_timeout: Duration,
    /// Origins whose pages may ask, as `https://shop.example`; empty allows no other origin.
    pub cors_origins: Vec<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            tls: None,
            max_connections: 256,
            max_streams_per_connection: 64,
            header_timeout: Duration::from_secs(15),
            body: BodyLimits::default(),
            request_timeout: Duration::from_secs(300),
            drain_timeout: Duration::from_secs(20),
            cors_origins: Vec::new(),
        }
    }
}

/// Why a listener cannot start.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The address is taken or not ours.
    #[error("listening on {address}")]
    Bind {
        /// As configured.
        address: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A PEM file cannot be used.
    #[error("reading {what} from {path}: {why}")]
    Pem {
        /// `the certificate` or `the private key`.
        what: &'static str,
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// Certificate and key do not make a server.
    #[error("certificate {certificate} with key {key} cannot be served")]
    Tls {
        /// Which certificate.
        certificate: PathBuf,
        /// Which key.
        key: PathBuf,
        /// Why.
        #[source]
        source: tokio_rustls::rustls::Error,
    },
    /// An authority is none of whose clients could be known.
    #[error("the authority of clients' certificates cannot be used: {why}")]
    Authority {
        /// What is wrong with it.
        why: String,
    },
    /// Not an origin.
    #[error("cors origin `{0}` is not of the form `https://shop.example`")]
    Origin(String),
}
