//! Devices of the shop: paired by a code, listed and revoked.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::firmware::SmallDeviceView;
use crate::api::json::Asked;
use crate::api::service::Service;
use crate::facts::UnixSeconds;
use crate::firmware::Firmware;
use crate::http::{
    self, Code, Device, Identity, Kind, Offer, PairingError, Problem, Role, TokenError, TokenInfo,
};

/// What the device that shows the code will be.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct CodeRequest {
    /// What it is, as `kiosk`, `handheld` or `mirror`.
    class: String,
    /// Where it stands, as `entrance`.
    #[serde(default)]
    zone: Option<String>,
    /// `client` or `associate`.
    role: Role,
}

/// A code to be shown on the device within its time.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::api) struct CodeView {
    /// As `7KQ2-M4XD`; counts once.
    code: String,
    /// When it ends.
    expires: String,
}

/// A device shows its code.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct PairRequest {
    /// As it was shown; dashes, spaces and case do not matter.
    code: String,
    /// What people call the device.
    name: String,
}

/// A device that is one of the shop's now.
#[derive(Serialize, JsonSchema)]
pub(in crate::api) struct Paired {
    /// Its token, told this once. A browser has it as a cookie, too, and need not keep it.
    token: String,
    /// What it is.
    device: DeviceView,
}

/// A device.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::api) struct DeviceView {
    /// Its token's id.
    id: String,
    /// What people call it.
    name: String,
    /// What it is; `null` for a token that no device was paired with.
    class: Option<String>,
    /// Where it stands.
    zone: Option<String>,
    /// What it may.
    role: Role,
    /// Since when.
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<String>,
}

/// Every device.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::api) struct Devices {
    /// Those that were paired, oldest first.
    devices: Vec<DeviceView>,
    /// Labels, scanners and sensors that a profile names, by name.
    small: Vec<SmallDeviceView>,
}

/// A device that is none any more.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::api) struct Revoked {
    /// Its token's id.
    revoked: String,
}

impl DeviceView {
    fn new(id: String, role: Role, device: Device, since: Option<u64>) -> Self {
        let Device { name, class, zone } = device;
        Self { id, name, class: Some(class), zone, role, since: since.map(moment) }
    }

    fn of(token: TokenInfo) -> Option<Self> {
        let TokenInfo { id, role, created, device, .. } = token;
        Some(Self::new(id, role, device?, Some(created)))
    }
}

/// `POST /store/v1/devices/codes`.
pub(in crate::api) async fn offer(
    State(service): State<Arc<Service>>,
    Extension(asker): Extension<Option<Identity>>,
    Asked(CodeRequest { class, zone, role }): Asked<CodeRequest>,
) -> Result<Json<CodeView>, Problem> {
    let about = [("class", json!(class)), ("zone", json!(zone)), ("role", json!(role))];
    service.write_down(asker.as_ref(), "device.code", about).await?;
    let made = service.pairing.offer(Offer { class, zone, role });
    let Code { code, expires } = made.map_err(of_pairing)?;
    Ok(Json(CodeView { code, expires: moment(expires) }))
}

/// `POST /store/v1/pair`.
pub(in crate::api) async fn pair(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    Asked(PairRequest { code, name }): Asked<PairRequest>,
) -> Result<Response, Problem> {
    let pairing = Arc::clone(&service.pairing);
    let paired = tokio::task::spawn_blocking(move || pairing.pair(&code, &name)).await;
    let (made, role, device) = paired.map_err(Problem::internal)?.map_err(of_pairing)?;
    let cookie = http::device_cookie(&made.token, &headers);
    let device = DeviceView::new(made.id, role, device, None);
    let answer = Json(Paired { token: made.token, device });
    Ok(with_cookie(answer.into_response(), cookie))
}

