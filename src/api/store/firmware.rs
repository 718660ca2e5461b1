//! Small devices: their messages answered, and how each stands to what it should run.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};
use firmware_config::limits::MAX_FRAME_BYTES;
use firmware_config::link::{Frame, Standing, Status};
use schemars::JsonSchema;
use serde::Serialize;

use crate::api::service::Service;
use crate::facts::UnixSeconds;
use crate::firmware::{DeviceName, DeviceState, Firmware, FirmwareError, hex};
use crate::http::{BodyLimits, Identity, Kind, Problem, Role, read_body};

const BYTES: &str = "application/octet-stream";

/// A label, scanner or sensor.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::api) struct SmallDeviceView {
    /// Its name in the profiles.
    name: String,
    /// What it is, as `shelf_label`.
    class: &'static str,
    /// Where it stands.
    zone: Option<String>,
    /// The version of its block.
    desired: u32,
    /// The version that it runs, 0 for none; `null` where it was not heard since the server started.
    running: Option<u32>,
    /// `unheard`, `in_step`, `on_trial`, `behind`, `refused` or `below_floor`.
    standing: &'static str,
    /// Why it would not take its block.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
    /// When it was heard last.
    #[serde(skip_serializing_if = "Option::is_none")]
    heard: Option<String>,
}

/// What devices are bound to.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::api) struct BoundView {
    /// The store, tenant and all.
    store: String,
    /// The key whose blocks devices have to believe, in hexadecimal.
    public_key: String,
}

impl From<DeviceState> for SmallDeviceView {
    fn from(state: DeviceState) -> Self {
        let running = |status: Status| status.running.version();
        let (standing, why) = match state.standing {
            Standing::Unheard | Standing::Unwanted => ("unheard", None),
            Standing::InStep => ("in_step", None),
            Standing::OnTrial => ("on_trial", None),
            Standing::Behind => ("behind", None),
            Standing::Refused(why) => ("refused", Some(why.to_string())),
            Standing::BelowFloor(floor) => {
                ("below_floor", Some(format!("it takes no version up to {floor}")))
            }
        };
        let heard = state
            .heard_ms
            .map(|ms| UnixSeconds(i64::try_from(ms / 1000).unwrap_or(i64::MAX)).to_string());
        Self {
            name: state.name.to_string(),
            class: state.class.name(),
            zone: state.zone,
            desired: state.desired,
            running: state.reported.map(running),
            standing,
            why,
            heard,
        }
    }
}

/// `POST /store/v1/devices/{id}/frames`.
pub(in crate::api) async fn hear(
    State(service): State<Arc<Service>>,
    Extension(asker): Extension<Option<Identity>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let name = own_name(&id, asker.as_ref())?;
    let limits = BodyLimits { bytes: MAX_FRAME_BYTES, ..service.body };
    let bytes = read_body(&headers, body, limits).await?;
    let firmware = of(&service)?.clone();
    // A device that has seen more than this box gets another block, which waits for the disk.
    let heard = move || -> Result<Option<Frame>, Problem> {
        let message = Frame::parse(&bytes)
            .map_err(|fault| Problem::invalid(fault.to_string()).code("invalid_frame"))?;
        firmware.hear(&name, &message).map_err(refused)
    };
    let answer = tokio::task::spawn_blocking(heard).await.map_err(Problem::internal)??;
    Ok(match answer {
        Some(frame) => ([(CONTENT_TYPE, BYTES)], frame.bytes().to_vec()).into_response(),
        None => StatusCode::NO_CONTENT.into_response(),
    })
}

/// `GET /store/v1/devices/{id}/block`.
pub(in crate::api) async fn block(
    State(service): State<Arc<Service>>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let name = DeviceName::parse(&id).map_err(|_| refused(FirmwareError::Unknown(id)))?;
    let block = of(&service)?.block(&name).map_err(refused)?;
    Ok(([(CONTENT_TYPE, BYTES)], block).into_response())
}

/// `GET /store/v1/firmware`.
pub(in crate::api) async fn bound(
    State(service): State<Arc<Service>>,
) -> Result<Json<BoundView>, Problem> {
    let firmware = of(&service)?;
    let public_key = hex(&firmware.public_key());
    Ok(Json(BoundView { store: firmware.store().to_owned(), public_key }))
}

/// The name of the device that asks. A token of role device is for the device it was given to, and others
/// do not exist for it.
fn own_name(id: &str, asker: Option<&Identity>) -> Result<DeviceName, Problem> {
    let own = asker.and_then(|asker| asker.device.as_ref()).map(|device| device.name.as_str());
    let is_device = asker.is_some_and(|asker| asker.role == Role::Device);
    let unknown = || refused(FirmwareError::Unknown(id.chars().take(60).collect()));
    if is_device && own != Some(id) {
        return Err(unknown());
    }
    DeviceName::parse(id).map_err(|_| unknown())
}

fn of(service: &Service) -> Result<&Firmware, Problem> {
    service.firmware.as_ref().ok_or_else(|| {
        let message =
            "this box has no small devices; [firmware] of its configuration names a store";
        Problem::new(StatusCode::NOT_FOUND, Kind::InvalidRequestError, message)
            .code("no_small_devices")
    })
}

fn refused(error: FirmwareError) -> Problem {
    match error {
        FirmwareError::Unknown(_) => {
            let message = error.to_string();
            Problem::new(StatusCode::NOT_FOUND, Kind::InvalidRequestError, message)
                .code("unknown_device")
        }
        error => Problem::internal(error),
    }
}

#[cfg(test)]
mod tests {
    use firmware_config::Running;

    use super::*;
    use crate::http::Device;

    fn asker(role: Role, name: Option<&str>) -> Identity {
        let device = name.map(|name| Device {
            name: name.to_owned(),
            class: "shelf-label".to_owned(),
            zone: None,
        });
        Identity { token_id: "tok_1".to_owned(), role, device }
    }

    #[test]
    fn a_device_speaks_under_its_own_name_only() {
        for (role, given_to, may) in [
            (Role::Device, Some("label-17"), true),
            (Role::Device, Some("label-18"), false),
            (Role::Device, None, false),
            (Role::Admin, None, true),
        ] {
            let found = own_name("label-17", Some(&asker(role, given_to)));
            assert_eq!(found.is_ok(), may, "{role} {given_to:?}");
        }
        assert!(own_name("../label", Some(&asker(Role::Admin, None))).is_err());
    }

    #[test]
    fn a_refusal_says_why() {
        let state = DeviceState {
            name: DeviceName::parse("label-17").unwrap(),
            class: firmware_config::Class::ShelfLabel,
            zone: None,
            desired: 7,
            reported: Some(Status {
                running: Running::Confirmed(6),
                crc: 1,
                floor: 6,
                complete: None,
                refused: None,
            }),
            standing: Standing::Refused(firmware_config::Refusal::Forged),
            heard_ms: Some(1_790_000_000_000),
        };
        let view = serde_json::to_value(SmallDeviceView::from(state)).unwrap();
        assert_eq!((view["running"].as_u64(), view["desired"].as_u64()), (Some(6), Some(7)));
        assert_eq!(view["standing"], "refused");
        assert_eq!(view["why"], "no believed key signed it");
    }
}
