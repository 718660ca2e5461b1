//! What answers of skills have in common on the wire.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::http::{HeaderName, HeaderValue};
use axum::response::sse::Event;
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, BoxStream};
use futures_util::{FutureExt, StreamExt};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::api::openai::cached;
use crate::api::service::Service;
use crate::api::shelf::Manner;
use crate::api::{error, feed, records};
use crate::cache::{Policy, Scope, ScopeId};
use crate::facts::Table;
use crate::http::{Identity, Problem, RequestId};
use crate::skills::Progress;
use crate::skills::answer::{self, Answer};
use crate::skills::clerk::Wishes;

/// How old the oldest facts are that an answer stands on, in seconds.
const FACTS_AGE: HeaderName = HeaderName::from_static("x-endcap-facts-age");
/// Bytes of a shopper's name.
const MAX_SHOPPER_BYTES: usize = 200;

/// For whom an answer is, besides the one who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::api) enum ScopeName {
    /// Anybody.
    Public,
    /// Whoever has a token of this store.
    Store,
}

/// The scope of a request: a shopper's own where it names one.
pub(super) fn scope(name: Option<ScopeName>, shopper: Option<&str>) -> Result<Scope, Problem> {
    match (shopper, name) {
        (Some(_), Some(_)) => {
            Err(Problem::invalid("scope: a shopper's answers have the shopper's scope")
                .param("scope")
                .code("invalid_value"))
        }
        (Some(shopper), None) if (1..=MAX_SHOPPER_BYTES).contains(&shopper.len()) => {
            Ok(Scope::Shopper(ScopeId::of(shopper)))
        }
        (Some(shopper), None) => {
            let limit = format!("of 1 to {MAX_SHOPPER_BYTES} bytes");
            let given = format!("of {} bytes", shopper.len());
            Err(error::out_of_range("shopper", given, &limit))
        }
        (None, Some(ScopeName::Public)) => Ok(Scope::Public),
        (None, Some(ScopeName::Store) | None) => Ok(Scope::Store),
    }
}

/// A text that a request brings, seen to have a length that is answered.
pub(super) fn text(field: &'static str, text: String, limit: usize) -> Result<String, Problem> {
    if text.trim().is_empty() {
        return Err(error::out_of_range(field, "empty", "a text"));
    }
    if text.len() > limit {
        return Err(error::over_limit(field, text.len(), "bytes", limit, "fixed"));
    }
    Ok(text)
}

/// Refuses a model that is not there or does not speak. It is not loaded for this.
pub(super) fn check_model(service: &Service, model: Option<&str>) -> Result<(), Problem> {
    let Some(name) = model else { return Ok(()) };
    let shelved = service.shelf.list();
    match shelved.iter().find(|shelved| shelved.name == name) {
        Some(shelved) if shelved.about.manner == Manner::Chat => Ok(()),
        Some(_) => Err(error::not_a_language_model(name)),
        None if service.shelf.aliases().iter().any(|alias| alias.name == name) => Ok(()),
        None => Err(error::unknown_model(name, shelved.iter().map(|shelved| &shelved.name))),
    }
}

/// What the request's `cache-control` leaves of the cache.
pub(super) fn wishes(headers: &axum::http::HeaderMap) -> Wishes {
    let left = cached::wishes(headers, Policy::EXACT);
    Wishes { read: left.read, write: left.write, max_age: left.max_age }
}

/// A fact that an answer stands on.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::api) struct FactUsed {
    /// `prices:0041`, or a collection's name.
    name: String,
    /// Of its last change; 0 where it never was there.
    revision: u64,
    /// Seconds since its table was last heard of; null where it never was.
    age_s: Option<u64>,
}

/// How an answer came about.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::api) struct Origin {
    /// `template`: sentences filled from facts. `model`: a model's text that passed every check.
    /// `fallback`: sentences filled from facts, as no model could answer.
    step: &'static str,
    /// Whether a model wrote it.
    generated: bool,
    /// What was asked for, as it was understood.
    intent: &'static str,
    /// The model that was asked; null where none was.
    model: Option<String>,
    /// Of everything that changes what that model says.
    model_digest: Option<String>,
    /// Of the sentences, or of the prompt's template.
    template_digest: String,
    /// What the sampler began with.
    seed: Option<u64>,
    /// Names of the checks that refused texts before.
    refused: Vec<&'static str>,
    /// What the cache did, as in the header `Cache-Status`.
    cache: String,
}

/// How old what a table says is.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::api) struct Freshness {
    #[schemars(with = "String")]
    table: Table,
    /// Seconds since its feed was last heard of; null where it never was.
    age_s: Option<u64>,
    /// Seconds for which it may be silent; null where it may for ever.
    limit_s: Option<u64>,
    /// Whether that is over: what it says is not told as certain.
    old: bool,
}

/// What every answer of a skill carries besides its text.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::api) struct Backing {
    /// SKUs of the products that it is about.
    citations: Vec<String>,
    /// What it stands on.
    facts: Vec<FactUsed>,
    provenance: Origin,
    /// That it was generated, or made of the shop's data, in its language.
    disclosure: &'static str,
    freshness: Vec<Freshness>,
    /// The record of it in the audit; none where facts alone said it.
    #[serde(skip_serializing_if = "Option::is_none")]
    answer_id: Option<String>,
}

