//! The cache of answers, for those who look after it.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::models::{Named, name};
use crate::api::json::Asked;
use crate::api::openai::cached;
use crate::api::service::Service;
use crate::cache::{self, Dropped, Purge, Why};
use crate::http::{Identity, Kind, Problem};

/// Routes whose answers go through the cache.
const ROUTES: [&str; 3] = [cached::ROUTE, "copy", "ask"];

/// How the cache does since the server started.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::api) struct Stats {
    /// Answers that are kept.
    entries: u64,
    /// What they take in memory, and what they may.
    memory_bytes: u64,
    memory_limit_bytes: u64,
    /// What they take on disk, and what they may.
    disk_bytes: u64,
    disk_limit_bytes: u64,
    /// Answers that are being made.
    making: usize,
    /// By route.
    routes: BTreeMap<&'static str, RouteStats>,
    /// Kept answers that are gone, by reason.
    gone: BTreeMap<&'static str, u64>,
    /// The pack whose answers are given; null where HQ wants none.
    pack: Option<Pack>,
}

/// How one route does.
#[derive(Debug, Serialize, JsonSchema)]
struct RouteStats {
    /// Answers by how they were come by.
    answers: BTreeMap<&'static str, u64>,
    /// Share of answers that were kept or joined.
    hit_rate: f64,
    /// Tokens that need not be generated.
    saved_tokens: u64,
    /// Milliseconds that need not be spent.
    saved_ms: u64,
}

impl From<cache::RouteStats> for RouteStats {
    fn from(stats: cache::RouteStats) -> Self {
        let cache::RouteStats { answers, saved_tokens, saved_ms } = stats;
        let all: u64 = answers.values().sum();
        let hits: u64 = ["exact", "stale", "semantic", "joined"]
            .iter()
            .filter_map(|how| answers.get(how))
            .sum();
        let hit_rate = if all == 0 { 0.0 } else { hits as f64 / all as f64 };
        let hit_rate = (hit_rate * 1e4).round() / 1e4;
        Self { answers, hit_rate, saved_tokens, saved_ms }
    }
}

/// All that is known of kept answers.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::api) struct Explained {
    answers: Vec<Entry>,
}

/// All that is known of one kept answer.
#[derive(Debug, Serialize, JsonSchema)]
struct Entry {
    /// By which `Cache-Status` calls it.
    id: String,
    /// Who may be given it: public, store, device class, associate or shopper.
    scope: String,
    /// Which door or skill.
    route: String,
    /// The package that answered, and the digest of all that decides what it says.
    model: String,
    model_digest: String,
    /// Digest of its prompt's template, where that is not part of the package.
    template_digest: Option<String>,
    /// Which step of a skill answered.
    step: Option<String>,
    seed: Option<u64>,
    /// The facts that it stands on.
    facts: Vec<Standing>,
    /// What its facts say of it now.
    standing: String,
    /// Seconds since 1970 from which on its facts read otherwise.
    until_s: Option<i64>,
    /// Milliseconds since 1970 at which it was made.
    made_ms: u64,
    age_s: u64,
    /// How often it was asked for, the first time included.
    asked: u32,
    prompt_tokens: u64,
    completion_tokens: u64,
    /// What making it took, and what giving it again has saved.
    cost_ms: u64,
    saved_ms: u64,
    bytes: u64,
    /// What is known of its question's meaning and of hits by meaning.
    meaning: Vec<String>,
    /// Its language, where that is known.
    language: Option<String>,
    /// The pack that it came with; null where it was made here.
    pack: Option<OfPack>,
}

/// A pack of answers that HQ had made elsewhere.
#[derive(Debug, Serialize, JsonSchema)]
struct OfPack {
    /// Its number.
    epoch: u64,
    /// What HQ calls it.
    name: Option<String>,
}

/// The pack whose answers are given.
#[derive(Debug, Serialize, JsonSchema)]
struct Pack {
    /// Its number.
    epoch: u64,
    /// What HQ calls it.
    name: Option<String>,
    /// Answers that are kept of it, and those that have no room here or cannot be read.
    entries: usize,
    left_out: usize,
    /// What it takes on disk, beside answers that are made here.
    disk_bytes: u64,
}

/// A fact that an answer stands on.
#[derive(Debug, Serialize, JsonSchema)]
struct Standing {
    name: String,
    /// Of its last change when it was read; 0 where it was not there.
    revision: u64,
}

