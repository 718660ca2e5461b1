//! What every HTTP door needs, whatever is behind it.
//!
//! [`Listener::bind`] opens the port, with TLS where a certificate is configured;
//! [`Listener::run`] serves an axum router until told to stop and then drains.
//! [`Listener::asking_for_certificates`] has clients asked who they are, and each request brings the
//! [`PeerCertificate`] of who showed one. [`Tokens`] says who is asking, [`Access`] who may, [`Pairing`] makes
//! a device of the shop of whatever shows a code; [`read_body`] takes in a request's body within its limits;
//! [`Problem`] is every error, and [`ErrorForm`] how the clients of a path read it; [`Health`] is what
//! the health routes show.
//!
//! **Invariants**
//! - Connections, heads, bodies, idle time and draining have limits ([`Config`]); over a limit a
//!   client gets an answer that names it. Who says nothing at all is hung up on.
//! - What is not a request is told so in the form of every error.
//! - A client that goes away drops its handler's future, or its response's body, at once.
//! - A panic in a handler costs one request and shows as 500 with the request's id.
//! - A certificate that is replaced counts for the connections after it; one that cannot be used
//!   does not take the place of one that can.
//! - A certificate of a client that is handed on is of the authority that was asked for, and was in its
//!   time when the connection was made: connections are not resumed where it is asked for.
//! - Raw tokens are shown once, at creation; only SHA-256 digests are kept.
//! - A device's token is bound to what it is and where it stands by who made its code. A browser shows it as a cookie
//!   that counts only for what a page of this server asks for.
//! - A code counts once, for minutes, and few wrong ones may be tried.
//! - Every response carries `x-request-id`, `x-content-type-options: nosniff` and
//!   `cache-control: no-store`.
//!
//! **Not here**: routes, models, what a request means.

// A room's paths are the same wherever they are written.
extern crate self as http;
use endcap_telemetry as telemetry;
use endcap_units as units;

mod access;
mod body;
mod config;
mod connection;
mod cookie;
mod device;
mod door;
mod guarded;
mod health;
mod leftover;
mod listener;
pub mod openapi;
mod pairing;
mod peer;
mod problem;
mod refusal;
mod request_id;
mod stamp;
mod tls;
mod token_file;
mod tokens;
mod wire;

pub use access::{Access, Identity, Role};
pub use body::{BodyLimits, discard, read_body, require_json};
pub use config::{Config, HttpError, TlsFiles};
pub use cookie::{device_cookie, no_device_cookie};
pub use device::{Device, DeviceError};
pub use door::{dress, is_origin};
pub use health::{Health, Stage};
pub use listener::{Drained, Listener};
pub use pairing::{CODE_LIFE, Code, Offer, Pairing, PairingError};
pub use peer::PeerCertificate;
pub use problem::{ErrorBody, ErrorEnvelope, ErrorForm, Kind, PlainError, Problem};
pub use request_id::{RequestId, fresh_id};
pub use tokens::{Created, TokenError, TokenInfo, Tokens};
