//! Kept answers for other stores: `GET /store/v1/cache/export`.

use std::io;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderName, Uri};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;

use crate::api::error::out_of_range;
use crate::api::query::Query;
use crate::api::routes::QueryField;
use crate::api::service::Service;
use crate::cache::{Choice, Export};
use crate::http::Problem;

/// Routes whose answers are checked before they are said. What a chat says nobody has checked.
const CHECKED: [&str; 2] = ["copy", "ask"];
const DEFAULT_MIN_ASKED: u32 = 2;
const MAX_ANSWERS: usize = 100_000;
/// Bytes of answers, before compression.
const MAX_BYTES: u64 = 1 << 30;
/// Why answers of the chosen routes are not in the file, and how many.
const LEFT_OUT: HeaderName = HeaderName::from_static("endcap-left-out");

pub(in crate::api) const EXPORT: &[QueryField] = &[
    QueryField { name: "routes", about: "copy, ask or both with a comma between; both without" },
    QueryField { name: "languages", about: "Such as de,fr; all without" },
    QueryField { name: "min_asked", about: "Asked for so often at least; 2 without" },
    QueryField { name: "limit", about: "Answers at most, those that are asked for most first" },
];

/// The file, as it is read. It has no answer that is one person's or that no check has seen, and none
/// whose facts have changed.
pub(in crate::api) async fn export(
    State(service): State<Arc<Service>>,
    uri: Uri,
) -> Result<Response, Problem> {
    let choice = chosen(&Query::parse(uri.query(), EXPORT)?)?;
    let cache = service.cache.clone();
    let export = tokio::task::spawn_blocking(move || cache.export(&choice));
    let export = export.await.map_err(Problem::internal)?.map_err(Problem::internal)?;
    let left_out: Vec<_> =
        export.left_out().iter().map(|(why, count)| format!("{why}={count}")).collect();
    let headers = [(CONTENT_TYPE, "application/zstd".to_owned()), (LEFT_OUT, left_out.join(", "))];
    Ok((headers, Body::from_stream(stream::unfold(Some(export), piece))).into_response())
}

async fn piece(export: Option<Export>) -> Option<(io::Result<Bytes>, Option<Export>)> {
    let mut export = export?;
    let read = tokio::task::spawn_blocking(move || (export.next_piece(), export)).await;
    match read {
        Ok((Ok(piece), export)) => Some((Ok(Bytes::from(piece?)), Some(export))),
        Ok((Err(error), _)) => Some((Err(io::Error::other(error)), None)),
        Err(error) => Some((Err(io::Error::other(error)), None)),
    }
}

fn chosen(query: &Query) -> Result<Choice, Problem> {
    let list = |name: &str| {
        let words = query.text(name).unwrap_or_default().split(',').map(str::trim);
        words.filter(|word| !word.is_empty()).map(str::to_owned).collect::<Vec<_>>()
    };
    let mut routes = list("routes");
    if let Some(other) = routes.iter().find(|route| !CHECKED.contains(&route.as_str())) {
        let shown: String = other.chars().take(60).collect();
        return Err(out_of_range("routes", format!("`{shown}`"), "copy and ask"));
    }
    if routes.is_empty() {
        routes = CHECKED.map(str::to_owned).to_vec();
    }
    let min_asked = query.number("min_asked", 1, u32::MAX, "a number from 1 on")?;
    let limit = query.number("limit", 1, MAX_ANSWERS, "1 to 100000")?;
    Ok(Choice {
        routes,
        languages: list("languages"),
        min_asked: min_asked.unwrap_or(DEFAULT_MIN_ASKED),
        max_answers: limit.unwrap_or(MAX_ANSWERS),
        max_bytes: MAX_BYTES,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_checked_cannot_be_chosen() {
        let asked = |text| chosen(&Query::parse(Some(text), EXPORT).unwrap());
        let all = asked("").unwrap();
        assert_eq!((all.routes.len(), all.min_asked), (2, DEFAULT_MIN_ASKED));
        let some = asked("routes=copy&languages=de,%20fr&min_asked=1&limit=5").unwrap();
        assert_eq!(
            (some.routes, some.languages),
            (vec!["copy".into()], vec!["de".into(), "fr".into()])
        );
        assert_eq!((some.min_asked, some.max_answers), (1, 5));
        for wrong in ["routes=chat", "routes=copy,chat", "min_asked=0", "limit=0", "limit=x"] {
            assert!(asked(wrong).is_err(), "{wrong}");
        }
        assert!(Query::parse(Some("scope=shopper"), EXPORT).is_err());
    }
}
