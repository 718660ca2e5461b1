//! The line to HQ beside the server: opened, kept, shown; never a reason not to answer.
//!
//! What stands in its way (no enrolment, a damaged file, a full disk) is told, shown and, where time
//! may mend it, tried again. [`Notes`] is how the rest of the box tells HQ something: it never
//! waits, and what it cannot keep it counts and declares.

mod follow;
mod keep;
mod notes;
mod receipts;
mod telemetry;
mod view;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch as channel};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::api::LineView;
use crate::api::shelf::Shelf;
use crate::cache::Cache;
use crate::config::Config;
use crate::facts::Facts;
use crate::protocol::UnixMillis;
use crate::state::Store;
use crate::sync::mqtt::Status;
use crate::sync::{LineError, Resolved};
use crate::telemetry::{Metrics, Warned};
use notes::Notes;

/// How long what still waits to be written may take at the end, and then the goodbye.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// A floor of time for boxes that have heard nothing yet: no Endcap is older. 2026-11-01.
const BUILT: UnixMillis = UnixMillis(1_793_491_200_000);

/// What the line looks at.
pub(super) struct LookedAt {
    pub(super) metrics: Arc<Metrics>,
    pub(super) facts: Facts,
    pub(super) cache: Cache,
    pub(super) shelf: Arc<dyn Shelf>,
    /// Warnings and errors of the log.
    pub(super) warned: mpsc::Receiver<Warned>,
}

/// The line, which runs until it is told to end.
pub(super) struct Line {
    view: channel::Receiver<LineView>,
    notes: Option<Notes>,
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

impl Line {
    /// Begins the line where this box has one.
    pub(super) async fn start(config: &Config, looked_at: LookedAt) -> Self {
        let stop = CancellationToken::new();
        let (show, view) = channel::channel(LineView::off());
        let mut line = Self { view, notes: None, stop, tasks: JoinSet::new() };
        match open(config).await {
            Ok(None) => {}
            Ok(Some((resolved, store))) => line.run(config, resolved, store, looked_at, show),
            Err(error) => {
                tracing::error!(%error, "there is no line to HQ; the box answers without");
                let phases = &view::PHASES;
                looked_at.metrics.line().phase("broken", phases);
                let trouble = Some(error.to_string());
                show.send_replace(LineView { phase: "broken", trouble, ..LineView::off() });
            }
        }
        line
    }

    fn run(
        &mut self,
        config: &Config,
        resolved: Resolved,
        store: Store,
        looked_at: LookedAt,
        show: channel::Sender<LineView>,
    ) {
        let LookedAt { metrics, facts, cache, shelf, warned } = looked_at;
        let (told, status) = channel::channel(Status::new(UnixMillis::now()));
        let (place, broker) = (&resolved.trust.who.place, &resolved.broker.address);
        tracing::info!(%place, %broker, "keeping the line to HQ");
        let shown = view::Shown {
            place: place.to_string(),
            broker: broker.to_string(),
            store: store.clone(),
            metrics: Arc::clone(&metrics),
        };
        let (notes, writer) = Notes::new(store.clone(), Arc::clone(&metrics));
        notes.event("server.started", [("version", env!("CARGO_PKG_VERSION").into())]);
        self.notes = Some(notes.clone());
        self.tasks.spawn(writer);
        let receipts = receipts::Receipts {
            store: store.clone(),
            facts: facts.clone(),
            cache: cache.clone(),
            shelf: Arc::clone(&shelf),
            catalogues: resolved.trust.catalogues.clone(),
        };
        let follow = follow::Follow {
            store: store.clone(),
            trust: resolved.trust.clone(),
            hq: resolved.hq.clone(),
            identity: config.line.identity.clone(),
            data_dir: config.data_dir.clone(),
            facts: facts.clone(),
            zone: config.facts.zone,
            shelf: Arc::clone(&shelf),
            cache,
            metrics: Arc::clone(&metrics),
            status: status.clone(),
        };
        self.tasks.spawn(follow.run(self.stop.clone()));
        let keep = keep::Keep { store, resolved, settings: config.line.clone(), told };
        self.tasks.spawn(keep.run(self.stop.clone()));
        let stop = || self.stop.clone();
        let every = config.line.telemetry_every;
        self.tasks.spawn(until(stop(), shown.run(status, show)));
        self.tasks.spawn(until(stop(), watch::warnings(warned, notes.clone())));
        self.tasks.spawn(until(stop(), watch::models(shelf, notes.clone())));
        self.tasks.spawn(until(stop(), receipts.run()));
        self.tasks.spawn(until(stop(), telemetry::run(metrics, facts, notes, every)));
    }

    /// How it does, from moment to moment.
    pub(super) fn view(&self) -> channel::Receiver<LineView> {
        self.view.clone()
    }

    /// Says goodbye to HQ, and ends.
    pub(super) async fn end(mut self) {
        if let Some(notes) = self.notes.take() {
            notes.event("server.stopped", []);
        }
        let end = async {
            // What was just said is written before the line goes.
            tokio::time::sleep(notes::PAUSE).await;
            self.stop.cancel();
            while self.tasks.join_next().await.is_some() {}
        };
        let _ = tokio::time::timeout(LAST_WORDS, end).await;
        self.tasks.shutdown().await;
    }
}

/// Reads the enrolment and opens the state, off the async threads.
async fn open(config: &Config) -> Result<Option<(Resolved, Store)>, LineError> {
    let (settings, path) = (config.line.clone(), config.state_file());
    let open = move || {
        let Some(resolved) = settings.resolve()? else { return Ok(None) };
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(LineError::Folder)?;
        }
        let place = resolved.trust.who.place.clone();
        let store = Store::open(&path, place, settings.state)?;
        Ok(Some((resolved, store)))
    };
    tokio::task::spawn_blocking(open).await.unwrap_or(Err(LineError::BrokenOff))
}

async fn until(stop: CancellationToken, work: impl Future<Output = ()>) {
    tokio::select! {
        () = stop.cancelled() => {}
        () = work => {}
    }
}
