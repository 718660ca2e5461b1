//! Templates to pages.

use std::sync::LazyLock;

use axum::http::HeaderValue;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY};
use axum::response::{Html, IntoResponse, Response};
use minijinja::{AutoEscape, Environment, Value};

use crate::hq::clock::now;
use crate::http::Problem;
use crate::units::Bytes;

/// Nothing from elsewhere, nothing inline, in nobody's frame.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; \
    connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
/// Steps that one page may take; a template of ours takes a small part of it.
const FUEL: u64 = 5_000_000;

const TEMPLATES: [(&str, &str); 10] = [
    ("frame.html", include_str!("templates/frame.html")),
    ("login.html", include_str!("templates/login.html")),
    ("fleet.html", include_str!("templates/fleet.html")),
    ("store.html", include_str!("templates/store.html")),
    ("deployments.html", include_str!("templates/deployments.html")),
    ("deployment.html", include_str!("templates/deployment.html")),
    ("parts.html", include_str!("templates/parts.html")),
    ("recalls.html", include_str!("templates/recalls.html")),
    ("problem.html", include_str!("templates/problem.html")),
    ("audit.html", include_str!("templates/audit.html")),
];

static ENVIRONMENT: LazyLock<Result<Environment<'static>, minijinja::Error>> =
    LazyLock::new(environment);

fn environment() -> Result<Environment<'static>, minijinja::Error> {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.set_fuel(Some(FUEL));
    environment.add_filter("ago", |at_ms: u64| ago(at_ms, now().0));
    environment.add_filter("moment", moment);
    environment.add_filter("until", |at_ms: u64| until(at_ms, now().0));
    environment.add_filter("span", span);
    environment.add_filter("bytes", |bytes: u64| Bytes(bytes).to_string());
    environment.add_filter("short", |text: &str| text.chars().take(12).collect::<String>());
    for (name, source) in TEMPLATES {
        environment.add_template(name, source)?;
    }
    Ok(environment)
}

/// A page of this template.
pub(super) fn page(template: &str, values: Value) -> Result<Response, Problem> {
    let environment = ENVIRONMENT.as_ref().map_err(Problem::internal)?;
    let made = environment.get_template(template).and_then(|template| template.render(values));
    Ok(guarded(Html(made.map_err(Problem::internal)?).into_response()))
}

/// The same headers on every page.
pub(super) fn guarded(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

/// A file that belongs to the pages.
pub(super) fn asset(kind: &'static str, text: &'static str) -> Response {
    guarded(([(CONTENT_TYPE, kind)], text).into_response())
}

/// How long ago, for people.
pub(super) fn ago(at_ms: u64, now_ms: u64) -> String {
    if at_ms == 0 {
        return "never".to_owned();
    }
    match now_ms.saturating_sub(at_ms) / 1000 {
        0..5 => "just now".to_owned(),
        seconds @ 5..120 => format!("{seconds} s ago"),
        seconds @ 120..7200 => format!("{} min ago", seconds / 60),
        seconds @ 7200..172_800 => format!("{} h ago", seconds / 3600),
        seconds => format!("{} days ago", seconds / 86_400),
    }
}

/// How long until then, for people.
fn until(at_ms: u64, now_ms: u64) -> String {
    match at_ms.saturating_sub(now_ms) / 1000 {
        0 => "now".to_owned(),
        seconds => format!("in {}", span(seconds)),
    }
}

/// A time in seconds, for people.
fn span(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// A moment in UTC, to the second.
fn moment(at_ms: u64) -> String {
    let at = i64::try_from(at_ms).ok().and_then(chrono::DateTime::from_timestamp_millis);
    at.map_or_else(String::new, |at| at.format("%Y-%m-%d %H:%M:%S UTC").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_is_sound() {
        assert!(ENVIRONMENT.as_ref().is_ok(), "{:?}", ENVIRONMENT.as_ref().err());
        for (name, source) in TEMPLATES {
            assert!(!source.contains("style=") && !source.contains("<script>"), "{name}");
            assert!(!source.contains("|safe") && !source.contains("| safe"), "{name}");
            assert!(!source.contains("http://") && !source.contains("https://"), "{name}");
        }
    }

    #[test]
    fn times_are_told_as_people_do() {
        for (before_s, told) in [
            (0, "just now"),
            (60, "60 s ago"),
            (600, "10 min ago"),
            (10_000, "2 h ago"),
            (400_000, "4 days ago"),
        ] {
            assert_eq!(ago(1_000_000_000, 1_000_000_000 + before_s * 1000), told);
        }
        assert_eq!(ago(0, 5), "never");
        assert_eq!((until(7, 9), until(95_000, 5000)), ("now".to_owned(), "in 90 s".to_owned()));
        assert_eq!((span(7200), span(259_200)), ("2 h".to_owned(), "3 days".to_owned()));
        assert_eq!(moment(1_790_000_000_000), "2026-09-21 14:13:20 UTC");
    }
}
