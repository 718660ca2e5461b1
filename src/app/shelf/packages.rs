//! The shelf of installed packages, as the routes see it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::time::Instant;

use super::alias::{self, Aliases};
use super::keeper::{Shared, keep};
use super::kept::{self, Kept};
use super::library::{Found, Library};
use super::state::State;
use crate::api::Served;
use crate::api::shelf::{
    Alias, Lease, Pin, Ports, Presence, Share, Shelf, ShelfError, Shelved, Wanted,
};
use crate::app::AppError;
use crate::config::{Config, LoadAt};
use crate::engine::Budget;
use crate::packages::Store;
use crate::telemetry::Metrics;

/// Name of the file with what was said while the server ran.
const KEPT_FILE: &str = "shelf.json";

/// How often an alias that leads elsewhere while a request waits is followed.
const MAX_TURNS: usize = 4;

/// When to come back where a package's files could not be read.
const PORTS_WAIT: Duration = Duration::from_secs(1);

/// Installed packages, of which those that are needed are in memory.
pub(in crate::app) struct PackageShelf {
    shared: Arc<Shared<Served>>,
    library: Arc<Library>,
    spoken: Mutex<Spoken>,
    file: PathBuf,
    /// One change of the file at a time.
    writing: tokio::sync::Mutex<()>,
}

/// What was said of packages, in the configuration or since.
#[derive(Debug, Clone)]
struct Spoken {
    aliases: Aliases,
    kept: Kept,
}

impl PackageShelf {
    /// Looks which packages there are, and begins to load those that must be there before the first
    /// answer.
    pub(in crate::app) fn open(
        config: &Config,
        budget: &Budget,
        metrics: Arc<Metrics>,
    ) -> Result<Arc<Self>, AppError> {
        let store = Store::open(&config.data_dir)?;
        let (named, engine) = (config.models.serve.clone(), config.engine.clone());
        let models_bytes = budget.models_bytes();
        tracing::info!(bytes = models_bytes, "memory for weights and KV pages");
        let mut state = State::new(models_bytes);
        let library = Library::new(store, named, engine, budget.clone(), Arc::clone(&metrics));
        for Found { name, about, size } in library.all()? {
            state.add(&name, about, size);
        }
        if state.titles.is_empty() {
            tracing::warn!(
                "no model is installed: facts answer alone until `endcap models pull`, or a bundle \
                 from HQ, brings one"
            );
        }
        let file = config.data_dir.join(KEPT_FILE);
        let kept =
            kept::read(&file).map_err(|source| AppError::Kept { path: file.clone(), source })?;
        let aliases = aliases(config, &kept, &state)?;
        pin(config, &kept, &mut state)?;
        let shelf = Self {
            shared: Shared::new(state, metrics),
            library: Arc::new(library),
            spoken: Mutex::new(Spoken { aliases, kept }),
            file,
            writing: tokio::sync::Mutex::default(),
        };
        let happened = Arc::downgrade(&shelf.shared);
        budget.when_lacking(move || {
            happened.upgrade().iter().for_each(|shared| shared.happened.notify_one());
        });
        tokio::spawn(keep(Arc::clone(&shelf.shared), Arc::clone(&shelf.library)));
        Ok(Arc::new(shelf))
    }

    /// Waits until everything that must be in memory is.
    pub(in crate::app) async fn ready(&self) -> Result<(), AppError> {
        let mut told = self.shared.told.subscribe();
        loop {
            match self.shared.lock().missing(Instant::now()) {
                Ok(0) => break,
                Ok(_) => {}
                Err((name, why)) => return Err(AppError::Load { name, why }),
            }
            if told.changed().await.is_err() {
                break;
            }
        }
        self.shared.record(State::settle);
        Ok(())
    }

    /// Refuses new requests; those accepted finish.
    pub(in crate::app) fn shut_down(&self) {
        self.shared.record(State::close).iter().for_each(Served::shut_down);
    }

    fn spoken(&self) -> MutexGuard<'_, Spoken> {
        self.spoken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes up a package that was installed meanwhile. False where there is none.
    async fn look_for(&self, name: &str) -> bool {
        let (library, wanted) = (Arc::clone(&self.library), name.to_owned());
        let found = tokio::task::spawn_blocking(move || library.one(&wanted)).await;
        let Ok(Some(Found { name, about, size })) = found else { return false };
        self.shared.record(|state| {
            if state.titles.contains_key(&name) && !state.has_loaded(&name, &about) {
                // It was replaced on the disk: what is in memory leaves.
                state.leave(&name);
            }
            state.add(&name, about, size);
        });
        true
    }

