//! Which model a path asks for.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequestParts, Path};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::Deserialize;

use crate::api::service::{Served, Service};
use crate::http::{Kind, Problem};

/// A model, and a version of it where the path has one.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(in crate::api) struct Target {
    model: String,
    #[serde(default)]
    version: Option<String>,
}

impl Target {
    /// The model; 404 where it is not served, or not in this version.
    pub(super) async fn find(&self, service: &Service) -> Result<Served, Problem> {
        let served = service.model(&self.model).await?;
        match &self.version {
            Some(asked) if asked != served.version() => Err(other_version(&served, asked)),
            _ => Ok(served),
        }
    }
}

fn other_version(served: &Served, asked: &str) -> Problem {
    let asked: String = asked.chars().take(100).collect();
    let (name, version) = (served.name(), served.version());
    let message = format!("the model `{name}` is served in version `{version}`, not `{asked}`");
    Problem::new(StatusCode::NOT_FOUND, Kind::InvalidRequestError, message)
        .param("model_version")
        .code("version_not_found")
}

impl FromRequestParts<Arc<Service>> for Target {
    type Rejection = Problem;

    async fn from_request_parts(
        parts: &mut Parts,
        service: &Arc<Service>,
    ) -> Result<Self, Problem> {
        let path = Path::<Self>::from_request_parts(parts, service).await;
        let Path(target) = path
            .map_err(|error: PathRejection| Problem::invalid(error.body_text()).param("model"))?;
        Ok(target)
    }
}
