//! `POST /store/v1/vision/classify`.

use std::sync::Arc;
use std::time::Instant;

use axum::Json;
use axum::extract::{Request, State};
use schemars::JsonSchema;
use serde::Serialize;

use super::{PictureSize, Timing, run, upload};
use crate::api::choice::choose;
use crate::api::query::{self, Query};
use crate::api::routes::QueryField;
use crate::api::service::Service;
use crate::http::Problem;
use crate::skills::heads::{Head, Scored};

/// Results of one answer at most.
const MAX_TOP: usize = 1000;

pub(in crate::api) const QUERY: &[QueryField] = &[
    query::MODEL,
    QueryField { name: "top", about: "How many results, the likeliest first: 1 to 1000" },
    QueryField { name: "threshold", about: "Scores below it are left out: 0 to 1" },
];

/// What a picture shows.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::api) struct Classification {
    /// The package that answered.
    model: String,
    picture: PictureSize,
    /// The highest score first.
    results: Vec<Class>,
    timing: Timing,
}

/// A class with its score.
#[derive(Debug, Serialize, JsonSchema)]
struct Class {
    label: String,
    score: f32,
}

pub(in crate::api) async fn answer(
    State(service): State<Arc<Service>>,
    request: Request,
) -> Result<Json<Classification>, Problem> {
    let deadline = Instant::now() + service.request_timeout;
    let (parts, body) = request.into_parts();
    let query = Query::parse(parts.uri.query(), QUERY)?;
    let top = query.number("top", 1, MAX_TOP, "1 to 1000")?;
    let threshold = query.number("threshold", 0.0, 1.0, "0 to 1")?;
    let pick = |head: &Head| match head {
        Head::Classify(head) => Some(Arc::clone(head)),
        _ => None,
    };
    let (served, head) = choose(&service, query.text("model"), "classify", pick).await?;
    let upload = upload::receive(&service, &parts, body, deadline).await?;
    let (picture, input) = (Arc::clone(&upload.picture), Arc::clone(&head));
    let prepare = move || Ok(input.picture.prepare(&picture));
    let prepared = service.prepare(usize::MAX, deadline, prepare).await?;
    let input = head.picture.input.as_deref();
    let output = head.classes.output.as_deref();
    let output = run::run(&served, input, prepared.tensor, output, deadline).await?;
    let results = head.classes.choose(&output.numbers, top, threshold);
    let results = results.map_err(|error| run::unreadable(&served, error))?;
    Ok(Json(Classification {
        model: served.name.clone(),
        picture: PictureSize { width: upload.picture.width(), height: upload.picture.height() },
        results: results.into_iter().map(Class::from).collect(),
        timing: Timing::since(upload.decoding, upload.decoded),
    }))
}

impl From<Scored> for Class {
    fn from(scored: Scored) -> Self {
        Self { label: scored.label, score: scored.score }
    }
}
