//! What is open.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::{Extension, Json};

use super::views::{HandoffList, HandoffView, WholeView};
use super::{associate, of_desk, parse};
use crate::api::query::Query;
use crate::api::routes::QueryField;
use crate::api::service::Service;
use crate::desk::{DeskError, Stage};
use crate::facts::UnixSeconds;
use crate::http::{Identity, Problem, Role};

pub(in crate::api) const LIST: &[QueryField] =
    &[QueryField { name: "stage", about: "Only those that are `waiting`, or `claimed`" }];

/// `GET /store/v1/desk/handoffs`.
pub(in crate::api) async fn list(
    State(service): State<Arc<Service>>,
    Extension(identity): Extension<Option<Identity>>,
    request: Request,
) -> Result<Json<HandoffList>, Problem> {
    let query = Query::parse(request.uri().query(), LIST)?;
    let words = [("any", None), ("waiting", Some(false)), ("claimed", Some(true))];
    let claimed = query.word("stage", &words)?;
    let who = associate(identity.as_ref())?;
    let mut handoffs = service.desk()?.handoffs();
    handoffs.retain(|it| claimed.is_none_or(|claimed| (it.stage == Stage::Claimed) == claimed));
    let view = |handoff| HandoffView::of(handoff, &who.id);
    Ok(Json(HandoffList { handoffs: handoffs.into_iter().map(view).collect() }))
}

/// `GET /store/v1/desk/handoffs/{id}`.
pub(in crate::api) async fn show(
    State(service): State<Arc<Service>>,
    Extension(identity): Extension<Option<Identity>>,
    Path(id): Path<String>,
) -> Result<Json<WholeView>, Problem> {
    let who = associate(identity.as_ref())?;
    let handoff = service.desk()?.handoff(parse(&id)?).map_err(of_desk)?;
    let is_admin = identity.as_ref().is_some_and(|identity| identity.role == Role::Admin);
    if !is_admin && !handoff.is_for(&who.id) {
        return Err(of_desk(DeskError::Taken));
    }
    let now = UnixSeconds::now().0.unsigned_abs();
    let found = service.concierge.shoppers().conversation(&handoff.conversation, now);
    let turns = found.map_err(|error| of_desk(DeskError::from(error)))?.turns;
    let history = turns.into_iter().map(Into::into).collect();
    Ok(Json(HandoffView::whole(handoff, history, &who.id)))
}
