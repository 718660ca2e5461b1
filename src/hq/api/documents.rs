//! What is wanted.

use std::sync::Arc;

use axum::Json;
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::call::Call;
use super::routes::forbidden;
use super::service::Service;
use crate::hq::documents::{DesiredRow, Draft};
use crate::hq::users::Role;
use crate::http::{BodyLimits, Problem};
use crate::protocol::{Document, Label, Target, UnixMillis};

/// What a document of JSON may take; that of a bundle names every chunk of its files.
const BODY: BodyLimits = BodyLimits { bytes: 8 << 20, timeout: std::time::Duration::from_secs(30) };

/// A version of a document that is to be wanted.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    /// For whom: `tenant/store/node` or `tenant/grp/group`.
    target: String,
    /// `bundle`, `config`, `cache` or `keys`.
    document: String,
    /// The document as JSON.
    #[schemars(with = "Option<serde_json::Map<String, serde_json::Value>>")]
    contents: Option<Box<RawValue>>,
    /// Or the SHA-256 of the artefact that it is.
    artefact: Option<String>,
    /// From when on it must not be installed, in milliseconds since 1970.
    expires_ms: Option<u64>,
    /// The version that its author saw there, 0 for none; with another one there, nothing is done.
    over: Option<u64>,
}

/// The version it got.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Published {
    version: u64,
}

/// The newest version of each document at each target.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Desired {
    data: Vec<DesiredRow>,
}

pub(super) async fn desired(service: Arc<Service>, call: Call) -> Result<Response, Problem> {
    let data = service.hq.desired(&call.tenant()?).await?;
    Ok(Json(Desired { data }).into_response())
}

pub(super) async fn publish(service: Arc<Service>, call: Call) -> Result<Response, Problem> {
    let (actor, tenant) = (call.actor()?.clone(), call.tenant()?);
    let wanted: Wanted = call.json(BODY).await?;
    let target = target_of(&tenant, &wanted.target)?;
    let document: Document = field("document", &wanted.document)?;
    let least = match document {
        Document::Bundle | Document::Keys => Role::Approver,
        _ => Role::Operator,
    };
    if actor.role < least {
        return Err(forbidden(actor.role, least));
    }
    let hq = &service.hq;
    let draft = match (wanted.contents, wanted.artefact) {
        (Some(json), None) => hq.draft_of_json(target, document, json.get()).await?,
        (None, Some(digest)) => {
            hq.draft_of_artefact(target, document, field("artefact", &digest)?).await?
        }
        _ => return Err(wrong("contents", "either `contents` or `artefact` must be there")),
    };
    let expires = wanted.expires_ms.map(UnixMillis);
    let version = hq.publish(&actor, Draft { expires, over: wanted.over, ..draft }).await?;
    Ok(Json(Published { version }).into_response())
}

/// A target of this tenant.
pub(super) fn target_of(tenant: &Label, text: &str) -> Result<Target, Problem> {
    let target: Target = field("target", text)?;
    let (Target::Node(crate::protocol::Place { tenant: owner, .. })
    | Target::Group { tenant: owner, .. }) = &target;
    if owner != tenant {
        return Err(wrong("target", &format!("it does not belong to {tenant}")));
    }
    Ok(target)
}

/// A field's text as a value.
pub(super) fn field<T: std::str::FromStr>(name: &str, text: &str) -> Result<T, Problem>
where
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|error: T::Err| wrong(name, &error.to_string()))
}

pub(super) fn wrong(name: &str, why: &str) -> Problem {
    Problem::invalid(format!("{name}: {why}")).param(name).code("invalid_value")
}
