//! The file, and the one way to write it.

use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use redb::{
    Database, DatabaseError, ReadTransaction, ReadableDatabase, StorageBackend, TableError,
};
use tokio::sync::watch;

use super::config::StateConfig;
use super::error::{During, StateError};
use super::tables::{
    AUDIT_STORED, COMMANDS, DEAD, DESIRED, FAILURES, HEADS, INBOX, META, OUTBOX, REPORTED, SCHEMA,
    STREAMS,
};
use super::writing::Writing;
use crate::protocol::{BootId, Place, Sender, Source};

/// Memory for pages of the file.
const CACHE_BYTES: usize = 4 << 20;

const OPENING: &str = "opening the state";

/// What HQ wants, what is so, and what waits to be told. A clone is the same state.
#[derive(Debug, Clone)]
pub struct Store(Arc<Shared>);

/// How the database is opened, at first and after the disk failed: redb believes no disk a second
/// time.
type Opener = Box<dyn Fn() -> Result<Database, DatabaseError> + Send + Sync>;

struct Shared {
    /// None while it could not be opened anew.
    database: Mutex<Option<Arc<Database>>>,
    opener: Opener,
    /// Whether the disk failed since the database was opened.
    failed: AtomicBool,
    config: StateConfig,
    sender: Sender,
    commits: watch::Sender<u64>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "State({:?})", self.sender.source)
    }
}

impl Store {
    /// The state in a file, which is made where there is none. Blocks on the disk.
    pub fn open(path: &Path, place: Place, config: StateConfig) -> Result<Self, StateError> {
        if !path.exists() {
            Self::make(path, &place, config)?;
        }
        Self::of(opener(path), place, config)
    }

    /// Makes a file under another name and then renames it: one whose making was cut short by a
    /// power failure is no database, and would be found as one.
    fn make(path: &Path, place: &Place, config: StateConfig) -> Result<(), StateError> {
        let act = "making the file of the state";
        let unfinished = path.with_added_extension("new");
        match std::fs::remove_file(&unfinished) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).during(act);
            }
            _ => {}
        }
        drop(Self::of(opener(&unfinished), place.clone(), config)?);
        std::fs::rename(&unfinished, path).during(act)?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = std::fs::File::open(folder.unwrap_or(Path::new("."))).during(act)?;
        folder.sync_all().during(act)
    }

    /// The state on something else than a file, which is asked for at first and after a failure.
    pub fn on<B: StorageBackend>(
        device: impl Fn() -> B + Send + Sync + 'static,
        place: Place,
        config: StateConfig,
    ) -> Result<Self, StateError> {
        let open = move || {
            let mut builder = Database::builder();
            builder.set_cache_size(CACHE_BYTES).create_with_backend(device())
        };
        Self::of(Box::new(open), place, config)
    }

    fn of(opener: Opener, place: Place, config: StateConfig) -> Result<Self, StateError> {
        let sender = Sender { source: Source::Node(place), boot: BootId(random()?) };
        let (commits, _) = watch::channel(0);
        let database = Mutex::new(Some(Arc::new(opener().during(OPENING)?)));
        let failed = AtomicBool::new(false);
        let store = Self(Arc::new(Shared { database, opener, failed, config, sender, commits }));
        match store.schema()? {
            Some(SCHEMA) => Ok(store),
            Some(found) => Err(StateError::Version { found, known: SCHEMA }),
            None => store.write(Store::create).map(|()| store),
        }
    }

    /// The database; opened anew where the disk failed before. While something still reads what
    /// was open before, a file cannot be, and the next try may.
    fn database(&self) -> Result<Arc<Database>, StateError> {
        let mut database = self.0.database.lock().unwrap_or_else(PoisonError::into_inner);
        if self.0.failed.swap(false, Ordering::AcqRel) {
            *database = None; // A file is opened once at a time.
        }
        match &*database {
            Some(database) => Ok(Arc::clone(database)),
            None => {
                let opened = Arc::new((self.0.opener)().during("opening the state anew")?);
                Ok(Arc::clone(database.insert(opened)))
            }
        }
    }

    /// Takes note that the disk failed, where it did.
    fn watch<T>(&self, done: Result<T, StateError>) -> Result<T, StateError> {
        if matches!(done, Err(StateError::Storage { .. })) {
            self.distrust();
        }
        done
    }

    /// Has the database opened anew before it is used again: for whoever saw it fail.
    pub fn distrust(&self) {
        self.0.failed.store(true, Ordering::Release);
    }

    fn schema(&self) -> Result<Option<u64>, StateError> {
        let act = "reading the version of the state";
        let read = self.read()?;
        match read.open_table(META) {
            Ok(meta) => Ok(meta.get("schema").during(act)?.map(|found| found.value())),
            Err(TableError::TableDoesNotExist(_)) => Ok(None),
            Err(error) => Err(error).during(act),
        }
    }

    /// All tables are there from the start, so that reading needs no second case.
    fn create(writing: &Writing<'_>) -> Result<(), StateError> {
        let act = "making the state";
        let transaction = writing.transaction();
        transaction.open_table(STREAMS).during(act)?;
        transaction.open_table(OUTBOX).during(act)?;
        transaction.open_table(INBOX).during(act)?;
        transaction.open_table(FAILURES).during(act)?;
        transaction.open_table(DEAD).during(act)?;
        transaction.open_table(DESIRED).during(act)?;
        transaction.open_table(HEADS).during(act)?;
        transaction.open_table(REPORTED).during(act)?;
        transaction.open_table(COMMANDS).during(act)?;
        transaction.open_table(AUDIT_STORED).during(act)?;
        writing.put("ledger", u64::from_be_bytes(random()?))?;
        writing.put("schema", SCHEMA)
    }

    /// Does all of it, or nothing: what `act` writes here and, by [`Writing::transaction`], in
    /// tables of other rooms, is on the disk together when this returns, and not at all where `act`
    /// fails. Blocks on the disk; one writer at a time.
    pub fn write<T, E: From<StateError>>(
        &self,
        act: impl FnOnce(&Writing<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let began = self.database()?.begin_write().during("beginning to write the state");
        let transaction = self.watch(began)?;
        let done = act(&Writing::new(&transaction, self));
        match done {
            Ok(done) => {
                self.watch(transaction.commit().during("writing the state"))?;
                self.0.commits.send_modify(|commits| *commits += 1);
                Ok(done)
            }
            Err(error) => {
                self.watch(transaction.abort().during("giving up a change of the state"))?;
                Err(error)
            }
        }
    }

    /// A view of the state as it is now, for reading tables of any room.
    pub fn read(&self) -> Result<ReadTransaction, StateError> {
        self.watch(self.database()?.begin_read().during("reading the state"))
    }

    /// Changes with every commit: whoever makes the world follow the state waits for it.
    #[must_use]
    pub fn commits(&self) -> watch::Receiver<u64> {
        self.0.commits.subscribe()
    }

    /// Who speaks, in this run of the program.
    #[must_use]
    pub fn sender(&self) -> &Sender {
        &self.0.sender
    }

    /// How much is kept.
    #[must_use]
    pub fn config(&self) -> &StateConfig {
        &self.0.config
    }
}

fn opener(path: &Path) -> Opener {
    let path = path.to_owned();
    Box::new(move || Database::builder().set_cache_size(CACHE_BYTES).create(&path))
}

/// Bytes of chance.
pub(super) fn random<const N: usize>() -> Result<[u8; N], StateError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(StateError::Random)?;
    Ok(bytes)
}
