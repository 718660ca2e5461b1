//! Who is asking, and who may.

use std::fmt;
use std::str::FromStr;

use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, StatusCode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::cookie;
use super::device::Device;
use super::problem::{Kind, Problem};
use super::tokens::Tokens;

/// What a token's holder is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
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
    /// A person of the shop with a handheld: may do what a client may, and answer shoppers.
    Associate,
    /// A label, scanner or sensor: may ask what it should run.
    Device,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 6] =
        [Self::Admin, Self::Client, Self::Metrics, Self::Feed, Self::Associate, Self::Device];

    /// Its name in files and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Client => "client",
            Self::Metrics => "metrics",
            Self::Feed => "feed",
            Self::Associate => "associate",
            Self::Device => "device",
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
#[error("`{0}` is not a role; there are admin, client, metrics, feed, associate and device")]
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
    /// Clients, associates and admins.
    Client,
    /// Clients, associates, feeds and admins.
    ClientOrFeed,
    /// Associates and admins.
    Associate,
    /// Feeds and admins.
    Feed,
    /// Small devices and admins.
    Device,
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
    /// The device that it was given to, where it was paired.
    pub device: Option<Device>,
}

impl Access {
    /// Whether this role may.
    pub fn admits(self, role: Role) -> bool {
        self.roles().is_none_or(|roles| roles.contains(&role))
    }

