//! The file, and the one way to write it.

use std::path::Path;
use std::sync::Arc;

use redb::{Database, ReadTransaction, ReadableDatabase, StorageBackend, TableError};
use tokio::sync::watch;

use super::config::StateConfig;
use super::error::{During, StateError};
use super::tables::{
    COMMANDS, DEAD, DESIRED, FAILURES, HEADS, INBOX, META, OUTBOX, REPORTED, SCHEMA, STREAMS,
};
use super::writing::Writing;
use crate::protocol::{BootId, Place, Sender, Source};

/// Memory for pages of the file.
const CACHE_BYTES: usize = 4 << 20;

/// What HQ wants, what is so, and what waits to be told. A clone is the same state.
#[derive(Debug, Clone)]
pub struct Store(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    database: Database,
    config: StateConfig,
    sender: Sender,
    commits: watch::Sender<u64>,
}

impl Store {
    /// The state in a file, which is made where there is none. Blocks on the disk.
    pub fn open(path: &Path, place: Place, config: StateConfig) -> Result<Self, StateError> {
        if !path.exists() {
            Self::make(path, &place, config)?;
        }
        Self::of(opened(path)?, place, config)
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
        drop(Self::of(opened(&unfinished)?, place.clone(), config)?);
        std::fs::rename(&unfinished, path).during(act)?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = std::fs::File::open(folder.unwrap_or(Path::new("."))).during(act)?;
        folder.sync_all().during(act)
    }

    /// The state on something else than a file.
    pub fn on(
        backend: impl StorageBackend,
        place: Place,
        config: StateConfig,
    ) -> Result<Self, StateError> {
        let mut builder = Database::builder();
        let database = builder.set_cache_size(CACHE_BYTES).create_with_backend(backend);
        Self::of(database.during("opening the state")?, place, config)
    }

    fn of(database: Database, place: Place, config: StateConfig) -> Result<Self, StateError> {
        let sender = Sender { source: Source::Node(place), boot: BootId(random()?) };
        let (commits, _) = watch::channel(0);
        let store = Self(Arc::new(Shared { database, config, sender, commits }));
        match store.schema()? {
            Some(SCHEMA) => Ok(store),
            Some(found) => Err(StateError::Version { found, known: SCHEMA }),
            None => store.write(Store::create).map(|()| store),
        }
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
        let transaction = self.0.database.begin_write().during("beginning to write the state")?;
        let done = act(&Writing::new(&transaction, self));
        match done {
            Ok(done) => {
                transaction.commit().during("writing the state")?;
                self.0.commits.send_modify(|commits| *commits += 1);
                Ok(done)
            }
            Err(error) => {
                transaction.abort().during("giving up a change of the state")?;
                Err(error)
            }
        }
    }

    /// A view of the state as it is now, for reading tables of any room.
    pub fn read(&self) -> Result<ReadTransaction, StateError> {
        self.0.database.begin_read().during("reading the state")
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

fn opened(path: &Path) -> Result<Database, StateError> {
    Database::builder().set_cache_size(CACHE_BYTES).create(path).during("opening the state")
}

/// Bytes of chance.
pub(super) fn random<const N: usize>() -> Result<[u8; N], StateError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(StateError::Random)?;
    Ok(bytes)
}
