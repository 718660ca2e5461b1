//! The files, and the one way to write them.

use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use redb::backends::FileBackend;
use redb::{
    Database, DatabaseError, Durability, ReadTransaction, ReadableDatabase, ReadableTableMetadata,
    StorageBackend, TableError, WriteTransaction,
};

use super::config::ShoppersConfig;
use super::error::{During, ShoppersError};
use super::events::Listeners;
use super::id::SubjectId;
use super::keys::{self, Keys, Use};
use super::receipt::Reach;
use super::rows::{CONVERSATIONS, ERASING, META, PROFILES, SCHEMA, TURNS};
use super::seal::KEY_LEN;

/// Memory for pages of the file.
const CACHE_BYTES: usize = 4 << 20;
/// The database's name, and that of the box's key.
const DATABASE: &str = "shoppers.redb";
const BOX_KEY: &str = "subjects.key";

/// Conversations and profiles. A clone is the same.
///
/// Calls are short and block on the disk. What was said is on the disk with the next
/// [`Shoppers::flush`] or [`Shoppers::sweep`]; profiles, keys and erasures are when the call returns.
#[derive(Clone)]
pub struct Shoppers(pub(super) Arc<Shared>);

/// How much there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Figures {
    /// Conversations that are not over.
    pub conversations: u64,
    /// Profiles, those of conversations too.
    pub profiles: u64,
    /// Subjects that have a key.
    pub subjects: u64,
}

/// How the database is opened, at first and after the disk failed: redb believes no disk a second
/// time.
type Opener = Box<dyn Fn() -> Result<Database, DatabaseError> + Send + Sync>;

pub(super) struct Shared {
    /// None while it could not be opened anew.
    database: Mutex<Option<Arc<Database>>>,
    opener: Opener,
    /// Whether the disk failed since the database was opened.
    failed: AtomicBool,
    pub(super) keys: Keys,
    pub(super) config: ShoppersConfig,
    pub(super) listeners: Listeners,
    reaches: Mutex<Vec<Arc<dyn Reach>>>,
    /// Whether something was written that a power cut would undo.
    pending: AtomicBool,
}

impl fmt::Debug for Shoppers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shoppers")
    }
}

impl Shoppers {
    /// What is kept in a folder, which has the files made where they are not there: `shoppers.redb`,
    /// the box's key in `subjects.key` and subjects' keys in `subjects.keys`, both of mode 0600.
    pub fn open(folder: &Path, config: ShoppersConfig) -> Result<Self, ShoppersError> {
        let box_key = keys::box_key(&folder.join(BOX_KEY))?;
        let places = open_private(&folder.join(keys::FILE))?;
        let path = folder.join(DATABASE);
        let open = move || Database::builder().set_cache_size(CACHE_BYTES).create(&path);
        Self::of(Box::new(open), Box::new(places), box_key, config)
    }

    /// The same in memory: it goes with the last clone.
    pub fn in_memory(config: ShoppersConfig) -> Result<Self, ShoppersError> {
        let memory = redb::backends::InMemoryBackend::new;
        let open = move || Database::builder().create_with_backend(memory());
        Self::of(Box::new(open), Box::new(memory()), super::id::random()?, config)
    }

    /// The same on something else than files.
    #[cfg(test)]
    pub(super) fn on(
        device: impl StorageBackend + Clone,
        places: impl StorageBackend,
        box_key: [u8; KEY_LEN],
        config: ShoppersConfig,
    ) -> Result<Self, ShoppersError> {
        let open = move || Database::builder().create_with_backend(device.clone());
        Self::of(Box::new(open), Box::new(places), box_key, config)
    }

    fn of(
        opener: Opener,
        places: Box<dyn StorageBackend>,
        box_key: [u8; KEY_LEN],
        config: ShoppersConfig,
    ) -> Result<Self, ShoppersError> {
        let shoppers = Self(Arc::new(Shared {
            database: Mutex::new(Some(Arc::new(opener().during("opening the conversations")?))),
            opener,
            failed: AtomicBool::new(false),
            keys: Keys::open(places, box_key, config.max_subjects)?,
            config,
            listeners: Listeners::default(),
            reaches: Mutex::default(),
            pending: AtomicBool::new(false),
        }));
        match shoppers.schema()? {
            Some(SCHEMA) => Ok(shoppers),
            Some(found) => Err(ShoppersError::Version { found, known: SCHEMA }),
            None => shoppers.write(Durability::Immediate, create).map(|()| shoppers),
        }
    }

    fn schema(&self) -> Result<Option<u64>, ShoppersError> {
        let act = "reading the version of the conversations";
        match self.read()?.open_table(META) {
            Ok(meta) => Ok(meta.get("schema").during(act)?.map(|found| found.value())),
            Err(TableError::TableDoesNotExist(_)) => Ok(None),
            Err(error) => Err(error).during(act),
        }
    }

    /// How much is kept, and for how long.
    pub fn config(&self) -> &ShoppersConfig {
        &self.0.config
    }

    /// Has another room told of every erasure from now on.
    pub fn reach(&self, room: Arc<dyn Reach>) {
        self.0.reaches.lock().unwrap_or_else(PoisonError::into_inner).push(room);
    }

