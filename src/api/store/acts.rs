//! What persons do to the box, written down before it is done.

use std::time::Duration;

use axum::http::StatusCode;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use serde_json::{Map, Value};

use crate::api::service::Service;
use crate::http::{Identity, Kind, Problem, Role};

/// When to come back where HQ has to take something first.
const ROOM_WAIT: Duration = Duration::from_secs(60);

/// An act of a person.
#[derive(Debug, Clone, PartialEq)]
pub struct Act {
    /// Id of the token that was shown; not the token.
    pub by: String,
    /// What is done, as `cache.purge`.
    pub name: &'static str,
    /// To what.
    pub about: Map<String, Value>,
}

/// Why an act was not written down, and is not to be done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ActError {
    /// More waits for HQ than may.
    #[error("the audit log has no room until HQ has taken what waits; nothing was done")]
    Full,
    /// The box's own fault.
    #[error("{0}")]
    Failed(String),
}

/// Who writes acts down.
pub trait Acts: Send + Sync {
    /// Writes it down, on the disk; where that cannot be, it is not to be done.
    fn write(&self, act: Act) -> BoxFuture<'_, Result<(), ActError>>;
}

/// For a box that nobody audits.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unaudited;

impl Acts for Unaudited {
    fn write(&self, _: Act) -> BoxFuture<'_, Result<(), ActError>> {
        std::future::ready(Ok(())).boxed()
    }
}

impl From<ActError> for Problem {
    fn from(error: ActError) -> Self {
        match error {
            ActError::Full => {
                let (status, message) = (StatusCode::SERVICE_UNAVAILABLE, error.to_string());
                Self::new(status, Kind::OverloadedError, message)
                    .code("audit_full")
                    .retry_after(ROOM_WAIT)
            }
            ActError::Failed(cause) => Self::internal(cause),
        }
    }
}

impl Service {
    /// Writes down what an admin is about to do. What feeds and clients do by the thousand is no act.
    pub(in crate::api) async fn write_down(
        &self,
        asker: Option<&Identity>,
        name: &'static str,
        about: impl IntoIterator<Item = (&'static str, Value)>,
    ) -> Result<(), Problem> {
        let Some(asker) = asker.filter(|asker| asker.role == Role::Admin) else { return Ok(()) };
        let about = about.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let act = Act { by: asker.token_id.clone(), name, about };
        Ok(self.acts.write(act).await?)
    }
}
