//! What nodes told.

use std::sync::Arc;

use axum::Json;
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::call::Call;
use super::documents::wrong;
use super::routes::QueryField;
use super::service::Service;
use crate::hq::examples::ExampleRow;
use crate::hq::history::{HistoryRow, Span};
use crate::hq::told::{AuditHeadRow, EventRow, GapRow, LaidAsideRow, MeasuredRow, Page};
use crate::hq::{AnswersHead, AuditProof, ProofPage};
use crate::http::Problem;
use crate::protocol::Place;
use crate::protocol::examples::Sent;

pub(super) const PLACE: QueryField =
    QueryField { name: "place", about: "Of this box alone, as `tenant/store/node`" };
pub(super) const BEFORE: QueryField =
    QueryField { name: "before", about: "Rows before this id; the last one of the page before" };
pub(super) const AFTER: QueryField =
    QueryField { name: "after", about: "Boxes after this one, by name" };
pub(super) const SINCE: QueryField =
    QueryField { name: "since_ms", about: "Measured after this, in milliseconds since 1970" };

macro_rules! page {
    ($(#[$doc:meta])* $name:ident of $row:ty, $handler:ident = $read:ident) => {
        $(#[$doc])*
        #[derive(Debug, Serialize, JsonSchema)]
        pub(super) struct $name {
            data: Vec<$row>,
        }

        pub(super) async fn $handler(
            service: Arc<Service>,
            call: Call,
        ) -> Result<Response, Problem> {
            let data = service.hq.$read(&asked(&call)?).await?;
            Ok(Json($name { data }).into_response())
        }
    };
}

page!(
    /// A page of events.
    Events of EventRow, events = events
);
page!(
    /// A page of declared gaps.
    Gaps of GapRow, gaps = gaps
);
page!(
    /// A page of messages that could not be taken.
    LaidAside of LaidAsideRow, laid_aside = laid_aside
);
page!(
    /// A page of signed heads.
    AuditHeads of AuditHeadRow, audit_heads = audit_heads
);

page!(
    /// A page of answers that were put right.
    Examples of ExampleRow, examples = examples
);

/// A box sends answers that were put right.
pub(super) async fn take_examples(service: Arc<Service>, call: Call) -> Result<Response, Problem> {
    let place = call.node()?.clone();
    let sent: Sent = call.json(service.body).await?;
    Ok(Json(service.hq.take_examples(&place, &sent).await?).into_response())
}

/// Heads of a box's chain of generated answers, the oldest first.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct AnswersHeads {
    data: Vec<AnswersHead>,
}

pub(super) async fn answers_heads(service: Arc<Service>, call: Call) -> Result<Response, Problem> {
    let (place, limit) = (call.place()?, call.limit()?);
    Ok(Json(AnswersHeads { data: service.hq.answers_heads(&place, limit).await? }).into_response())
}

/// What was found of the audit logs of a page of boxes.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct AuditProofs {
    data: Vec<AuditProof>,
}

pub(super) async fn audit_proofs(service: Arc<Service>, call: Call) -> Result<Response, Problem> {
    let Page { tenant, place, limit, .. } = asked(&call)?;
    let after = call.asked("after")?.unwrap_or_default();
    let page = ProofPage { tenant, place, after, limit };
    Ok(Json(AuditProofs { data: service.hq.prove_audit(&page).await? }).into_response())
}

/// Why a box's audit log begins anew.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewChain {
    /// For people, 1 to 200 characters; stands beside the act.
    reason: String,
}

/// The chain that goes on from now on.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Begun {
    chain: u64,
}

pub(super) async fn begin_chain(service: Arc<Service>, call: Call) -> Result<Response, Problem> {
    let (actor, place) = (call.actor()?.clone(), call.place()?);
    let NewChain { reason } = call.json(service.body).await?;
    let chain = service.hq.begin_audit_chain(&actor, &place, &reason).await?;
    Ok(Json(Begun { chain }).into_response())
}
pub(super) const SPAN: QueryField = QueryField {
    name: "span",
    about: "`quarter` (15 minutes, the default), `watch` (3 hours) or `day`",
};

/// What one box measured over a long time.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct History {
    data: Vec<HistoryRow>,
}

pub(super) async fn history(service: Arc<Service>, call: Call) -> Result<Response, Problem> {
    let (tenant, place) = (call.tenant()?, call.asked::<Place>("place")?);
    let place = place.ok_or_else(|| wrong("place", "it must be there"))?;
    if place.tenant != tenant {
        return Err(wrong("place", &format!("it does not belong to {tenant}")));
    }
    let span = call.asked("span")?.unwrap_or(Span::Quarter);
    let since = call.asked("since_ms")?.unwrap_or(0);
    let data = service.hq.history(&place, span, since).await?;
    Ok(Json(History { data }).into_response())
}

/// Values measured by one box.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Measured {
    data: Vec<MeasuredRow>,
}

pub(super) async fn telemetry(service: Arc<Service>, call: Call) -> Result<Response, Problem> {
    let page = asked(&call)?;
    let place = page.place.ok_or_else(|| wrong("place", "it must be there"))?;
    let since = call.asked("since_ms")?.unwrap_or(0);
    let data = service.hq.measured(&place, since, page.limit).await?;
    Ok(Json(Measured { data }).into_response())
}

fn asked(call: &Call) -> Result<Page, Problem> {
    let (tenant, place) = (call.tenant()?, call.asked::<Place>("place")?);
    if place.as_ref().is_some_and(|place| place.tenant != tenant) {
        return Err(wrong("place", &format!("it does not belong to {tenant}")));
    }
    Ok(Page { tenant, place, before: call.asked("before")?, limit: call.limit()? })
}