    pub(super) fn reaches(&self) -> Vec<Arc<dyn Reach>> {
        self.0.reaches.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A key for what is nobody's in particular, until then (seconds since 1970).
    pub fn keep_key(&self, until: u64) -> Result<SubjectId, ShoppersError> {
        let subject = SubjectId::new()?;
        self.0.keys.make(&subject, Some(until))?;
        Ok(subject)
    }

    /// Whether what was sealed of a subject can still be opened.
    pub fn has_key(&self, subject: &SubjectId) -> bool {
        self.0.keys.has(subject)
    }

    /// Seals something that another room keeps of a subject. It can be opened for the same `context`
    /// only, until the subject is erased or its time is over.
    pub fn seal(
        &self,
        subject: &SubjectId,
        context: &[u8],
        plain: &[u8],
    ) -> Result<Vec<u8>, ShoppersError> {
        self.0.keys.key(subject, Use::Others)?.seal(context, plain)
    }

    /// Opens what was sealed; [`ShoppersError::Erased`] where the key is gone.
    pub fn open_sealed(
        &self,
        subject: &SubjectId,
        context: &[u8],
        sealed: &[u8],
    ) -> Result<Vec<u8>, ShoppersError> {
        let key = self.0.keys.key(subject, Use::Others)?;
        key.open("what was kept of a subject", context, sealed)
    }

    /// How much there is now.
    pub fn figures(&self) -> Result<Figures, ShoppersError> {
        let act = "counting conversations";
        let transaction = self.read()?;
        Ok(Figures {
            conversations: transaction.open_table(CONVERSATIONS).during(act)?.len().during(act)?,
            profiles: transaction.open_table(PROFILES).during(act)?.len().during(act)?,
            subjects: self.0.keys.count(),
        })
    }

    /// Brings to the disk what was said since the last time.
    pub fn flush(&self) -> Result<(), ShoppersError> {
        if self.0.pending.load(Ordering::Acquire) {
            self.write(Durability::Immediate, |_| Ok(()))?;
        }
        Ok(())
    }

    /// Does all of it or nothing; one writer at a time.
    pub(super) fn write<T>(
        &self,
        durability: Durability,
        act: impl FnOnce(&WriteTransaction) -> Result<T, ShoppersError>,
    ) -> Result<T, ShoppersError> {
        let doing = "writing the conversations";
        let began = self.database()?.begin_write().during(doing);
        let mut transaction = self.watch(began)?;
        let durable = matches!(durability, Durability::Immediate);
        // Refused only where savepoints or several processes write, which is not so here.
        transaction.set_durability(durability).ok();
        match self.watch(act(&transaction)) {
            Ok(done) => {
                // Before others may write, so that none of theirs is taken for written.
                let before = self.0.pending.swap(!durable, Ordering::AcqRel);
                self.watch(transaction.commit().during(doing)).inspect_err(|_| {
                    self.0.pending.fetch_or(before, Ordering::AcqRel);
                })?;
                Ok(done)
            }
            Err(error) => {
                let act = "giving up a change of the conversations";
                self.watch(transaction.abort().during(act))?;
                Err(error)
            }
        }
    }

    pub(super) fn read(&self) -> Result<ReadTransaction, ShoppersError> {
        self.watch(self.database()?.begin_read().during("reading the conversations"))
    }

    /// The database; opened anew where the disk failed before. What was not on the disk is lost then.
    fn database(&self) -> Result<Arc<Database>, ShoppersError> {
        let mut database = self.0.database.lock().unwrap_or_else(PoisonError::into_inner);
        if self.0.failed.swap(false, Ordering::AcqRel) {
            *database = None; // A file is opened once at a time.
        }
        match &*database {
            Some(database) => Ok(Arc::clone(database)),
            None => {
                let opened = (self.0.opener)().during("opening the conversations anew")?;
                Ok(Arc::clone(database.insert(Arc::new(opened))))
            }
        }
    }

    /// Takes note that the disk failed, where it did.
    fn watch<T>(&self, done: Result<T, ShoppersError>) -> Result<T, ShoppersError> {
        if matches!(done, Err(ShoppersError::Storage { .. })) {
            self.0.failed.store(true, Ordering::Release);
        }
        done
    }
}

/// All tables are there from the start, so that reading needs no second case.
fn create(transaction: &WriteTransaction) -> Result<(), ShoppersError> {
    let act = "making the conversations";
    transaction.open_table(CONVERSATIONS).during(act)?;
    transaction.open_table(TURNS).during(act)?;
    transaction.open_table(PROFILES).during(act)?;
    transaction.open_table(ERASING).during(act)?;
    transaction.open_table(META).during(act)?.insert("schema", SCHEMA).during(act)?;
    Ok(())
}

/// A file of mode 0600, made where there is none.
fn open_private(path: &Path) -> Result<FileBackend, ShoppersError> {
    let mut options = std::fs::OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path).map_err(keys::file("opening", path))?;
    FileBackend::new(file).during("opening the subjects' keys")
}
