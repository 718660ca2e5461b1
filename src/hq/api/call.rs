//! A request that was admitted.

use std::str::FromStr;

use axum::body::Body;
use axum::http::HeaderMap;
use serde::de::DeserializeOwned;

use super::json;
use crate::hq::acts::Actor;
use crate::http::{BodyLimits, Problem, read_body, require_json};
use crate::protocol::{Label, Place, StoreName};

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Caller {
    /// Nobody in particular.
    Anybody,
    /// A user.
    User(Actor),
    /// A node, by the token that it got when it was enrolled, and its certificate where HQ sees that.
    Node(Place),
}

/// A request whose caller may do it.
pub(super) struct Call {
    pub(super) caller: Caller,
    pub(super) params: Vec<(String, String)>,
    pub(super) query: Vec<(String, String)>,
    pub(super) headers: HeaderMap,
    pub(super) body: Body,
}

impl Call {
    /// The user who asks; a route that anybody may use has none.
    pub(super) fn actor(&self) -> Result<&Actor, Problem> {
        match &self.caller {
            Caller::User(actor) => Ok(actor),
            _ => Err(Problem::internal("a route without users asks who its user is")),
        }
    }

    /// The node that asks.
    pub(super) fn node(&self) -> Result<&Place, Problem> {
        match &self.caller {
            Caller::Node(place) => Ok(place),
            _ => Err(Problem::internal("a route without nodes asks who its node is")),
        }
    }

    /// A part of the path, as a value.
    pub(super) fn param<T: FromStr>(&self, name: &str) -> Result<T, Problem>
    where
        T::Err: std::fmt::Display,
    {
        let text = self.params.iter().find(|(known, _)| known == name);
        let text = text.map(|(_, text)| text.as_str()).unwrap_or_default();
        value(name, text)
    }

    pub(super) fn tenant(&self) -> Result<Label, Problem> {
        self.param("tenant")
    }

    /// The box that the path names.
    pub(super) fn place(&self) -> Result<Place, Problem> {
        let (tenant, store): (Label, StoreName) = (self.tenant()?, self.param("store")?);
        Ok(Place { tenant, store, node: self.param("node")? })
    }

    /// A field of the query, where it is there.
    pub(super) fn asked<T: FromStr>(&self, name: &str) -> Result<Option<T>, Problem>
    where
        T::Err: std::fmt::Display,
    {
        let found = self.query.iter().find(|(known, _)| known == name);
        found.map(|(_, text)| value(name, text)).transpose()
    }

    /// Rows that a page is to have.
    pub(super) fn limit(&self) -> Result<u32, Problem> {
        let limit = self.asked::<u32>("limit")?.unwrap_or(100);
        if !(1..=500).contains(&limit) {
            let message = format!("limit: {limit} is not within 1 to 500");
            return Err(Problem::invalid(message).param("limit").code("invalid_value"));
        }
        Ok(limit)
    }

    /// The body as JSON.
    pub(super) async fn json<T: DeserializeOwned>(self, limits: BodyLimits) -> Result<T, Problem> {
        require_json(&self.headers)?;
        json::parse(&read_body(&self.headers, self.body, limits).await?)
    }
}

fn value<T: FromStr>(name: &str, text: &str) -> Result<T, Problem>
where
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|error: T::Err| {
        Problem::invalid(format!("{name}: {error}")).param(name).code("invalid_value")
    })
}
