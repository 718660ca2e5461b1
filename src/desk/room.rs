//! The desk: what is open, who is there, and the one way to change either.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use redb::{Database, WriteTransaction};
use tokio::sync::watch;

use super::config::DeskConfig;
use super::error::{DeskError, During};
use super::handoff::{Associate, Handoff, HandoffId};
use super::pace::Pace;
use super::presence::{Listening, People, State};
use super::rows;
use super::shoppers::{ConversationId, Events, Shoppers};
use super::telemetry::DeskMetrics;
use super::told::{Board, Missed, Told};

const FILE: &str = "desk.redb";
/// Memory for pages of the file.
const CACHE_BYTES: usize = 1 << 20;

/// The desk. A clone is the same. Calls that change something wait for the disk.
#[derive(Clone)]
pub struct Desk(pub(super) Arc<Shared>);

pub(super) struct Shared {
    pub(super) database: Database,
    pub(super) shoppers: Shoppers,
    pub(super) config: DeskConfig,
    pub(super) open: Mutex<BTreeMap<HandoffId, Open>>,
    pub(super) people: Arc<People>,
    pub(super) pace: Pace,
    pub(super) metrics: DeskMetrics,
    pub(super) board: Board,
    /// Of the file, whose numbers of examples are its own.
    name: u64,
    /// Of this start, so that numbers of another are not taken for this one's.
    origin: u64,
    /// Number of the last example.
    pub(super) corrected: watch::Sender<u64>,
    /// Woken when something is handed off.
    pub(super) called: tokio::sync::Notify,
}

/// A handoff that is open, and what happens in its conversation.
pub(super) struct Open {
    pub(super) handoff: Handoff,
    pub(super) events: Events,
}

/// How much there is. Nothing of it is personal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Figures {
    /// Handoffs that nobody took yet.
    pub waiting: usize,
    /// Handoffs that somebody answers.
    pub claimed: usize,
    /// Associates who may be rung.
    pub present: usize,
}

impl std::fmt::Debug for Desk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Desk")
    }
}

impl Desk {
    /// What is kept in a folder. Handoffs that were open are open again.
    pub fn open(
        folder: &Path,
        shoppers: Shoppers,
        config: DeskConfig,
        metrics: DeskMetrics,
    ) -> Result<Self, DeskError> {
        let act = "opening the desk's file";
        let mut builder = Database::builder();
        builder.set_cache_size(CACHE_BYTES);
        let database = builder.create(folder.join(FILE)).during(act)?;
        let transaction = database.begin_write().during(act)?;
        let (known, last) = rows::load(&transaction, &shoppers)?;
        let name = rows::name(&transaction)?;
        transaction.commit().during(act)?;
        let open = known.into_iter().map(|handoff| {
            let events = shoppers.events(&handoff.conversation);
            (handoff.id, Open { handoff, events })
        });
        Ok(Self(Arc::new(Shared {
            open: Mutex::new(open.collect()),
            database,
            shoppers,
            config,
            people: Arc::new(People::since(now_ms())),
            pace: Pace::default(),
            metrics,
            board: Board::new(),
            name,
            origin: getrandom::u64().map_err(DeskError::Random)?,
            corrected: watch::Sender::new(last),
            called: tokio::sync::Notify::new(),
        })))
    }

    /// Somebody is there for as long as what is returned is held.
    pub fn listen(&self, who: &Associate) -> Listening {
        self.0.people.came(who);
        self.0.called.notify_one();
        Listening { people: Arc::clone(&self.0.people), id: who.id.clone(), clock: now_ms }
    }

    /// Sets whether somebody may be rung.
    pub fn set_presence(&self, who: &Associate, state: State) {
        if self.0.people.set(who, state) {
            let (id, name) = (who.id.clone(), who.name.clone());
            self.0.board.tell(Told::Presence { id, name, state });
            self.0.called.notify_one();
        }
    }

    /// Whether somebody may be rung.
    pub fn presence(&self, id: &str) -> State {
        self.0.people.state(id)
    }

    /// Whether anybody would hear a call.
    pub fn is_staffed(&self) -> bool {
        !self.0.people.present(now_ms()).is_empty()
    }

    /// What is open, the longest first.
    pub fn handoffs(&self) -> Vec<Handoff> {
        let mut all: Vec<_> = self.opened().values().map(|open| open.handoff.clone()).collect();
        all.sort_by_key(|handoff| (handoff.waiting_ms, handoff.id));
        all
    }

    /// One that is open.
    pub fn handoff(&self, id: HandoffId) -> Result<Handoff, DeskError> {
        let open = self.opened();
        open.get(&id).map(|open| open.handoff.clone()).ok_or(DeskError::NotFound)
    }

    /// Whether an associate may look at a shopper's conversation: while it waits for anybody, and while it
    /// is this one's.
    pub fn is_shown(&self, conversation: &ConversationId, to: &str) -> bool {
        let open = self.opened();
        let of = open.values().find(|open| open.handoff.conversation == *conversation);
        of.is_some_and(|open| open.handoff.is_for(to))
    }

    /// Names this start of the desk: numbers of what was told are its own.
    pub fn origin(&self) -> u64 {
        self.0.origin
    }

    /// How many were told since the start, from moment to moment.
    pub fn told(&self) -> watch::Receiver<u64> {
        self.0.board.count()
    }

    /// Names the file: numbers of examples are its own.
    pub fn name(&self) -> u64 {
        self.0.name
    }

    /// The number of the last example, whenever one came or was erased.
    pub fn corrected(&self) -> watch::Receiver<u64> {
        self.0.corrected.subscribe()
    }

    /// What was told behind the first so many, each with its number.
    pub fn told_behind(&self, seen: u64) -> Result<Vec<(u64, Told)>, Missed> {
        self.0.board.behind(seen)
    }

    /// How much there is now.
    pub fn figures(&self) -> Figures {
        let open = self.opened();
        let claimed = open.values().filter(|it| it.handoff.stage == super::Stage::Claimed).count();
        let present = self.0.people.present(now_ms()).len();
        Figures { waiting: open.len() - claimed, claimed, present }
    }

    pub(super) fn opened(&self) -> MutexGuard<'_, BTreeMap<HandoffId, Open>> {
        self.0.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does all of it, on the disk, or nothing.
    pub(super) fn write<T>(
        &self,
        act: impl FnOnce(&WriteTransaction) -> Result<T, DeskError>,
    ) -> Result<T, DeskError> {
        let doing = "writing to the desk's file";
        let transaction = self.0.database.begin_write().during(doing)?;
        let done = act(&transaction)?;
        transaction.commit().during(doing)?;
        Ok(done)
    }
}

/// Milliseconds since 1970.
pub(super) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
