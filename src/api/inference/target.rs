//! Which model a path asks for.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequestParts, Path};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::Deserialize;

use crate::api::error::{of_shelf, unknown_model};
use crate::api::service::{Served, Service};
use crate::api::shelf::{Lease, Shelved};
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
    pub(super) async fn find(&self, service: &Service) -> Result<Lease, Problem> {
        let lease = service.model(&self.model).await?;
        self.check_version(lease.served().name(), lease.served().version())?;
        Ok(lease)
    }

    /// What is known of the model without loading it; of an alias, of its first package.
    pub(super) async fn look(&self, service: &Service) -> Result<Shelved, Problem> {
        let aliases = service.shelf.aliases();
        let alias = aliases.iter().find(|alias| alias.name == self.model);
        let share = alias.and_then(|alias| alias.shares.first());
        let name = share.map_or(self.model.as_str(), |share| share.package.as_str());
        let look = || -> (Vec<_>, Vec<_>) {
            service.shelf.list().into_iter().partition(|shelved| shelved.name == name)
        };
        let (mut found, mut others) = look();
        if found.is_empty() {
            // It may have been installed meanwhile.
            service.shelf.look_again().await.map_err(of_shelf)?;
            (found, others) = look();
        }
        let Some(shelved) = found.pop() else {
            let others: Vec<String> = others.into_iter().map(|shelved| shelved.name).collect();
            return Err(unknown_model(name, others.iter()));
        };
        self.check_version(&shelved.name, &shelved.about.version)?;
        Ok(shelved)
    }

    fn check_version(&self, name: &str, version: &str) -> Result<(), Problem> {
        match &self.version {
            Some(asked) if asked != version => Err(other_version(name, version, asked)),
            _ => Ok(()),
        }
    }
}

/// The model of a package where it is in memory, to look at and not to use.
pub(super) fn loaded(service: &Service, shelved: &Shelved) -> Option<Served> {
    service.shelf.loaded().into_iter().find(|served| served.name() == shelved.name)
}

fn other_version(name: &str, version: &str, asked: &str) -> Problem {
    let asked: String = asked.chars().take(100).collect();
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
