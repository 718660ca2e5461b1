//! The loops set up from what a box has.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::watch;
use tokio_rustls::rustls;

use super::budget;
use super::bundle::{Files, Runner, Stage};
use super::commands::Hands;
use super::config::{ConfigRoom, ConfigTask, Effective};
use super::epochs::{FactsTask, Follower};
use super::error::ReconcileError;
use super::fetch::{FetchLimits, Fetcher, Hold, Origin};
use super::packs::{Known, PackTask};
use super::run::Reconciler;
use super::surroundings::Surroundings;
use super::timekeeper::Timekeeper;
use crate::cache::Cache;
use crate::facts::{Facts, UnixSeconds, Zone};
use crate::protocol::documents::TimeOfDay;
use crate::protocol::{Clock, Keys, Label, UnixMillis};
use crate::state::Store;

/// What a box has.
pub struct Setup {
    /// The state.
    pub store: Store,
    /// Whom to believe.
    pub keys: Keys,
    /// The catalogues of facts that it follows, the most important first; others may be added at the end.
    pub catalogues: watch::Receiver<Vec<Label>>,
    /// Its facts.
    pub facts: Facts,
    /// Its answers.
    pub cache: Cache,
    /// Whether a model of a digest answers here.
    pub known_model: Known,
    /// Its folder; what is fetched comes below `line/` in it, bundles into `bundles/`.
    pub data_dir: PathBuf,
    /// Who has artefacts: neighbours first, HQ last.
    pub origins: Vec<Origin>,
    /// Its certificate and whom it believes, where that is not what the system knows.
    pub tls: Option<rustls::ClientConfig>,
    /// How long and how often is fetched.
    pub limits: FetchLimits,
    /// Its settings, as [`ConfigRoom::open`] found them in the same state.
    pub room: ConfigRoom,
    /// The time.
    pub time: Arc<Timekeeper>,
    /// Where the shop's clock stands.
    pub zone: Zone,
    /// Whoever loads and serves bundles.
    pub stage: Arc<dyn Stage>,
    /// Whoever does commands of other rooms.
    pub hands: Arc<dyn Hands>,
}

impl Setup {
    /// The loops. Blocks on the disk.
    pub fn open(self) -> Result<Reconciler, ReconcileError> {
        let room = self.room.clone();
        let around = self.surroundings(&room);
        let line = self.data_dir.join("line");
        let fetcher = |name: &str| {
            let (folder, origins) = (line.join(name), self.origins.clone());
            Fetcher::new(&folder, origins, self.tls.clone(), self.limits)
        };
        let (store, keys) = (self.store.clone(), self.keys.clone());
        let facts_fetcher = fetcher("facts")?;
        let held = self.facts.clone();
        let follower = move |catalogue: &Label| {
            Follower::new(held.clone(), facts_fetcher.clone(), catalogue.clone())
        };
        let facts = FactsTask::new(
            store.clone(),
            keys.clone(),
            around.clone(),
            self.catalogues.clone(),
            Box::new(follower),
        );
        let config = ConfigTask::new(
            store.clone(),
            keys.clone(),
            around.clone(),
            fetcher("config")?,
            room.clone(),
        );
        let packs = PackTask::new(
            store.clone(),
            keys.clone(),
            around.clone(),
            fetcher("packs")?,
            self.cache.clone(),
            Arc::clone(&self.known_model),
        );
        let bundles = Runner::new(
            store.clone(),
            keys.clone(),
            fetcher("bundles")?,
            Files::open(&self.data_dir.join("bundles"))?,
            Arc::clone(&self.stage),
            around.clone(),
        )?;
        let hands = self.hands;
        Ok(Reconciler { store, keys, around, facts, packs, config, bundles, hands })
    }

    fn surroundings(&self, room: &ConfigRoom) -> Surroundings {
        let time = Arc::clone(&self.time);
        let (zone, hours) = (self.zone, room.follow());
        let in_hours = move |now| may_install(&hours.borrow(), zone, now);
        let (facts, catalogues) = (self.facts.clone(), self.catalogues.clone());
        let facts_epoch = move || {
            let first = catalogues.borrow().first().cloned()?;
            let held = facts.held_epoch(first.as_str()).ok().flatten();
            held.map(|held| held.epoch)
        };
        let (store, budget, keeper) = (self.store.clone(), room.follow(), Arc::clone(&self.time));
        let gate = move |bytes| {
            let clock = keeper.time().0;
            let Clock::Known(now) = clock else { return Err(Hold::Clock) };
            let (open, per_day) = {
                let effective = budget.borrow();
                (may_install(&effective, zone, now), effective.settings.wan_bytes_per_day)
            };
            if !open {
                return Err(Hold::Hours);
            }
            match budget::grant(&store, bytes, per_day, clock) {
                Ok(granted) => granted,
                Err(error) => {
                    tracing::error!(%error, "bytes of the WAN cannot be counted, so none are fetched");
                    Err(Hold::Budget { until: now.plus(60_000) })
                }
            }
        };
        Surroundings {
            time: Arc::new(move || time.time()),
            in_hours: Arc::new(in_hours),
            facts_epoch: Arc::new(facts_epoch),
            gate: Arc::new(gate),
        }
    }
}

/// Whether the settings in force let things be installed at this time.
fn may_install(effective: &Effective, zone: Zone, now: UnixMillis) -> bool {
    use chrono::Timelike as _;
    let seconds = i64::try_from(now.0 / 1000).unwrap_or(i64::MAX);
    let local = zone.local(UnixSeconds(seconds));
    let minutes = u16::try_from(local.hour() * 60 + local.minute()).unwrap_or(0);
    TimeOfDay::from_minutes(minutes).is_some_and(|at| effective.may_install(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_are_those_of_the_shops_clock() {
        let json = br#"{"install_hours": [{"from": "22:00", "until": "05:00"}]}"#;
        let settings = crate::protocol::documents::ConfigDoc::parse(json).unwrap();
        let effective = Effective { settings, until: None };
        // Noon in London, evening in Tokyo.
        let noon = UnixMillis(1_764_158_400_000);
        let zone = |hours: i32| Zone::Offset(chrono::FixedOffset::east_opt(hours * 3600).unwrap());
        assert!(!may_install(&effective, zone(0), noon));
        assert!(may_install(&effective, zone(10), noon));
        assert!(!may_install(&effective, zone(9), noon));
    }
}