impl Backing {
    pub(super) fn of(answer: &Answer, answer_id: Option<String>) -> Self {
        let seconds = |age: Option<Duration>| age.map(|age| age.as_secs());
        let facts = answer.facts.iter().map(|fact| FactUsed {
            name: fact.name.clone(),
            revision: fact.revision,
            age_s: seconds(fact.age),
        });
        let freshness = answer.freshness.iter().map(|of| Freshness {
            table: of.table,
            age_s: seconds(of.age),
            limit_s: seconds(of.limit),
            old: of.is_old(),
        });
        let provenance = &answer.provenance;
        let (model, model_digest) = provenance.model.clone().unzip();
        Self {
            citations: answer.citations.clone(),
            facts: facts.collect(),
            provenance: Origin {
                step: provenance.step.name(),
                generated: provenance.step == answer::Step::Model,
                intent: provenance.intent,
                model,
                model_digest,
                template_digest: provenance.template_digest.clone(),
                seed: provenance.seed,
                refused: provenance.refused.clone(),
                cache: answer.status.to_string(),
            },
            disclosure: answer.disclosure,
            freshness: freshness.collect(),
            answer_id,
        }
    }
}

/// Records an answer that is about to be told; the id of the record, where one is kept.
pub(super) fn recorded(
    service: &Service,
    asker: Option<&Identity>,
    (skill, question): (&str, &str),
    answer: &Answer,
) -> Option<String> {
    let (text, seen_by) = (answer.text.as_str(), records::seen_by(asker));
    let told = records::Told { skill, question, text, answer, subject: None, seen_by };
    records::given(service.audit.as_ref()?, told)
}

/// One event of a streamed answer.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::api) enum Told<T> {
    /// How far the model is.
    Progress {
        /// From 1; 0 before the first.
        attempt: u64,
        /// Of this attempt so far.
        tokens: u64,
    },
    /// The text, when it has passed every check.
    Text(String),
    /// All of it.
    Answer(Box<T>),
}

/// An answer in the making, with the text that stands in it.
pub(super) type Made<T> =
    futures_util::future::BoxFuture<'static, Result<(T, String, Answer), Problem>>;

/// The whole answer, with what its headers say.
pub(super) async fn whole<T: Serialize>(made: Made<T>) -> Result<Response, Problem> {
    let (body, _, answer) = made.await?;
    let mut response = cached::told(Json(body).into_response(), &answer.status);
    let oldest = answer.freshness.iter().filter_map(|of| of.age).max();
    if let Some(age) = oldest {
        response.headers_mut().insert(FACTS_AGE, HeaderValue::from(age.as_secs()));
    }
    Ok(response)
}

/// Events: how far the work is, then the text, then the whole answer. `[DONE]` is the last.
pub(super) fn streamed<T: Serialize + Send + 'static>(
    made: Made<T>,
    progress: watch::Receiver<Progress>,
    id: Option<RequestId>,
) -> Response {
    let telling = Telling { made: made.fuse().boxed(), progress, id };
    feed::respond(tell(telling).map(|data| Event::default().data(data)))
}

struct Telling<T> {
    made: Made<T>,
    progress: watch::Receiver<Progress>,
    id: Option<RequestId>,
}

fn tell<T: Serialize + Send + 'static>(telling: Telling<T>) -> BoxStream<'static, String> {
    let steps = stream::unfold(Some(telling), |telling| async move {
        let mut telling = telling?;
        tokio::select! {
            biased;
            made = &mut telling.made => Some((last(made, telling.id.as_ref()), None)),
            Ok(()) = telling.progress.changed() => {
                let Progress { attempt, tokens } = *telling.progress.borrow_and_update();
                let told = Told::<T>::Progress { attempt, tokens };
                Some((vec![data(&told)], Some(telling)))
            }
        }
    });
    steps.flat_map(stream::iter).boxed()
}

/// What is said at the end.
fn last<T: Serialize>(
    made: Result<(T, String, Answer), Problem>,
    id: Option<&RequestId>,
) -> Vec<String> {
    match made {
        Ok((body, text, _)) => {
            let text = data(&Told::<T>::Text(text));
            vec![text, data(&Told::Answer(Box::new(body))), "[DONE]".to_owned()]
        }
        Err(problem) => {
            let cause = problem.cause().unwrap_or(&problem.body().message);
            tracing::warn!(id = id.map(RequestId::as_str), cause, "a stream failed midway");
            serde_json::to_string(&problem.envelope(id)).into_iter().collect()
        }
    }
}

fn data(told: &impl Serialize) -> String {
    serde_json::to_string(told).unwrap_or_default()
}

/// The parts of a request that say how its answer is delivered.
pub(super) struct Delivery {
    pub(super) service: Arc<Service>,
    pub(super) stream: bool,
    pub(super) id: Option<RequestId>,
}

impl Delivery {
    /// Answers as it is asked for.
    pub(super) async fn of<T: Serialize + Send + 'static>(
        self,
        make: impl FnOnce(Arc<Service>, watch::Sender<Progress>) -> Made<T>,
    ) -> Result<Response, Problem> {
        let (sender, receiver) = watch::channel(Progress::default());
        let made = make(self.service, sender);
        if self.stream { Ok(streamed(made, receiver, self.id)) } else { whole(made).await }
    }
}
