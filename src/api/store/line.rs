//! How the line to HQ does, for those who look after the box.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;

use crate::api::service::Service;

/// How the line to HQ is. Moments are milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct LineView {
    /// `off` (not enrolled), `broken` (it cannot be begun), or how far the connection is: `waiting`,
    /// `connecting`, `subscribing`, `asking`, `open`.
    pub phase: &'static str,
    /// Since when.
    pub since_ms: Option<u64>,
    /// When the next try is made, while there is no connection.
    pub next_try_ms: Option<u64>,
    /// This box's name, as tenant/store/node.
    pub place: Option<String>,
    /// Where the broker is.
    pub broker: Option<String>,
    /// Connections that the broker took since the server started.
    pub connections: u64,
    /// What ended the last connection, or kept the line from being begun.
    pub trouble: Option<String>,
    /// HQ's clock as it was last told.
    pub hq_time_ms: Option<u64>,
    /// The moment that has certainly passed, whatever the box's clock says.
    pub floor_ms: Option<u64>,
    /// What waits for HQ, by stream.
    pub outbox: BTreeMap<&'static str, OutboxView>,
    /// The last head of this box's audit log that HQ signed to have.
    pub audit_head: Option<AuditHeadView>,
    /// Messages from the broker that were not taken, by reason.
    pub refused: BTreeMap<&'static str, u64>,
}

/// HQ's signed word on this box's audit log.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct AuditHeadView {
    /// The last entry that HQ has; the first has number 1.
    pub entry: u64,
    /// The head of the hash chain after it, in hexadecimal.
    pub head: String,
    /// When HQ signed, by its clock.
    pub signed_ms: u64,
}

/// What waits for HQ in one stream.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct OutboxView {
    /// Messages that wait.
    pub entries: u64,
    /// Their bytes, and how many there may be.
    pub bytes: u64,
    /// The most bytes that are kept.
    pub limit_bytes: u64,
    /// When the oldest was written.
    pub oldest_ms: Option<u64>,
    /// Messages so far, those that HQ has stored included.
    pub written: u64,
    /// Messages that HQ has stored, counted from the first.
    pub stored: u64,
}

impl LineView {
    /// A box without a line.
    #[must_use]
    pub fn off() -> Self {
        Self { phase: "off", ..Self::default() }
    }
}

/// How the line is now.
pub(in crate::api) async fn show(State(service): State<Arc<Service>>) -> Json<LineView> {
    let view = service.line.borrow().clone();
    Json(view)
}