    async fn find(&self, name: &str) -> Result<(), ShelfError> {
        if self.shared.lock().knows(name) || self.look_for(name).await {
            return Ok(());
        }
        Err(self.unknown(name))
    }

    async fn lend_package(&self, package: &str) -> Result<Lease, ShelfError> {
        self.find(package).await?;
        let (served, lending) = self.shared.lend(package).await?;
        Ok(Lease::new(served, lending))
    }

    fn unknown(&self, name: &str) -> ShelfError {
        let mut error = self.shared.lock().unknown(name);
        if let ShelfError::Unknown { known, .. } = &mut error {
            known.extend(self.aliases().into_iter().map(|alias| alias.name));
        }
        error
    }

    /// The package that answers a request.
    fn package(&self, wanted: Wanted<'_>) -> Result<String, ShelfError> {
        let chance = getrandom::u64().map_err(|error| ShelfError::Internal(error.to_string()))?;
        let spoken = self.spoken();
        let package = spoken.aliases.resolve(wanted.name, wanted.key, chance);
        Ok(package.unwrap_or(wanted.name).to_owned())
    }

    /// Changes what was said, on the disk first.
    async fn say(
        &self,
        change: impl FnOnce(&Spoken) -> Result<Spoken, ShelfError>,
    ) -> Result<(), ShelfError> {
        let _turn = self.writing.lock().await;
        let mut changed = change(&self.spoken())?;
        changed.kept.aliases = changed.aliases.set_here().clone();
        let (file, kept) = (self.file.clone(), changed.kept.clone());
        let written = tokio::task::spawn_blocking(move || kept::replace(&file, &kept)).await;
        let fault =
            |why: String| ShelfError::Internal(format!("replacing {}: {why}", self.file.display()));
        written.map_err(|error| fault(error.to_string()))?.map_err(|e| fault(e.to_string()))?;
        *self.spoken() = changed;
        Ok(())
    }
}

/// The aliases of the configuration, which must hold, and those of the last run.
fn aliases(config: &Config, kept: &Kept, state: &State<Served>) -> Result<Aliases, AppError> {
    let configured = &config.models.aliases;
    let check = |name: &str, shares: &[Share]| {
        alias::check(name, shares, |p| state.knows(p), |other| configured.contains_key(other))
    };
    for (name, shares) in configured {
        check(name, shares).map_err(|fault| AppError::Alias { name: name.clone(), fault })?;
    }
    for (name, shares) in &kept.aliases {
        if let Err(fault) = check(name, shares) {
            tracing::warn!(alias = name, %fault, "an alias set before no longer holds");
        }
    }
    Ok(Aliases::new(configured.clone(), kept.aliases.clone()))
}

/// Pins of the configuration and, above them, those of the last run; and what the start waits for.
fn pin(config: &Config, kept: &Kept, state: &mut State<Served>) -> Result<(), AppError> {
    let models = &config.models;
    if let Some(name) = models.pin.iter().find(|name| !state.knows(name)) {
        return Err(AppError::Pin { name: name.clone() });
    }
    let names: Vec<String> = state.titles.keys().cloned().collect();
    for name in names {
        let pinned = kept.pins.get(&name).copied().unwrap_or(models.pin.contains(&name));
        state.set_pinned(&name, pinned);
        // A bundle that cannot be loaded must not keep the server from starting: it is gone back on.
        let bundled = state.titles.get(&name).is_some_and(|title| title.about.bundled);
        if pinned || (models.load == LoadAt::Start && !bundled) {
            state.require(&name);
        }
    }
    Ok(())
}

impl Shelf for PackageShelf {
    fn lend<'a>(&'a self, wanted: Wanted<'a>) -> BoxFuture<'a, Result<Lease, ShelfError>> {
        async move {
            let mut package = self.package(wanted)?;
            for _ in 0..MAX_TURNS {
                let lent = self.lend_package(&package).await;
                let now = self.package(wanted)?;
                match lent {
                    // The alias led elsewhere meanwhile, and what it led to before is gone.
                    Err(_) if now != package => package = now,
                    lent => return lent,
                }
            }
            self.lend_package(&package).await
        }
        .boxed()
    }

