//! What associates put right.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Request, State};
use axum::{Extension, Json};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{associate, blocking, of_desk};
use crate::api::json::Asked;
use crate::api::query::Query;
use crate::api::routes::QueryField;
use crate::api::service::Service;
use crate::api::store::conversations::views::at;
use crate::desk::{DeskError, Example, Kept};
use crate::facts::UnixSeconds;
use crate::http::{Identity, Problem};
use crate::shoppers::ConversationId;
use crate::skills::checks::Refused;

/// Examples of one page.
const PAGE: usize = 200;

pub(in crate::api) const LIST: &[QueryField] =
    &[QueryField { name: "after", about: "A number, to go on behind it" }];

/// A turn of the assistant's that should have been another.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct CorrectionRequest {
    /// In which conversation.
    conversation: String,
    /// The turn's number.
    turn: u32,
    /// What is better; at most 1,000 bytes.
    text: String,
}

/// A correction that is kept.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::api) struct Corrected {
    /// The example's number.
    number: u64,
    /// Whether it is given from now on where the same is asked, until its facts change.
    pinned: bool,
    /// Why not: `money`, `quantity`, `allergen`, `product` and the like for what the facts do not say,
    /// `context` where the question means something that was said before, `personal_data` where some of
    /// it was taken out of the text.
    refused: Vec<&'static str>,
}

/// Examples, the oldest first.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::api) struct Examples {
    examples: Vec<ExampleView>,
    /// After which the next page begins; null at the end.
    next: Option<u64>,
}

/// A question, what was answered, and what is better; without the personal data that was found.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::api) struct ExampleView {
    number: u64,
    question: String,
    answered: String,
    better: String,
    language: String,
    /// SKUs that the answer cited.
    cited: Vec<String>,
    /// Id of the corrector's token.
    by: String,
    /// RFC 3339.
    at: String,
}

impl From<Kept> for ExampleView {
    fn from(kept: Kept) -> Self {
        let Kept { number, example } = kept;
        Self {
            number,
            question: example.question,
            answered: example.answered,
            better: example.better,
            language: example.language,
            cited: example.cited,
            by: example.by,
            at: at(example.at),
        }
    }
}

/// `POST /store/v1/desk/corrections`.
pub(in crate::api) async fn correct(
    State(service): State<Arc<Service>>,
    Extension(identity): Extension<Option<Identity>>,
    Asked(CorrectionRequest { conversation, turn, text }): Asked<CorrectionRequest>,
) -> Result<Json<Corrected>, Problem> {
    let who = associate(identity.as_ref())?;
    let id: ConversationId = conversation.parse().map_err(|_| of_desk(DeskError::NotFound))?;
    let now = UnixSeconds::now().0.unsigned_abs();
    let found = service.concierge.shoppers().conversation(&id, now);
    let found = found.map_err(|error| of_desk(DeskError::from(error)))?;
    let deadline = Instant::now() + service.request_timeout;
    let better = service.clerk.screen(&text, deadline).await.text().to_owned();
    let keep = move |desk: &crate::desk::Desk| desk.correct(&found, turn, &better, &who);
    let Kept { number, example } = blocking(service.desk()?, keep).await?;
    let Example { question, better, language, cited, .. } = &example;
    // What somebody's name was taken out of is an example, and no answer.
    let refused = match *better == text.trim() {
        true => service.clerk.pin(question, better, language, cited).await.err(),
        false => Some(vec![Refused::Personal.name()]),
    };
    let refused = refused.unwrap_or_default();
    Ok(Json(Corrected { number, pinned: refused.is_empty(), refused }))
}

/// `GET /store/v1/desk/feedback`.
pub(in crate::api) async fn list(
    State(service): State<Arc<Service>>,
    request: Request,
) -> Result<Json<Examples>, Problem> {
    let query = Query::parse(request.uri().query(), LIST)?;
    let after = query.number("after", 0, u64::MAX, "a whole number")?.unwrap_or(0);
    let kept = blocking(service.desk()?, move |desk| desk.examples(after, PAGE)).await?;
    let next = kept.last().filter(|_| kept.len() == PAGE).map(|last| last.number);
    Ok(Json(Examples { examples: kept.into_iter().map(Into::into).collect(), next }))
}
