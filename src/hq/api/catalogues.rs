//! Facts.

use std::sync::Arc;

use axum::Json;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt as _;
use schemars::JsonSchema;
use serde::Serialize;

use super::call::Call;
use super::routes::QueryField;
use super::service::Service;
use crate::facts::Table;
use crate::hq::catalogues::{CatalogueRow, Push};
use crate::http::{Kind, Problem};

/// Of what a push is made.
pub(super) const MEDIA_TYPE: &str = "application/x-ndjson";

pub(super) const REPLACE: QueryField = QueryField {
    name: "replace",
    about: "A table that is to be as the push has it: facts of it that do not come go",
};

pub(super) const CREATE: QueryField = QueryField {
    name: "create",
    about: "`true` makes the catalogue where it is missing; `main` is made in any case",
};

/// All catalogues.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Catalogues {
    data: Vec<CatalogueRow>,
}

pub(super) async fn list(service: Arc<Service>, call: Call) -> Result<Response, Problem> {
    let data = service.hq.catalogues(&call.tenant()?).await?;
    Ok(Json(Catalogues { data }).into_response())
}

/// Takes lines as they come; nothing of them counts before the last one is there and right.
pub(super) async fn push(service: Arc<Service>, call: Call) -> Result<Response, Problem> {
    let kind = call.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let kind = kind.and_then(|text| text.split(';').next()).unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case(MEDIA_TYPE) {
        let status = axum::http::StatusCode::UNSUPPORTED_MEDIA_TYPE;
        let message = format!("a push is of `Content-Type: {MEDIA_TYPE}`, an object a line");
        return Err(
            Problem::new(status, Kind::InvalidRequestError, message).code("unsupported_media_type")
        );
    }
    let replaces: Option<Table> = call.asked("replace")?;
    let (tenant, catalogue) = (call.tenant()?, call.param("catalogue")?);
    let push = Push::new(&service.hq, tenant, catalogue, replaces)?;
    let mut push = push.creating(call.asked("create")?.unwrap_or(false));
    let actor = call.actor()?.clone();
    let mut pieces = call.body.into_data_stream();
    while let Some(piece) = pieces.next().await {
        let piece =
            piece.map_err(|_| Problem::invalid("the push broke off; nothing of it counts"))?;
        push = tokio::task::spawn_blocking(move || push.update(&piece).map(|()| push))
            .await
            .map_err(Problem::internal)??;
    }
    // Whoever asked may go: what was taken in is finished.
    let hq = Arc::clone(&service.hq);
    let pushing = tokio::spawn(async move { hq.push(&actor, push).await });
    Ok(Json(pushing.await.map_err(Problem::internal)??).into_response())
}
