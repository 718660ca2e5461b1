//! Records of generated answers: `/store/v1/audit`.

use std::sync::Arc;
use std::time::Instant;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::api::error::of_audit;
use crate::api::json::Asked;
use crate::api::service::Service;
use crate::audit::{AnswerId, Audit, AuditError, NotReplayable, Noted, Replayable, Verified};
use crate::http::{Kind, Problem};
use crate::skills::witness::{Inputs, NotAsked};

/// Heads that are compared by one request.
const MAX_HEADS: usize = 10_000;

/// Whether the chain of records is as it was written.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::api) struct Chain {
    /// Whether it is.
    sound: bool,
    /// What is wrong with it.
    fault: Option<String>,
    /// The numbers of the first record that is kept and of the last; 0 where there is none.
    first: u64,
    last: u64,
    /// The head of the chain, hexadecimal.
    head: String,
    /// How many of the heads that were sent along were compared; older ones have left by their age.
    compared: u64,
}

/// What somebody else noted of the chain.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct ChainRequest {
    /// Heads, as `endcap hq audit answers --json` has them; 10,000 at most.
    heads: Vec<HeadView>,
}

/// A head of the chain.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct HeadView {
    /// The number of the last record before it.
    entries: u64,
    /// Hexadecimal.
    head: String,
}

/// All there is of an answer.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::api) struct Record {
    id: String,
    /// Its number in the chain.
    number: u64,
    /// The record as it was written.
    record: Value,
    /// The record of the model's text that it was made of, where that is here.
    made: Option<Value>,
    /// What was asked and told; null where it cannot be opened.
    opened: Option<OpenedView>,
    /// Why it cannot be.
    closed: Option<String>,
}

/// What was sealed beside a record.
#[derive(Debug, Serialize, JsonSchema)]
struct OpenedView {
    asked: Value,
    text: String,
    /// Whether the digests of the record are those of the two.
    as_recorded: bool,
}

/// What came of asking again.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::api) struct Replayed {
    id: String,
    /// `same`, `differs`, or `not_replayed`.
    outcome: &'static str,
    /// Why it was not made again.
    why: Option<String>,
    model: Option<String>,
    /// What the model said then, whose digest is in the chain, and what it says now.
    then: Option<String>,
    now: Option<String>,
    /// Whether all of it was heard then; else its beginning is compared.
    whole: Option<bool>,
}

/// `GET /store/v1/audit/chain`.
pub(in crate::api) async fn chain(
    State(service): State<Arc<Service>>,
) -> Result<Json<Chain>, Problem> {
    Ok(Json(blocking(&service, |audit| audit.verify(&[])).await?.into()))
}

/// `POST /store/v1/audit/chain`.
pub(in crate::api) async fn compare(
    State(service): State<Arc<Service>>,
    Asked(ChainRequest { heads }): Asked<ChainRequest>,
) -> Result<Json<Chain>, Problem> {
    if heads.len() > MAX_HEADS {
        let message =
            format!("heads has {} entries; the limit is {MAX_HEADS} (fixed)", heads.len());
        return Err(Problem::invalid(message).param("heads").code("limit_exceeded"));
    }
    let noted = heads.into_iter().map(|HeadView { entries, head }| Noted { entries, head });
    let noted: Vec<_> = noted.collect();
    Ok(Json(blocking(&service, move |audit| audit.verify(&noted)).await?.into()))
}

impl From<Verified> for Chain {
    fn from(verified: Verified) -> Self {
        let Verified { first, last, head, compared, fault } = verified;
        let (sound, fault) = (fault.is_none(), fault.map(|fault| fault.to_string()));
        Self { sound, fault, first, last, head, compared }
    }
}

/// `GET /store/v1/audit/answers/{id}`.
pub(in crate::api) async fn show(
    State(service): State<Arc<Service>>,
    Path(id): Path<String>,
) -> Result<Json<Record>, Problem> {
    let asked: AnswerId = id.parse().map_err(of_audit)?;
    let shown = blocking(&service, move |audit| audit.show(&asked)).await?;
    let opened = shown.opened.map(|opened| OpenedView {
        asked: opened.asked,
        text: opened.text,
        as_recorded: opened.as_recorded,
    });
    let closed = shown.closed.map(|why| why.to_string());
    let (number, record, made) = (shown.number, shown.entry, shown.made);
    Ok(Json(Record { id, number, record, made, opened, closed }))
}

/// `POST /store/v1/audit/answers/{id}/replay`: asks the same model once more what it was asked then,
/// past the cache.
pub(in crate::api) async fn replay(
    State(service): State<Arc<Service>>,
    Path(id): Path<String>,
) -> Result<Json<Replayed>, Problem> {
    let asked: AnswerId = id.parse().map_err(of_audit)?;
    let found = blocking(&service, move |audit| audit.replayable(&asked)).await?;
    let then = match found {
        Ok(then) => then,
        Err(why) => return Ok(Json(Replayed::not(id, why.to_string()))),
    };
    let inputs = then.inputs.as_str().and_then(|text| serde_json::from_str::<Inputs>(text).ok());
    let Some(inputs) = inputs else {
        return Ok(Json(Replayed::not(id, NotReplayable::Changed.to_string())));
    };
    let deadline = Instant::now() + service.request_timeout;
    let model = (then.model.as_str(), then.model_digest.as_str());
    match service.clerk.say_again(model, inputs, deadline).await {
        Ok(now) => Ok(Json(Replayed::of(id, then, now))),
        Err(why @ (NotAsked::Gone(_) | NotAsked::Other { .. })) => {
            Ok(Json(Replayed::not(id, why.to_string())))
        }
        Err(NotAsked::Silent(silence)) => {
            let message = format!("the model cannot be asked just now: {silence}");
            Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, Kind::OverloadedError, message)
                .code("not_asked"))
        }
    }
}

impl Replayed {
    fn of(id: String, then: Replayable, now: String) -> Self {
        Self {
            id,
            outcome: if then.is(&now) { "same" } else { "differs" },
            why: None,
            model: Some(then.model),
            then: Some(then.text),
            now: Some(now),
            whole: Some(then.whole),
        }
    }

    fn not(id: String, why: String) -> Self {
        let (model, then, now, whole) = (None, None, None, None);
        Self { id, outcome: "not_replayed", why: Some(why), model, then, now, whole }
    }
}

async fn blocking<T: Send + 'static>(
    service: &Service,
    work: impl FnOnce(&Audit) -> Result<T, AuditError> + Send + 'static,
) -> Result<T, Problem> {
    let audit = service.audit.clone().ok_or_else(|| {
        let message = "no records of answers are kept here";
        Problem::new(StatusCode::NOT_FOUND, Kind::InvalidRequestError, message).code("not_found")
    })?;
    let done = tokio::task::spawn_blocking(move || work(&audit)).await;
    done.map_err(Problem::internal)?.map_err(of_audit)
}
