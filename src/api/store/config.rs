//! The settings in force, and what is laid over them for a while.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::json::Asked;
use crate::api::service::Service;
use crate::http::{Identity, Kind, Problem};
use crate::skills::language::Language;

/// When to come back to a box that does not know the time: HQ tells it with the next answer.
const CLOCK_WAIT: Duration = Duration::from_secs(60);

/// Who knows the settings in force, and lays something over them.
pub trait Settings: Send + Sync {
    /// How it stands with them.
    fn view(&self) -> BoxFuture<'_, Result<ConfigView, SettingsError>>;

    /// Lays settings on top, in place of what was laid before. `by` is the id of the asker's token.
    fn lay(&self, by: &str, over: OverrideRequest) -> BoxFuture<'_, Result<(), SettingsError>>;

    /// Takes them away again; `false` where there were none.
    fn lift(&self, by: &str) -> BoxFuture<'_, Result<bool, SettingsError>>;
}

/// Why settings are not told or laid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// A box that follows no HQ has its file only.
    #[error("this box follows no HQ; its settings are those of its configuration file")]
    NoHq,
    /// A lease has no beginning.
    #[error("the time is not known, so no lease can begin")]
    ClockUnknown,
    /// A field of the request.
    #[error("{field}: {why}")]
    Refused {
        /// Which, as `settings.cache.ask`.
        field: String,
        /// Why not.
        why: String,
    },
    /// The disk, or a fault of ours.
    #[error("{0}")]
    Failed(String),
}

/// The settings in force. Moments are milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Default, Serialize, JsonSchema)]
pub struct ConfigView {
    /// Every setting that may change while the server runs, by name.
    pub settings: Vec<SettingView>,
    /// HQ's document, where there is one.
    pub hq: Option<HqSettings>,
    /// What somebody in the store laid over it.
    #[serde(rename = "override")]
    pub local: Option<OverrideView>,
}

/// One setting in force.
#[derive(Debug, Clone, PartialEq, Default, Serialize, JsonSchema)]
pub struct SettingView {
    /// Its name, as `log_level` or `cache.ask`.
    pub name: String,
    /// Its value; `null` where nobody limits anything.
    pub value: serde_json::Value,
    /// `default`, `file` (the environment and flags included), `hq` or `override`.
    pub layer: &'static str,
    /// The version of HQ's document that it is from.
    pub version: Option<u64>,
    /// Who laid it on top, why, and until when it holds.
    #[serde(rename = "override")]
    pub local: Option<OverrideView>,
}

/// HQ's document.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct HqSettings {
    /// The version in force.
    pub version: Option<u64>,
    /// What of it this program cannot do, and why.
    pub not_in_force: BTreeMap<String, String>,
    /// A newer version that could not be read, and why.
    pub refused: Option<RefusedSettings>,
}

/// A document that changed nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct RefusedSettings {
    /// Its version.
    pub version: u64,
    /// What is wrong with it.
    pub why: String,
}

/// What lies on top for a while.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct OverrideView {
    /// Who laid it.
    pub owner: String,
    /// Why.
    pub reason: String,
    /// When it ends by itself.
    pub until_ms: u64,
}

/// What is to be laid on top.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OverrideRequest {
    /// Who lays it, for people; at most 128 bytes.
    pub owner: String,
    /// Why, for people; at most 1024 bytes.
    pub reason: String,
    /// After how many seconds it ends by itself; at most 30 days.
    pub lease_s: u64,
    /// What it sets. What it does not set stays as HQ has it.
    pub settings: OverrideSettings,
}

/// Settings that may be laid on top.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OverrideSettings {
    /// Terms that no generated text may have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blocked_terms: Option<Vec<String>>,
    /// The language of questions that do not tell theirs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_language: Option<Language>,
    /// Which kept answers `chat`, `copy` and `ask` may give.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub cache: BTreeMap<String, KeptAnswers>,
    /// When bundles may be installed, by the shop's clock; at any time where the list is empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub install_hours: Option<Vec<InstallHours>>,
    /// Bytes that may be fetched over the WAN within 24 hours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wan_bytes_per_day: Option<u64>,
    /// How much is logged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_level: Option<LogLevel>,
}

/// Which kept answers may be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum KeptAnswers {
    /// None.
    Off,
    /// Those of the same question.
    Exact,
    /// Those of questions of the same meaning too.
    Semantic,
}

/// A span of every day, over midnight where it ends before it begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InstallHours {
    /// From, as `22:00`.
    pub from: String,
    /// Until, not included.
    pub until: String,
}

/// How much is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "the names of the log's levels")]
pub enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
}

/// Whether something was taken away.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::api) struct Lifted {
    /// `false` where nothing was there.
    lifted: bool,
}

impl From<SettingsError> for Problem {
    fn from(error: SettingsError) -> Self {
        let message = error.to_string();
        match error {
            SettingsError::NoHq => {
                Self::new(StatusCode::CONFLICT, Kind::InvalidRequestError, message).code("no_hq")
            }
            SettingsError::ClockUnknown => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, Kind::OverloadedError, message)
                    .code("clock_unknown")
                    .retry_after(CLOCK_WAIT)
            }
            SettingsError::Refused { field, .. } => {
                Self::invalid(message).param(field).code("invalid_value")
            }
            SettingsError::Failed(cause) => Self::internal(cause),
        }
    }
}

/// `GET /store/v1/config`.
pub(in crate::api) async fn show(
    State(service): State<Arc<Service>>,
) -> Result<Json<ConfigView>, Problem> {
    Ok(Json(service.settings.view().await?))
}

/// `POST /store/v1/config/override`.
pub(in crate::api) async fn lay(
    State(service): State<Arc<Service>>,
    Extension(asker): Extension<Option<Identity>>,
    Asked(over): Asked<OverrideRequest>,
) -> Result<Json<ConfigView>, Problem> {
    service.settings.lay(&token_of(asker), over).await?;
    Ok(Json(service.settings.view().await?))
}

/// `DELETE /store/v1/config/override`.
pub(in crate::api) async fn lift(
    State(service): State<Arc<Service>>,
    Extension(asker): Extension<Option<Identity>>,
) -> Result<Json<Lifted>, Problem> {
    let lifted = service.settings.lift(&token_of(asker)).await?;
    Ok(Json(Lifted { lifted }))
}

fn token_of(asker: Option<Identity>) -> String {
    asker.map(|identity| identity.token_id).unwrap_or_default()
}

/// The settings of a box that follows no HQ.
#[derive(Debug, Clone, Default)]
pub struct OwnSettings(pub ConfigView);

impl Settings for OwnSettings {
    fn view(&self) -> BoxFuture<'_, Result<ConfigView, SettingsError>> {
        Box::pin(std::future::ready(Ok(self.0.clone())))
    }

    fn lay(&self, _: &str, _: OverrideRequest) -> BoxFuture<'_, Result<(), SettingsError>> {
        Box::pin(std::future::ready(Err(SettingsError::NoHq)))
    }

    fn lift(&self, _: &str) -> BoxFuture<'_, Result<bool, SettingsError>> {
        Box::pin(std::future::ready(Err(SettingsError::NoHq)))
    }
}
