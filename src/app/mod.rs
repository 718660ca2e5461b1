//! The composition root: builds the rooms, joins them, starts and stops them.
//!
//! [`run`] is one server from its first to its last moment: log, port, models, routes, then serving
//! until a signal, then draining; [`run_hq`] is the same of headquarters.
//!
//! **Invariants**
//! - The port is taken before anything slow begins; nothing is answered before every model that
//!   must be in memory is loaded.
//! - The first SIGINT or SIGTERM begins the drain: no new connection, running answers finish within
//!   the configured time, then models stop. The second ends the process with code 130.
//! - What facts and search take is counted from the memory budget before models get the rest.
//! - The line to HQ is beside all this: without it, or with a fault in it, everything is answered.
//! - No other room joins two rooms that do not know each other.
//!
//! **Not here**: what the rooms do; who started the server.

mod audit;
mod bundles;
mod connector;
mod conversations;
mod desk;
mod discovery;
mod error;
mod firmware;
#[cfg(feature = "hq")]
mod headquarters;
mod line;
mod memory;
mod recalls;
mod shelf;
mod signals;
mod supervisor;
mod vectors;

use std::fmt;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::api::shelf::{Shelf, Shelved};
use crate::api::{self, Meaning, Service, ServiceParts};
use crate::cache::Cache;
use crate::config::Config;
use crate::facts::Facts;
use crate::facts::search::{Search, SearchError};
use crate::http::{Health, HttpError, Listener, Pairing, Tokens};
use crate::skills::live::Live;
use crate::telemetry::{self, Metrics};

pub use error::AppError;
#[cfg(feature = "hq")]
pub use headquarters::run_hq;
use line::{InForce, Line};
pub use memory::{Memory, measure};
use shelf::PackageShelf;

/// Answers that were made; may be deleted while no server runs.
const ANSWERS_FILE: &str = "answers.redb";
/// Vectors of the products' texts; may be deleted while no server runs.
const VECTORS_FILE: &str = "vectors.redb";

/// Warnings that wait to be told to HQ; more are in the log only.
const MAX_WARNED: usize = 256;

/// A server that is about to answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Started {
    /// Its base address, as `http://127.0.0.1:8080`.
    pub url: String,
    /// Names of the models it serves.
    pub models: Vec<String>,
}

impl fmt::Display for Started {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.models.as_slice() {
            [] => write!(f, "serving facts, and no model yet, on {}", self.url),
            models => write!(f, "serving {} on {}", models.join(", "), self.url),
        }
    }
}

/// Serves until a signal, then drains. `announce` is called once, when everything is loaded.
pub async fn run(
    config: Config,
    tokens: Tokens,
    announce: impl FnOnce(&Started),
) -> Result<(), AppError> {
    let (warn, warned) = mpsc::channel(MAX_WARNED);
    let levels = telemetry::start(config.log.format, &config.log.filter, Some(warn))?;
    let stop = CancellationToken::new();
    signals::watch(stop.clone())?;
    let _watched = supervisor::watch(stop.clone());
    supervisor::status("taking facts and models into memory");
    let listener = Listener::bind(config.server.clone()).await?;
    let metrics = Arc::new(Metrics::new());
    let facts = open_facts(&config).await?;
    let search = open_search(&config, facts.clone()).await?;
    let budget = memory::budget(&config);
    let held = memory::Held::open(&budget);
    held.count(&facts, &search);
    let shelf = PackageShelf::open(&config, &budget, Arc::clone(&metrics))?;
    tokio::select! {
        ready = shelf.ready() => ready?,
        () = stop.cancelled() => return Ok(()),
    }
    let started = Started {
        url: listener.url(),
        models: shelf.list().into_iter().map(|shelved| shelved.name).collect(),
    };
    let health = Arc::new(Health::default());
    let cache = open_cache(&config, facts.clone(), &metrics).await;
    let mut beside = JoinSet::new();
    let meaning = Meaning::new(Arc::<PackageShelf>::clone(&shelf));
    beside.spawn(vectors::keep(Arc::clone(&search), meaning, cache.clone()));
    beside.spawn(memory::keep(held, facts.clone(), Arc::clone(&search)));
    beside.spawn(recalls::follow(facts.clone(), Arc::<PackageShelf>::clone(&shelf)));
    beside.spawn(cache.clone().follow_facts());
    let tokens = Arc::new(tokens);
    let pairing = Arc::new(Pairing::new(Arc::clone(&tokens)));
    let skills = Live::from(config.skills.clone());
    let mut conversations = conversations::open(&config).await?;
    let desk = desk::open(&config, conversations.shoppers.clone(), metrics.desk().clone()).await?;
    conversations.desk = Some(desk::caller(&desk));
    beside.spawn(desk.clone().run());
    let small = firmware::open(&config).await?;
    let (profiles, of_hq) = watch::channel(None);
    let looked_at = line::LookedAt {
        metrics: Arc::clone(&metrics),
        facts: facts.clone(),
        cache: cache.clone(),
        shelf: Arc::<PackageShelf>::clone(&shelf),
        warned,
        tokens: Arc::clone(&tokens),
        desk: desk.clone(),
        pairing: Arc::clone(&pairing),
        firmware: small.as_ref().map(|small| small.firmware.clone()),
        in_force: InForce { skills: skills.clone(), cache: cache.clone(), levels, profiles },
    };
    let line = Line::start(&config, looked_at).await;
    let shoppers = conversations.shoppers.clone();
    let audit = audit::open(&config, shoppers.clone()).await?;
    shoppers.reach(Arc::new(audit::Cached(cache.clone())));
    beside.spawn(audit::tell(audit.clone(), line.acts()));
    beside.spawn(audit::count(shoppers.clone(), audit.clone(), Arc::clone(&metrics)));
    conversations.audit = Some(audit.clone());
    beside.spawn(conversations::sweep(shoppers.clone()));
    let told = discovery::Told::of(&config, listener.address());
    let service = Service::new(ServiceParts {
        shelf: Arc::<PackageShelf>::clone(&shelf),
        facts,
        skills,
        limits: config.limits,
        body: config.server.body,
        request_timeout: config.server.request_timeout,
        tokens,
        pairing,
        metrics: Arc::clone(&metrics),
        health: Arc::clone(&health),
        cache: cache.clone(),
        search,
        line: line.view(),
        settings: line.settings(),
        acts: line.acts(),
        conversations,
        desk: Some(desk),
        firmware: small.as_ref().map(|small| small.firmware.clone()),
    });
    if let Some(small) = small {
        beside.spawn(small.run(of_hq));
    }
    let idle = only_these(Arc::clone(&shelf));
    beside.spawn(cache.clone().work_at_night(service.maker(), idle));
    let router = api::router(Arc::new(service));
    announce(&started);
    supervisor::ready(&started.to_string());
    tracing::info!(url = started.url, models = started.models.len(), "serving");
    if let Some(told) = told {
        beside.spawn(discovery::announce(told, stop.clone()));
    }
    let drained = listener.run(router, metrics, health, stop).await?;
    line.end().await;
    shelf.shut_down();
    beside.shutdown().await;
    // A panic in there was told by its thread.
    let _ =
        tokio::task::spawn_blocking(move || (cache.flush(), audit.flush(), shoppers.flush())).await;
    tracing::info!(cut = drained.cut, "stopped");
    Ok(())
}

