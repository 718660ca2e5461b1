//! The line to HQ beside the server: opened, kept, shown; never a reason not to answer.
//!
//! What stands in its way (a damaged file, a full disk, an enrolment that cannot be read) is told, shown
//! and tried again, later and later, until the line can be begun. [`Notes`] is how the rest of the box tells HQ something: it never
//! waits, and what it cannot keep it counts and declares.

mod acts;
mod again;
mod begun;
mod commands;
mod door;
mod examples;
mod feedback;
mod follow;
mod handed;
mod identity;
mod keep;
mod levels;
mod notes;
mod opened;
mod receipts;
mod renewal;
mod repeats;
mod settings;
mod small;
mod telemetry;
mod view;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch as channel};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::api::shelf::Shelf;
use crate::api::{Acts, LineView, OwnSettings, Settings};
use crate::cache::Cache;
use crate::config::Config;
use crate::desk::Desk;
use crate::facts::Facts;
use crate::firmware::Firmware;
use crate::http::{Pairing, Tokens};
use crate::protocol::UnixMillis;
use crate::telemetry::{Metrics, Warned};
use again::Again;
use begun::Begun;
use handed::Handed;
pub(super) use settings::InForce;

/// How long what still waits to be written may take at the end, and then the goodbye.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// A floor of time for boxes that have heard nothing yet: the day on which this program was built.
const BUILT: UnixMillis = match u64::from_str_radix(env!("ENDCAP_BUILT_S"), 10) {
    Ok(seconds) => UnixMillis(seconds * 1000),
    Err(_) => panic!("build.rs tells no day"),
};

/// What the line looks at.
pub(super) struct LookedAt {
    pub(super) metrics: Arc<Metrics>,
    pub(super) facts: Facts,
    pub(super) cache: Cache,
    pub(super) shelf: Arc<dyn Shelf>,
    /// Warnings and errors of the log.
    pub(super) warned: mpsc::Receiver<Warned>,
    /// Who may ask the server.
    pub(super) tokens: Arc<Tokens>,
    /// Where answers are put right.
    pub(super) desk: Desk,
    /// Who gives devices their tokens.
    pub(super) pairing: Arc<Pairing>,
    /// What small devices should run, where there are some.
    pub(super) firmware: Option<Firmware>,
    /// What is set while the server runs.
    pub(super) in_force: InForce,
}

/// The line, which runs until it is told to end.
pub(super) struct Line {
    view: channel::Receiver<LineView>,
    handed: Handed,
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

impl Line {
    /// Begins the line where this box has one.
    pub(super) async fn start(config: &Config, looked_at: LookedAt) -> Self {
        let stop = CancellationToken::new();
        let (show, view) = channel::channel(LineView::off());
        let handed = Handed::new(Arc::new(OwnSettings(settings::of_file(config))));
        let mut tasks = JoinSet::new();
        match opened::open(config).await {
            Ok(None) => {}
            Ok(Some(opened)) => {
                let begun = Begun::new(config, opened, looked_at, show, stop.clone());
                tasks.spawn(handed.take_over(begun));
            }
            Err(error) => {
                let (config, handed) = (config.clone(), handed.clone());
                let again = Again { config, looked_at, show, handed };
                tasks.spawn(again.run(error, stop.clone()));
            }
        }
        Self { view, handed, stop, tasks }
    }

    /// How it does, from moment to moment.
    pub(super) fn view(&self) -> channel::Receiver<LineView> {
        self.view.clone()
    }

    /// The settings that change while the server runs.
    pub(super) fn settings(&self) -> Arc<dyn Settings> {
        Arc::new(self.handed.clone())
    }

    /// Where acts of persons are written down.
    pub(super) fn acts(&self) -> Arc<dyn Acts> {
        Arc::new(self.handed.clone())
    }

    /// Says goodbye to HQ, and ends.
    pub(super) async fn end(mut self) {
        if let Some(notes) = self.handed.take_notes() {
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
