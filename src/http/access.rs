//! Who is asking, and who may.

use std::fmt;
use std::str::FromStr;

use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};

use super::problem::{Kind, Problem};
use super::tokens::Tokens;

/// What a token's holder is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// May do everything.
    Admin,
    /// A kiosk, mirror, handheld or program: may ask models.
    Client,
    /// A collector: may read metrics.
    Metrics,
    /// A feed: may write and read the shop's facts.
    Feed,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 4] = [Self::Admin, Self::Client, Self::Metrics, Self::Feed];

    /// Its name in files and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Client => "client",
            Self::Metrics => "metrics",
            Self::Feed => "feed",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Text that names no role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a role; there are admin, client, metrics and feed")]
pub struct ParseRoleError(String);

impl FromStr for Role {
    type Err = ParseRoleError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let role = Self::ALL.into_iter().find(|role| role.name() == text);
        role.ok_or_else(|| ParseRoleError(text.to_owned()))
    }
}

/// Who may use a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Everybody, without a token.
    Public,
    /// Clients and admins.
    Client,
    /// Clients, feeds and admins.
    ClientOrFeed,
    /// Feeds and admins.
    Feed,
    /// Collectors and admins.
    Metrics,
    /// Admins.
    Admin,
}

/// Who is asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Id of the token that was shown; not the token.
    pub token_id: String,
    /// What its holder is.
    pub role: Role,
}

impl Access {
    /// Whether this role may.
    pub fn admits(self, role: Role) -> bool {
        match self {
            Self::Public => true,
            Self::Client => matches!(role, Role::Client | Role::Admin),
            Self::ClientOrFeed => matches!(role, Role::Client | Role::Feed | Role::Admin),
            Self::Feed => matches!(role, Role::Feed | Role::Admin),
            Self::Metrics => matches!(role, Role::Metrics | Role::Admin),
            Self::Admin => role == Role::Admin,
        }
    }

    /// Finds out who asks and whether they may. Public routes do not look at tokens.
    pub fn check(self, headers: &HeaderMap, tokens: &Tokens) -> Result<Option<Identity>, Problem> {
        if self == Self::Public {
            return Ok(None);
        }
        let token = bearer(headers)?;
        let identity = tokens.verify(token).ok_or_else(|| {
            Problem::unauthenticated("the bearer token is not valid here, or was revoked")
        })?;
        if !self.admits(identity.role) {
            let message = format!("a token of role {} may not use this route", identity.role);
            return Err(Problem::new(StatusCode::FORBIDDEN, Kind::PermissionError, message)
                .code("insufficient_role"));
        }
        Ok(Some(identity))
    }
}

fn bearer(headers: &HeaderMap) -> Result<&str, Problem> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        let message = "this route needs one header `Authorization: Bearer TOKEN`";
        return Err(Problem::unauthenticated(message));
    };
    value
        .to_str()
        .ok()
        .and_then(|text| text.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim())
        .filter(|token| !token.is_empty())
        .ok_or_else(|| {
            Problem::unauthenticated("the authorization header is not of the form `Bearer TOKEN`")
        })
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn each_role_gets_what_it_is_for_and_no_more() {
        let tokens = Tokens::in_memory()
            .with_fixed("the-admin", Role::Admin, "fixed")
            .with_fixed("a-client", Role::Client, "fixed")
            .with_fixed("a-collector", Role::Metrics, "fixed")
            .with_fixed("a-feed", Role::Feed, "fixed");
        let status = |access: Access, header: Option<&str>| {
            let headers = header
                .map(|h| (AUTHORIZATION, HeaderValue::from_str(h).unwrap()))
                .into_iter()
                .collect();
            match access.check(&headers, &tokens) {
                Ok(_) => 200,
                Err(problem) => problem.status().as_u16(),
            }
        };
        for (header, public, client, either, feed, metrics, admin) in [
            (None, 200, 401, 401, 401, 401, 401),
            (Some("Bearer nobody"), 200, 401, 401, 401, 401, 401),
            (Some("Bearer "), 200, 401, 401, 401, 401, 401),
            (Some("Basic the-admin"), 200, 401, 401, 401, 401, 401),
            (Some("Bearer a-client"), 200, 200, 200, 403, 403, 403),
            (Some("bearer a-client"), 200, 200, 200, 403, 403, 403),
            (Some("Bearer a-collector"), 200, 403, 403, 403, 200, 403),
            (Some("Bearer a-feed"), 200, 403, 200, 200, 403, 403),
            (Some("Bearer the-admin"), 200, 200, 200, 200, 200, 200),
        ] {
            let table = [
                (Access::Public, public),
                (Access::Client, client),
                (Access::ClientOrFeed, either),
                (Access::Feed, feed),
                (Access::Metrics, metrics),
                (Access::Admin, admin),
            ];
            for (access, expected) in table {
                assert_eq!(status(access, header), expected, "{access:?} {header:?}");
            }
        }
    }
}