impl From<Why> for Entry {
    fn from(why: Why) -> Self {
        let text = |text: String| (!text.is_empty()).then_some(text);
        let facts = why.facts.into_iter().map(|(name, revision)| Standing { name, revision });
        Self {
            id: why.id,
            scope: why.scope.to_string(),
            route: why.provenance.route,
            model: why.provenance.model,
            model_digest: why.provenance.model_digest,
            template_digest: text(why.provenance.template_digest),
            step: why.provenance.step,
            seed: why.provenance.seed,
            facts: facts.collect(),
            standing: why.standing,
            until_s: why.until_s,
            made_ms: why.made_ms,
            age_s: why.age_ms / 1000,
            asked: why.asked,
            prompt_tokens: why.cost.prompt_tokens,
            completion_tokens: why.cost.completion_tokens,
            cost_ms: why.cost.ms,
            saved_ms: why.cost.ms.saturating_mul(u64::from(why.asked.saturating_sub(1))),
            bytes: why.bytes,
            meaning: why.meaning,
            language: why.provenance.language,
            pack: why.pack.map(|mark| OfPack {
                epoch: mark.epoch,
                name: mark.name.as_deref().map(str::to_owned),
            }),
        }
    }
}

/// What is to be forgotten: one of these.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct PurgeRequest {
    /// Only `true`: everything.
    all: Option<bool>,
    /// One answer, by the id in `Cache-Status`.
    answer: Option<String>,
    /// Whatever stands on a fact or group of facts, such as `prices:0041` or `promotions`.
    fact: Option<String>,
    /// Whatever is about a product, by its SKU.
    product: Option<String>,
    /// Answers of a package.
    model: Option<String>,
}

/// What a purge ended.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::api) struct Purged {
    /// Answers that were kept.
    entries: usize,
    /// Answers that were being made.
    flights: usize,
}

impl PurgeRequest {
    fn check(self) -> Result<Purge, Problem> {
        let refuse = |why: &str| Problem::invalid(why).code("invalid_value");
        if self.all == Some(false) {
            return Err(refuse("all: only true says something").param("all"));
        }
        let mut wanted = [
            self.all.map(|_| Ok(Purge::All)),
            self.answer.map(|id| Ok(Purge::Answer(id))),
            self.fact.map(|name| Purge::fact(&name)),
            self.product.map(|sku| Ok(Purge::Product(sku))),
            self.model.map(|name| Ok(Purge::Model(name))),
        ]
        .into_iter()
        .flatten();
        match (wanted.next(), wanted.next()) {
            (Some(purge), None) => {
                purge.map_err(|why| refuse(&format!("fact: {why}")).param("fact"))
            }
            _ => Err(refuse("name one of all, answer, fact, product and model")),
        }
    }
}

/// `GET /store/v1/cache/stats`.
pub(in crate::api) async fn stats(State(service): State<Arc<Service>>) -> Json<Stats> {
    let stats = service.cache.stats(&ROUTES);
    Json(Stats {
        entries: stats.kept.entries,
        memory_bytes: stats.kept.memory_bytes,
        memory_limit_bytes: stats.memory_limit_bytes,
        disk_bytes: stats.kept.disk_bytes,
        disk_limit_bytes: stats.disk_limit_bytes,
        making: stats.making,
        routes: stats.routes.into_iter().map(|(name, stats)| (name, stats.into())).collect(),
        gone: stats.gone,
        pack: stats.pack.map(|pack| Pack {
            epoch: pack.epoch,
            name: pack.name,
            entries: pack.entries,
            left_out: pack.left_out,
            disk_bytes: pack.disk_bytes,
        }),
    })
}

/// `GET /store/v1/cache/why/{name}`.
pub(in crate::api) async fn why(
    State(service): State<Arc<Service>>,
    named: Named,
) -> Result<Json<Explained>, Problem> {
    let id = name(named)?;
    let answers: Vec<Entry> = service.cache.why(&id).into_iter().map(Entry::from).collect();
    if answers.is_empty() {
        let message = format!("no answer `{id}` is kept; `Cache-Status` has the ids as key");
        let (status, kind) = (StatusCode::NOT_FOUND, Kind::InvalidRequestError);
        return Err(Problem::new(status, kind, message).code("answer_not_found"));
    }
    Ok(Json(Explained { answers }))
}

/// As the audit log says it.
fn meant(purge: &Purge) -> (&'static str, Value) {
    match purge {
        Purge::All => ("all", true.into()),
        Purge::Answer(id) => ("answer", id.as_str().into()),
        Purge::Fact(name) => ("fact", name.to_string().into()),
        Purge::Product(sku) => ("product", sku.as_str().into()),
        Purge::Model(name) => ("model", name.as_str().into()),
        // A scope may name a person.
        Purge::Scope(_) => ("scope", true.into()),
    }
}

/// `POST /store/v1/cache/purge`. When it is answered, what was purged does not come back.
pub(in crate::api) async fn purge(
    State(service): State<Arc<Service>>,
    Extension(asker): Extension<Option<Identity>>,
    Asked(request): Asked<PurgeRequest>,
) -> Result<Json<Purged>, Problem> {
    let (purge, cache) = (request.check()?, service.cache.clone());
    service.write_down(asker.as_ref(), "cache.purge", [meant(&purge)]).await?;
    let work = move || {
        let dropped = cache.purge(&purge);
        cache.flush();
        dropped
    };
    let Dropped { entries, flights } =
        tokio::task::spawn_blocking(work).await.map_err(Problem::internal)?;
    Ok(Json(Purged { entries, flights }))
}