    /// Who may; `None` is everybody, without a token.
    pub fn roles(self) -> Option<&'static [Role]> {
        match self {
            Self::Public => None,
            Self::Client => Some(&[Role::Client, Role::Associate, Role::Admin]),
            Self::ClientOrFeed => Some(&[Role::Client, Role::Associate, Role::Feed, Role::Admin]),
            Self::Associate => Some(&[Role::Associate, Role::Admin]),
            Self::Feed => Some(&[Role::Feed, Role::Admin]),
            Self::Device => Some(&[Role::Device, Role::Admin]),
            Self::Metrics => Some(&[Role::Metrics, Role::Admin]),
            Self::Admin => Some(&[Role::Admin]),
        }
    }

    /// Finds out who asks and whether they may. Public routes do not look at tokens. A browser that was paired
    /// shows its token as a cookie, which counts only for what a page of this server asks for.
    pub fn check(self, headers: &HeaderMap, tokens: &Tokens) -> Result<Option<Identity>, Problem> {
        if self == Self::Public {
            return Ok(None);
        }
        let token = shown(headers)?;
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

/// The token in either place. A header that was written on purpose goes before what a browser adds.
fn shown(headers: &HeaderMap) -> Result<&str, Problem> {
    if headers.contains_key(AUTHORIZATION) {
        return bearer(headers);
    }
    match cookie::token(headers) {
        Some(token) if cookie::is_same_origin(headers) => Ok(token),
        Some(_) if cookie::is_untold(headers) => Err(Problem::unauthenticated(
            "this browser does not say which page asks, as none does that got the page over plain HTTP \
             from another machine: open it over https:// (README, Devices: TLS that browsers trust)",
        )
        .code("insecure_page")),
        Some(_) => Err(Problem::unauthenticated(
            "a device's cookie counts only for what a page of this server asks for",
        )
        .code("cross_origin")),
        None => bearer(headers),
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
            .with_fixed("a-feed", Role::Feed, "fixed")
            .with_fixed("an-associate", Role::Associate, "fixed")
            .with_fixed("a-label", Role::Device, "fixed");
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
        for (header, public, client, either, associate, feed, metrics, device, admin) in [
            (None, 200, 401, 401, 401, 401, 401, 401, 401),
            (Some("Bearer nobody"), 200, 401, 401, 401, 401, 401, 401, 401),
            (Some("Bearer "), 200, 401, 401, 401, 401, 401, 401, 401),
            (Some("Basic the-admin"), 200, 401, 401, 401, 401, 401, 401, 401),
            (Some("Bearer a-client"), 200, 200, 200, 403, 403, 403, 403, 403),
            (Some("bearer a-client"), 200, 200, 200, 403, 403, 403, 403, 403),
            (Some("Bearer an-associate"), 200, 200, 200, 200, 403, 403, 403, 403),
            (Some("Bearer a-collector"), 200, 403, 403, 403, 403, 200, 403, 403),
            (Some("Bearer a-feed"), 200, 403, 200, 403, 200, 403, 403, 403),
            (Some("Bearer a-label"), 200, 403, 403, 403, 403, 403, 200, 403),
            (Some("Bearer the-admin"), 200, 200, 200, 200, 200, 200, 200, 200),
        ] {
            let table = [
                (Access::Public, public),
                (Access::Client, client),
                (Access::ClientOrFeed, either),
                (Access::Associate, associate),
                (Access::Feed, feed),
                (Access::Metrics, metrics),
                (Access::Device, device),
                (Access::Admin, admin),
            ];
            for (access, expected) in table {
                assert_eq!(status(access, header), expected, "{access:?} {header:?}");
            }
        }
    }

    #[test]
    fn a_cookie_counts_only_for_what_a_page_of_this_server_asks_for() {
        let tokens = Tokens::in_memory().with_fixed("a-client", Role::Client, "fixed").with_fixed(
            "the-admin",
            Role::Admin,
            "fixed",
        );
        for (headers, status) in [
            (&[("cookie", "endcap_device=a-client"), ("sec-fetch-site", "same-origin")][..], 200),
            (&[("cookie", "a=b; endcap_device=a-client"), ("sec-fetch-site", "same-origin")], 200),
            (&[("cookie", "endcap_device=a-client"), ("sec-fetch-site", "same-site")], 401),
            (&[("cookie", "endcap_device=a-client"), ("sec-fetch-site", "cross-site")], 401),
            (&[("cookie", "endcap_device=a-client"), ("sec-fetch-site", "none")], 401),
            (&[("cookie", "endcap_device=a-client")], 401),
            (
                &[
                    ("cookie", "endcap_device=a-client"),
                    ("origin", "http://box:8080"),
                    ("host", "box:8080"),
                ],
                200,
            ),
            (
                &[
                    ("cookie", "endcap_device=a-client"),
                    ("origin", "http://box:9090"),
                    ("host", "box:8080"),
                ],
                401,
            ),
            (
                // What the browser says of where it comes from counts for more than a header it can be made to send.
                &[
                    ("cookie", "endcap_device=a-client"),
                    ("sec-fetch-site", "cross-site"),
                    ("origin", "http://box:8080"),
                    ("host", "box:8080"),
                ],
                401,
            ),
            (
                &[
                    ("cookie", "endcap_device=a-client; endcap_device=the-admin"),
                    ("sec-fetch-site", "same-origin"),
                ],
                401,
            ),
            (
                &[
                    ("authorization", "Bearer nobody"),
                    ("cookie", "endcap_device=a-client"),
                    ("sec-fetch-site", "same-origin"),
                ],
                401,
            ),
        ] {
            let map: HeaderMap = headers
                .iter()
                .map(|(name, value)| {
                    (
                        name.parse::<axum::http::HeaderName>().unwrap(),
                        HeaderValue::from_static(value),
                    )
                })
                .collect();
            let found = Access::Client.check(&map, &tokens);
            let told = found.map_or_else(|problem| problem.status().as_u16(), |_| 200);
            assert_eq!(told, status, "{headers:?}");
        }
    }

    #[test]
    fn a_page_that_came_over_plain_http_from_elsewhere_is_told_what_to_do() {
        let tokens = Tokens::in_memory().with_fixed("a-client", Role::Client, "fixed");
        let cookie = ("cookie", "endcap_device=a-client");
        for (more, code) in
            [(None, "insecure_page"), (Some(("sec-fetch-site", "cross-site")), "cross_origin")]
        {
            let headers = [Some(cookie), more].into_iter().flatten().map(|(name, value)| {
                (axum::http::HeaderName::from_static(name), HeaderValue::from_static(value))
            });
            let problem = Access::Client.check(&headers.collect(), &tokens).unwrap_err();
            let body = serde_json::to_value(problem.body()).unwrap();
            assert_eq!(body["code"], code, "{body}");
            let says = body["message"].as_str().unwrap();
            assert_eq!(says.contains("https://"), more.is_none(), "{says}");
        }
    }
}
