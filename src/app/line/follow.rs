//! What HQ wants is made so: facts, settings, bundles and commands.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

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

use super::commands::Known;

/// The token for HQ's artefacts in the identity folder.
const TOKEN: &str = "token";

/// What following needs.
pub(super) struct Follow {
    /// Who does HQ's commands.
    pub(super) hands: Known,
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
    pub(super) metrics: Arc<Metrics>,
    pub(super) status: watch::Receiver<Status>,
}

impl Follow {
    /// Follows until told to stop. What stands in its way at the beginning is told, and the box
    /// answers on with what it has.
    pub(super) async fn run(self, stop: CancellationToken) {
        let mut status = self.status.clone();
        let time = Arc::clone(&self.time);
        let opened = tokio::task::spawn_blocking(move || self.open()).await;
        let reconciler = match opened {
            Ok(Ok(opened)) => opened,
            Ok(Err(why)) => return tracing::error!(why, "what HQ wants cannot be followed"),
            Err(error) => return tracing::error!(%error, "what HQ wants cannot be followed"),
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

    fn open(self) -> Result<Reconciler, String> {
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
        let stage = Bundles::new(files, packages, self.shelf, self.metrics);
        let setup = Setup {
            store: self.store,
            keys: self.trust.keys,
            catalogues: self.catalogues,
            facts: self.facts,
            cache: self.cache,
            known_model: Arc::new(known_model),
            data_dir: self.data_dir,
            origins: self.hq.map(origin).into_iter().collect(),
            tls: tls.map(|tls| (*tls).clone()),
            limits: FetchLimits::default(),
            room: self.room,
            time: self.time,
            zone: self.zone,
            stage: Arc::new(stage),
            hands: Arc::new(self.hands),
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
