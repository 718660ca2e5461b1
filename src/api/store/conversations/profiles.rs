//! What a shopper agrees to have known: in a conversation, or beyond it.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use schemars::JsonSchema;
use serde::Deserialize;

use super::views::{ProfileRequest, ProfileView, Receipt};
use super::{blocking, now, of_shoppers, own, qr};
use crate::api::json::Asked;
use crate::api::service::Service;
use crate::http::{Identity, Problem};
use crate::shoppers::{Consent, ProfileId, ShoppersError};
use crate::skills::concierge::ConciergeError;

/// `PUT /store/v1/conversations/{id}/profile`.
pub(in crate::api) async fn put(
    State(service): State<Arc<Service>>,
    Extension(identity): Extension<Option<Identity>>,
    Path(id): Path<String>,
    Asked(request): Asked<ProfileRequest>,
) -> Result<Json<ProfileView>, Problem> {
    let id = own(&service, &id, identity.as_ref())?.id;
    let consent = consent(&request)?;
    let kept = blocking(move || {
        let shoppers = service.concierge.shoppers();
        let kept = shoppers.keep_profile_of(&id, request.fields(), consent, now());
        kept.map_err(ConciergeError::Shoppers)
    });
    Ok(Json(kept.await?.into()))
}

/// A profile that the shopper shows.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct BringRequest {
    /// Its id, as it was told when it was kept; spaces, dashes, case and what a QR code has before it do
    /// not matter.
    profile: String,
}

/// `POST /store/v1/conversations/{id}/profile`: goes on by a profile that was kept before.
pub(in crate::api) async fn bring(
    State(service): State<Arc<Service>>,
    Extension(identity): Extension<Option<Identity>>,
    Path(id): Path<String>,
    Asked(BringRequest { profile }): Asked<BringRequest>,
) -> Result<Json<ProfileView>, Problem> {
    let id = own(&service, &id, identity.as_ref())?.id;
    let none = || of_shoppers(ShoppersError::NotFound { what: "profile" });
    let profile: ProfileId = qr::shown(&profile).parse().map_err(|_| none())?;
    let brought = blocking(move || {
        let brought = service.concierge.shoppers().bring_profile(&id, &profile, now());
        brought.map_err(ConciergeError::Shoppers)
    });
    Ok(Json(brought.await?.into()))
}

/// `GET /store/v1/conversations/{id}/profile`.
pub(in crate::api) async fn show(
    State(service): State<Arc<Service>>,
    Extension(identity): Extension<Option<Identity>>,
    Path(id): Path<String>,
) -> Result<Json<ProfileView>, Problem> {
    let profile = own(&service, &id, identity.as_ref())?.profile;
    let none = || of_shoppers(ShoppersError::NotFound { what: "profile" });
    Ok(Json(profile.ok_or_else(none)?.into()))
}

/// `DELETE /store/v1/conversations/{id}/profile`.
pub(in crate::api) async fn leave(
    State(service): State<Arc<Service>>,
    Extension(identity): Extension<Option<Identity>>,
    Path(id): Path<String>,
) -> Result<Json<Receipt>, Problem> {
    let id = own(&service, &id, identity.as_ref())?.id;
    let left = blocking(move || {
        service.concierge.shoppers().leave_profile(&id, now()).map_err(ConciergeError::Shoppers)
    });
    Ok(Json(left.await?.into()))
}

/// `POST /store/v1/profiles`: one that outlives conversations. Its id is the shopper's secret.
pub(in crate::api) async fn keep(
    State(service): State<Arc<Service>>,
    Asked(request): Asked<ProfileRequest>,
) -> Result<Response, Problem> {
    let consent = consent(&request)?;
    let kept = blocking(move || {
        let kept = service.concierge.shoppers().keep_profile(request.fields(), consent, now());
        kept.map_err(ConciergeError::Shoppers)
    });
    Ok((StatusCode::CREATED, Json(ProfileView::made(kept.await?))).into_response())
}

/// `DELETE /store/v1/profiles/{id}`: whoever has the id may.
pub(in crate::api) async fn erase(
    State(service): State<Arc<Service>>,
    Path(id): Path<String>,
) -> Result<Json<Receipt>, Problem> {
    let none = || of_shoppers(ShoppersError::NotFound { what: "profile" });
    let id: ProfileId = id.parse().map_err(|_| none())?;
    let erased = blocking(move || {
        service.concierge.shoppers().erase_profile(&id, now()).map_err(ConciergeError::Shoppers)
    });
    Ok(Json(erased.await?.into()))
}

fn consent(request: &ProfileRequest) -> Result<Consent, Problem> {
    match request.consent {
        true => Ok(Consent { at: now() }),
        false => Err(Problem::invalid("consent: nothing is kept of whom does not agree")
            .param("consent")
            .code("invalid_value")),
    }
}
