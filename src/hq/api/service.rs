//! What handlers share.

use std::sync::Arc;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::hq::line::Standing;
use crate::hq::pages::Sessions;
use crate::hq::service::Hq;
use crate::http::{BodyLimits, Health};
use crate::telemetry::Metrics;

/// What handlers share.
#[derive(Debug)]
pub struct Service {
    /// Headquarters.
    pub hq: Arc<Hq>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Where the server is in its life.
    pub health: Arc<Health>,
    /// How it stands with the broker.
    pub line: watch::Receiver<Standing>,
    /// What a body of JSON may take.
    pub body: BodyLimits,
    /// Who looks at pages.
    pub(in crate::hq) sessions: Sessions,
    /// Whether pages come over TLS.
    pub secure: bool,
    /// Whether whoever connects is asked for a certificate of HQ's authority.
    pub asks_certificates: bool,
    /// Ends what goes on for as long as somebody listens.
    pub stop: CancellationToken,
}