/// Reads everything the shop knows, off the async threads.
async fn open_facts(config: &Config) -> Result<Facts, AppError> {
    let (path, limits) = (config.facts_file(), config.facts.clone());
    let open = move || Facts::open(&path, limits);
    let opened = tokio::task::spawn_blocking(open).await;
    let facts = opened.unwrap_or_else(|fault| std::panic::resume_unwind(fault.into_panic()))?;
    let status = facts.status();
    let count: usize = status.tables.iter().map(|table| table.facts).sum();
    tracing::info!(facts = count, revision = status.revision.0, "the shop's facts are in memory");
    Ok(facts)
}

/// Opening reads a file, so it is done off the async threads.
async fn open_cache(config: &Config, facts: Facts, metrics: &Metrics) -> Cache {
    let (settings, file) = (config.cache.clone(), config.data_dir.join(ANSWERS_FILE));
    let (counts, again) = (metrics.cache().clone(), facts.clone());
    let opened = move || Cache::open(settings, facts, counts, &file);
    let opened = tokio::task::spawn_blocking(opened).await;
    let in_memory = || Cache::in_memory(config.cache.clone(), again, metrics.cache().clone());
    opened.unwrap_or_else(|_| in_memory())
}

/// Reads the vectors and makes the index, off the async threads.
async fn open_search(config: &Config, facts: Facts) -> Result<Arc<Search>, AppError> {
    let file = config.data_dir.join(VECTORS_FILE);
    let open = move || -> Result<Search, SearchError> {
        let search = Search::open(facts, Some(&file))?;
        search.catch_up()?;
        Ok(search)
    };
    let opened = tokio::task::spawn_blocking(open).await;
    let opened = opened.unwrap_or_else(|fault| std::panic::resume_unwind(fault.into_panic()));
    Ok(Arc::new(opened?))
}

/// Whether nobody uses a model, or waits for one, but so many makings of answers that nobody waits
/// for. A request has its model from before it queues until its answer is complete.
fn only_these(shelf: Arc<PackageShelf>) -> impl Fn(usize) -> bool + Send + Sync {
    let used = |shelved: &Shelved| shelved.in_flight + shelved.waiting;
    move |own| shelf.list().iter().map(used).sum::<usize>() <= own
}

/// Tells a taken port before slow work is done in vain. Another process may still take it later.
pub async fn check_port(config: &Config) -> Result<(), AppError> {
    let address = config.server.listen;
    match TcpListener::bind(address).await {
        Ok(_) => Ok(()),
        Err(source) => Err(HttpError::Bind { address, source }.into()),
    }
}
