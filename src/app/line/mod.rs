//! The line to HQ beside the server: opened, kept, shown; never a reason not to answer.
//!
//! What stands in its way (no enrolment, a damaged file, a full disk) is told, shown and, where time
//! may mend it, tried again. [`Notes`] is how the rest of the box tells HQ something: it never
//! waits, and what it cannot keep it counts and declares.

mod commands;
mod devices;
mod follow;
mod identity;
mod keep;
mod notes;
mod opened;
mod receipts;
mod renewal;
mod repeats;
mod settings;
mod telemetry;
mod view;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch as channel};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::api::shelf::Shelf;
use crate::api::{LineView, OwnSettings, Settings};
use crate::cache::Cache;
use crate::config::Config;
use crate::facts::Facts;
use crate::protocol::UnixMillis;
use crate::sync::mqtt::Status;
use crate::telemetry::{Metrics, Warned};
pub(super) use devices::Devices;
use identity::Identity;
use notes::Notes;
use opened::Opened;
use renewal::Renewal;
pub(super) use settings::InForce;

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
    /// The devices of the shop.
    pub(super) devices: Devices,
    /// What is set while the server runs.
    pub(super) in_force: InForce,
}

/// The line, which runs until it is told to end.
pub(super) struct Line {
    view: channel::Receiver<LineView>,
    settings: Arc<dyn Settings>,
    notes: Option<Notes>,
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

impl Line {
    /// Begins the line where this box has one.
    pub(super) async fn start(config: &Config, looked_at: LookedAt) -> Self {
        let stop = CancellationToken::new();
        let (show, view) = channel::channel(LineView::off());
        let settings = Arc::new(OwnSettings(settings::of_file(config)));
        let mut line = Self { view, settings, notes: None, stop, tasks: JoinSet::new() };
        match opened::open(config).await {
            Ok(None) => {}
            Ok(Some(opened)) => line.run(config, opened, looked_at, show),
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
        opened: Opened,
        looked_at: LookedAt,
        show: channel::Sender<LineView>,
    ) {
        let Opened { resolved, store, time, room } = opened;
        let LookedAt { metrics, facts, cache, shelf, warned, devices, in_force } = looked_at;
        // What HQ and the store set holds from the first answer on.
        in_force.set(&room.follow().borrow());
        self.tasks.spawn(until(self.stop.clone(), in_force.follow(room.follow())));
        let file = settings::of_file(config);
        let kept = settings::Kept { room: room.clone(), time: Arc::clone(&time), file };
        self.settings = Arc::new(kept);
        let identity = Identity::new(&config.line.identity, &resolved);
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
            catalogues: identity.catalogues(),
        };
        let Devices { pairing, tokens, acts } = devices;
        self.tasks.spawn(devices::tell(acts, store.clone()));
        let follow = follow::Follow {
            hands: commands::Known { cache: cache.clone(), pairing, tokens },
            store: store.clone(),
            trust: resolved.trust.clone(),
            hq: resolved.hq.clone(),
            room,
            time: Arc::clone(&time),
            identity: config.line.identity.clone(),
            catalogues: identity.catalogues(),
            data_dir: config.data_dir.clone(),
            facts: facts.clone(),
            zone: config.facts.zone,
            shelf: Arc::clone(&shelf),
            cache,
            metrics: Arc::clone(&metrics),
            status: status.clone(),
        };
        self.tasks.spawn(follow.run(self.stop.clone()));
        let stop = || self.stop.clone();
        let renewal = Renewal {
            identity: identity.clone(),
            place: resolved.trust.who.place.clone(),
            hq: resolved.hq.clone(),
            time: Arc::clone(&time),
            metrics: Arc::clone(&metrics),
            notes: notes.clone(),
        };
        self.tasks.spawn(until(stop(), renewal.run()));
        let followed = identity.clone().follow(store.clone(), time, status.clone());
        self.tasks.spawn(until(stop(), followed));
        let keep = keep::Keep { store, resolved, settings: config.line.clone(), identity, told };
        self.tasks.spawn(keep.run(self.stop.clone()));
        let every = config.line.telemetry_every;
        self.tasks.spawn(until(stop(), shown.run(status, show)));
        self.tasks.spawn(until(stop(), watch::warnings(warned, notes.clone())));
        self.tasks.spawn(until(stop(), watch::models(shelf, notes.clone())));
        self.tasks.spawn(until(stop(), receipts.run()));
        let measured = telemetry::Measured { metrics, facts, folder: config.data_dir.clone() };
        self.tasks.spawn(until(stop(), telemetry::run(measured, notes, every)));
    }

    /// How it does, from moment to moment.
    pub(super) fn view(&self) -> channel::Receiver<LineView> {
        self.view.clone()
    }

    /// The settings that change while the server runs.
    pub(super) fn settings(&self) -> Arc<dyn Settings> {
        Arc::clone(&self.settings)
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

async fn until(stop: CancellationToken, work: impl Future<Output = ()>) {
    tokio::select! {
        () = stop.cancelled() => {}
        () = work => {}
    }
}