/// `GET /store/v1/devices`.
pub(in crate::api) async fn list(State(service): State<Arc<Service>>) -> Json<Devices> {
    let devices = service.tokens.list().into_iter().filter_map(DeviceView::of).collect();
    let small = service.firmware.as_ref().map(Firmware::devices).unwrap_or_default();
    Json(Devices { devices, small: small.into_iter().map(SmallDeviceView::from).collect() })
}

/// `DELETE /store/v1/devices/{id}`.
pub(in crate::api) async fn revoke(
    State(service): State<Arc<Service>>,
    Extension(asker): Extension<Option<Identity>>,
    Path(id): Path<String>,
) -> Result<Json<Revoked>, Problem> {
    service.write_down(asker.as_ref(), "device.revoke", [("token", json!(id))]).await?;
    forget(&service, &id).await?;
    Ok(Json(Revoked { revoked: id }))
}

/// `GET /store/v1/device`.
pub(in crate::api) async fn own(
    Extension(asker): Extension<Option<Identity>>,
) -> Result<Json<DeviceView>, Problem> {
    let Identity { token_id, role, device } = asker.ok_or_else(|| Problem::internal("nobody"))?;
    Ok(Json(match device {
        Some(device) => DeviceView::new(token_id, role, device, None),
        None => {
            let name = token_id.clone();
            DeviceView { id: token_id, name, class: None, zone: None, role, since: None }
        }
    }))
}

/// `DELETE /store/v1/device`.
pub(in crate::api) async fn leave(
    State(service): State<Arc<Service>>,
    Extension(asker): Extension<Option<Identity>>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let Identity { token_id, device, .. } = asker.ok_or_else(|| Problem::internal("nobody"))?;
    if device.is_none() {
        let message = "this token was not given to a device; `endcap token revoke` takes it away";
        return Err(Problem::new(StatusCode::CONFLICT, Kind::InvalidRequestError, message)
            .code("not_a_device"));
    }
    forget(&service, &token_id).await?;
    let answer = Json(Revoked { revoked: token_id }).into_response();
    Ok(with_cookie(answer, http::no_device_cookie(&headers)))
}

/// As RFC 3339 has it.
fn moment(seconds: u64) -> String {
    UnixSeconds(i64::try_from(seconds).unwrap_or(i64::MAX)).to_string()
}

async fn forget(service: &Service, id: &str) -> Result<(), Problem> {
    let (pairing, wanted) = (Arc::clone(&service.pairing), id.to_owned());
    let done = tokio::task::spawn_blocking(move || pairing.revoke(&wanted)).await;
    match done.map_err(Problem::internal)? {
        Err(TokenError::UnknownDevice(_) | TokenError::Unknown(_)) => Err(unknown(id)),
        other => other.map_err(Problem::internal),
    }
}

fn unknown(id: &str) -> Problem {
    let shown: String = id.chars().take(60).collect();
    let message = format!("there is no device {shown}");
    Problem::new(StatusCode::NOT_FOUND, Kind::InvalidRequestError, message).code("unknown_device")
}

fn with_cookie(mut response: Response, cookie: Option<HeaderValue>) -> Response {
    if let Some(cookie) = cookie {
        response.headers_mut().insert(SET_COOKIE, cookie);
    }
    response
}

fn of_pairing(error: PairingError) -> Problem {
    let message = error.to_string();
    match error {
        PairingError::Unknown => {
            Problem::new(StatusCode::FORBIDDEN, Kind::PermissionError, message).code("unknown_code")
        }
        PairingError::Guessing { wait } => busy(message).code("too_many_guesses").retry_after(wait),
        PairingError::TooMany => busy(message).code("too_many_codes").retry_after(http::CODE_LIFE),
        PairingError::Role(_) => Problem::invalid(message).param("role").code("invalid_value"),
        PairingError::Device(error) => {
            Problem::invalid(message).param(error.field()).code("invalid_value")
        }
        PairingError::Token(error) => Problem::internal(error),
    }
}

fn busy(message: String) -> Problem {
    Problem::new(StatusCode::TOO_MANY_REQUESTS, Kind::OverloadedError, message)
}