    fn at_hand(&self, wanted: Wanted<'_>) -> Option<Lease> {
        let package = self.package(wanted).ok()?;
        let (served, lending) = self.shared.at_hand(&package)?;
        Some(Lease::new(served, lending))
    }

    fn list(&self) -> Vec<Shelved> {
        self.shared.lock().list(Instant::now())
    }

    fn loaded(&self) -> Vec<Served> {
        self.shared.lock().loaded()
    }

    fn ports<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Ports, ShelfError>> {
        async move {
            let (library, wanted) = (Arc::clone(&self.library), name.to_owned());
            let ports = tokio::task::spawn_blocking(move || library.ports(&wanted)).await;
            let ports = ports.map_err(|error| ShelfError::Internal(error.to_string()))?;
            ports.map_err(|why| ShelfError::Failing {
                name: name.to_owned(),
                why,
                retry_after: PORTS_WAIT,
            })
        }
        .boxed()
    }

    fn budget_bytes(&self) -> u64 {
        self.library.budget().total_bytes()
    }

    fn held_bytes(&self) -> BTreeMap<&'static str, u64> {
        self.library.budget().held_bytes()
    }

    fn look_again(&self) -> BoxFuture<'_, Result<(), ShelfError>> {
        async {
            let library = Arc::clone(&self.library);
            let found = tokio::task::spawn_blocking(move || library.all()).await;
            let found = found.map_err(|error| ShelfError::Internal(error.to_string()))?;
            let found = found.map_err(|error| ShelfError::Internal(error.to_string()))?;
            self.shared.record(|state| {
                let known: Vec<String> = state.titles.keys().cloned().collect();
                for name in known.iter().filter(|name| found.iter().all(|f| f.name != **name)) {
                    state.remove(name);
                }
                for Found { name, about, size } in found {
                    state.add(&name, about, size);
                }
            });
            Ok(())
        }
        .boxed()
    }

    fn load<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), ShelfError>> {
        async move {
            if !self.look_for(name).await {
                return Err(self.unknown(name));
            }
            self.shared.record(|state| state.forgive(name));
            self.shared.lend(name).await.map(|_| ())
        }
        .boxed()
    }

    fn unload<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), ShelfError>> {
        async move {
            self.find(name).await?;
            self.shared.record(|state| {
                let Some(title) = state.titles.get(name) else { return Err(state.unknown(name)) };
                match title.presence() {
                    _ if title.pinned => Err(ShelfError::Pinned { name: name.to_owned() }),
                    Presence::Loading => Err(ShelfError::Loading { name: name.to_owned() }),
                    _ => {
                        if state.leave(name) {
                            self.shared.metrics.shelf().unloaded(name);
                        }
                        Ok(())
                    }
                }
            })
        }
        .boxed()
    }

    fn pin<'a>(&'a self, name: &'a str, pin: Pin) -> BoxFuture<'a, Result<(), ShelfError>> {
        async move {
            self.find(name).await?;
            let pinned = pin == Pin::Keep;
            if pinned {
                self.shared.lock().check_pin(name)?;
            }
            let change = |spoken: &Spoken| {
                let mut changed = spoken.clone();
                changed.kept.pins.insert(name.to_owned(), pinned);
                Ok(changed)
            };
            self.say(change).await?;
            self.shared.record(|state| state.set_pinned(name, pinned));
            Ok(())
        }
        .boxed()
    }

    fn aliases(&self) -> Vec<Alias> {
        self.spoken().aliases.list()
    }

    fn set_alias<'a>(
        &'a self,
        name: &'a str,
        shares: Vec<Share>,
    ) -> BoxFuture<'a, Result<(), ShelfError>> {
        async move {
            for share in &shares {
                // What is not there is told by the check.
                let _ = self.find(&share.package).await;
            }
            self.say(|spoken| {
                let knows = |package: &str| self.shared.lock().knows(package);
                let aliases = spoken.aliases.with(name, shares, knows);
                let refuse = |fault| ShelfError::Alias { name: name.to_owned(), fault };
                Ok(Spoken { aliases: aliases.map_err(refuse)?, ..spoken.clone() })
            })
            .await
        }
        .boxed()
    }
}
