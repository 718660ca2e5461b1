//! HQ as one thing: its database, keys, clock, and who is told of what changes.

use std::path::Path;
use std::sync::Arc;

use tokio::sync::{broadcast, watch};

use super::artefacts::Artefacts;
use super::clock::Clock;
use super::config::HqConfig;
use super::database::Database;
use super::director::Director;
use super::enrolment::Authority;
use super::error::HqError;
use super::figures::Tally;
use super::ingest::{Outgoing, Rates};
use super::registry::Registry;
use crate::protocol::{Label, UnixMillis};

/// The file that makes a folder an HQ's.
const DATABASE: &str = "hq.db";
/// Messages that wait for the line; what does not fit is sent when its node asks or with the next round.
const MAX_OUTGOING: usize = 1024;

/// Headquarters.
#[derive(Debug)]
pub struct Hq {
    pub(super) config: HqConfig,
    pub(super) database: Database,
    pub(super) director: Director,
    pub(super) authority: Authority,
    pub(super) artefacts: Artefacts,
    pub(super) clock: Clock,
    /// What each node may still say.
    pub(super) rates: Rates,
    /// What was counted since the start.
    pub(super) tally: Tally,
    /// Since when this process has it open.
    pub(super) started: UnixMillis,
    /// Held while a catalogue goes from one epoch to the next.
    pub(super) publishing: tokio::sync::Mutex<()>,
    outgoing: broadcast::Sender<Arc<Outgoing>>,
    changes: watch::Sender<u64>,
}

impl Hq {
    /// Whether a folder has an HQ.
    #[must_use]
    pub fn is_in(folder: &Path) -> bool {
        folder.join(DATABASE).is_file()
    }

    /// Opens the HQ of a folder; where there is none, none is made: the folder's name may be mistyped.
    pub async fn open_made(config: HqConfig) -> Result<Self, HqError> {
        if !Self::is_in(&config.data_dir) {
            return Err(HqError::NotThere(config.data_dir));
        }
        Self::open(config).await
    }

    /// Opens a folder; makes it, its keys and its database at the first start.
    pub async fn open(config: HqConfig) -> Result<Self, HqError> {
        let folder = &config.data_dir;
        std::fs::create_dir_all(folder).map_err(HqError::file("making", folder))?;
        let director = Director::open(folder)?;
        let authority = Authority::open(folder)?;
        let artefacts = Artefacts::open(&folder.join("artefacts"))?;
        let database = Database::open(&folder.join(DATABASE), config.readers).await?;
        let (outgoing, _) = broadcast::channel(MAX_OUTGOING);
        let (changes, _) = watch::channel(0);
        let clock = Clock::start()?;
        let (publishing, started) = (tokio::sync::Mutex::default(), super::clock::now());
        Ok(Self {
            rates: Rates::new(config.rate),
            config,
            database,
            director,
            authority,
            artefacts,
            clock,
            started,
            tally: Tally::default(),
            publishing,
            outgoing,
            changes,
        })
    }

    /// Copies the database into a file that is not there yet, while everything goes on.
    pub async fn back_up(&self, to: &std::path::Path) -> Result<(), HqError> {
        self.database.copy_to(to).await
    }

    /// Tenants, stores, nodes and groups.
    pub fn registry(&self) -> Registry<'_> {
        Registry::new(self)
    }

    /// The keys that sign.
    pub fn director(&self) -> &Director {
        &self.director
    }

    /// Who vouches for nodes.
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// Files that stores fetch.
    pub fn artefacts(&self) -> &Artefacts {
        &self.artefacts
    }

    /// What is to be said to nodes that are on the line, as it comes up.
    pub fn outgoing(&self) -> broadcast::Receiver<Arc<Outgoing>> {
        self.outgoing.subscribe()
    }

    /// Counts changes, for those who show them.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Names of a tenant's catalogues of facts.
    pub(super) async fn catalogue_names(&self, tenant: &Label) -> Result<Vec<String>, HqError> {
        let select = "SELECT name FROM catalogues WHERE tenant = $1 ORDER BY name";
        let rows: Vec<(String,)> = sqlx::query_as(select)
            .bind(tenant.as_str())
            .fetch_all(self.database.reader())
            .await
            .map_err(HqError::database("reading catalogues"))?;
        Ok(rows.into_iter().map(|(name,)| name).collect())
    }

    /// Hands messages to the line, if there is one; their nodes learn of them in any case.
    pub(super) fn say(&self, messages: impl IntoIterator<Item = Outgoing>) {
        for message in messages {
            let _ = self.outgoing.send(Arc::new(message));
        }
    }

    /// Something can be seen that was not there before.
    pub(super) fn changed(&self) {
        self.changes.send_modify(|count| *count += 1);
    }
}
