//! What HQ wants is made so: facts, settings, bundles and commands.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::again::Waits;
use super::commands::Known;
use crate::api::Served;
use crate::api::shelf::Shelf;
use crate::app::bundles::Bundles;
use crate::cache::Cache;
use crate::facts::{Facts, Zone};
use crate::packages::Store as Packages;
use crate::protocol::Label;
use crate::reconcile::bundle::Files;
use crate::reconcile::config::ConfigRoom;
use crate::reconcile::fetch::{FetchLimits, Origin};
use crate::reconcile::{Reconciler, Setup, Timekeeper};
use crate::state::Store;
use crate::sync::mqtt::{Credentials, Status};
use crate::sync::{LineError, Trust};
use crate::telemetry::Metrics;

/// The token for HQ's artefacts in the identity folder.
const TOKEN: &str = "token";

/// What following needs.
pub(super) struct Follow {
    pub(super) store: Store,
    pub(super) trust: Trust,
    /// Base address of HQ's artefacts.
    pub(super) hq: Option<String>,
    pub(super) room: ConfigRoom,
    pub(super) time: Arc<Timekeeper>,
    pub(super) identity: PathBuf,
    pub(super) catalogues: watch::Receiver<Vec<Label>>,
    pub(super) data_dir: PathBuf,
    pub(super) facts: Facts,
    pub(super) zone: Zone,
    pub(super) shelf: Arc<dyn Shelf>,
    pub(super) cache: Cache,
    /// Who does commands.
    pub(super) hands: Arc<Known>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) status: watch::Receiver<Status>,
    /// Told why it cannot be followed, while that is so.
    pub(super) unfollowed: watch::Sender<Option<String>>,
}

impl Follow {
    /// Follows until told to stop. What stands in its way at the beginning is told and tried again;
    /// the box answers on with what it has.
    pub(super) async fn run(self, stop: CancellationToken) {
        let mut status = self.status.clone();
        let time = Arc::clone(&self.time);
        let opened = self.opened();
        let reconciler = tokio::select! {
            () = stop.cancelled() => return,
            opened = opened => opened,
        };
        let clock = async {
            // The channel ends with the line, and the clock counts on.
            loop {
                let told = status.borrow_and_update().hq_time;
                if let Some(hq_time) = told {
                    time.heard(hq_time);
                }
                if status.wait_for(|status| status.hq_time != told).await.is_err() {
                    return std::future::pending::<()>().await;
                }
            }
        };
        tokio::select! {
            () = reconciler.run(stop) => {}
            () = clock => {}
        }
    }

    /// What follows, tried until it is there.
    async fn opened(self) -> Reconciler {
        let this = Arc::new(self);
        let mut waits = Waits::new();
        loop {
            let again = Arc::clone(&this);
            let opened = tokio::task::spawn_blocking(move || again.open()).await;
            match opened.unwrap_or_else(|error| Err(error.to_string())) {
                Ok(opened) => {
                    this.unfollowed.send_replace(None);
                    return opened;
                }
                Err(why) => {
                    if this.unfollowed.borrow().as_ref() != Some(&why) {
                        tracing::error!(why, "what HQ wants cannot be followed yet");
                    }
                    this.unfollowed.send_replace(Some(why));
                }
            }
            tokio::time::sleep(waits.next()).await;
        }
    }

    fn open(&self) -> Result<Reconciler, String> {
        let told = |error: &dyn std::fmt::Display| error.to_string();
        let credentials = Credentials::in_folder(&self.identity);
        let tls = credentials.authority.exists().then(|| credentials.client_config());
        let tls = tls.transpose().map_err(|error: LineError| told(&error))?;
        let token_file = Some(self.identity.join(TOKEN)).filter(|file| file.exists());
        let origin = |base: String| Origin { base, wan: true, token_file: token_file.clone() };
        let files = Files::open(&self.data_dir.join("bundles")).map_err(|error| told(&error))?;
        let packages = Packages::open(&self.data_dir).map_err(|error| told(&error))?;
        let shelf = Arc::clone(&self.shelf);
        let known_model = move |digest: &str| answers(&*shelf, digest);
        let (shelf_of_bundles, metrics) = (Arc::clone(&self.shelf), Arc::clone(&self.metrics));
        let stage = Bundles::new(files, packages, shelf_of_bundles, metrics);
        let setup = Setup {
            store: self.store.clone(),
            keys: self.trust.keys.clone(),
            catalogues: self.catalogues.clone(),
            facts: self.facts.clone(),
            cache: self.cache.clone(),
            known_model: Arc::new(known_model),
            data_dir: self.data_dir.clone(),
            origins: self.hq.clone().map(origin).into_iter().collect(),
            tls: tls.map(|tls| (*tls).clone()),
            limits: FetchLimits::default(),
            room: self.room.clone(),
            time: Arc::clone(&self.time),
            zone: self.zone,
            stage: Arc::new(stage),
            hands: Arc::<Known>::clone(&self.hands),
        };
        setup.open().map_err(|error| told(&error))
    }
}

/// Whether a model of this digest is in memory.
fn answers(shelf: &dyn Shelf, digest: &str) -> bool {
    let is_it = |served: &Served| match served {
        Served::Language(served) => served.digest == digest,
        Served::Network(_) => false,
    };
    shelf.loaded().iter().any(is_it)
}
