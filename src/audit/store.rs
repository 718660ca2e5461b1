//! The file, and the one way to write it.

use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, PoisonError};

use redb::{
    Database, DatabaseError, Durability, ReadTransaction, ReadableDatabase, ReadableTable,
    ReadableTableMetadata, StorageBackend, TableError, WriteTransaction,
};

use super::config::AuditConfig;
use super::entry::hex;
use super::error::{AuditError, During};
use super::reach::Erasing;
use super::tables::{BY_SUBJECT, DAY, ENTRIES, HEADS, IDS, INPUTS, META, SCHEMA};
use super::writer::{self, Job};
use crate::shoppers::Shoppers;

/// Memory for pages of the file.
const CACHE_BYTES: usize = 4 << 20;
const FILE: &str = "audit.redb";
const OPENING: &str = "opening the audit";

/// Records of generated answers. A clone is the same.
#[derive(Clone)]
pub struct Audit {
    pub(super) shared: Arc<Shared>,
    pub(super) queue: SyncSender<Job>,
}

/// How the database is opened, at first and after the disk failed: redb believes no disk a second
/// time.
type Opener = Box<dyn Fn() -> Result<Database, DatabaseError> + Send + Sync>;

pub(super) struct Shared {
    /// None while it could not be opened anew.
    database: Mutex<Option<Arc<Database>>>,
    opener: Opener,
    failed: AtomicBool,
    pub(super) shoppers: Shoppers,
    pub(super) config: AuditConfig,
    /// Records that could not be written and that no entry tells of yet.
    pub(super) lost: AtomicU64,
    /// The same since the start.
    pub(super) lost_in_all: AtomicU64,
}

/// Where the chain ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The number of its last entry; 0 where there is none.
    pub entries: u64,
    /// The head after it.
    pub head: [u8; 32],
}

/// How much there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Figures {
    /// Records that are kept.
    pub records: u64,
    /// Bytes of what is sealed beside them.
    pub inputs_bytes: u64,
    /// Records since the start that could not be written.
    pub lost: u64,
}

impl Head {
    /// The head, hexadecimal.
    pub fn digest(&self) -> String {
        hex(&self.head)
    }
}

impl fmt::Debug for Audit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Audit")
    }
}

impl Audit {
    /// The records in `audit.redb` of a folder, which is made where it is not there. Erasures of
    /// `shoppers` reach them from now on.
    pub fn open(
        folder: &Path,
        shoppers: Shoppers,
        config: AuditConfig,
    ) -> Result<Self, AuditError> {
        let path = folder.join(FILE);
        let open = move || Database::builder().set_cache_size(CACHE_BYTES).create(&path);
        Self::of(Box::new(open), shoppers, config)
    }

    /// The same on something else than a file, which is asked for at first and after a failure.
    pub fn on<B: StorageBackend>(
        device: impl Fn() -> B + Send + Sync + 'static,
        shoppers: Shoppers,
        config: AuditConfig,
    ) -> Result<Self, AuditError> {
        let open = move || {
            let mut builder = Database::builder();
            builder.set_cache_size(CACHE_BYTES).create_with_backend(device())
        };
        Self::of(Box::new(open), shoppers, config)
    }

    fn of(opener: Opener, shoppers: Shoppers, config: AuditConfig) -> Result<Self, AuditError> {
        let shared = Arc::new(Shared {
            database: Mutex::new(Some(Arc::new(opener().during(OPENING)?))),
            opener,
            failed: AtomicBool::new(false),
            shoppers,
            config,
            lost: AtomicU64::new(0),
            lost_in_all: AtomicU64::new(0),
        });
        match shared.schema()? {
            Some(SCHEMA) => {}
            Some(found) => return Err(AuditError::Version { found, known: SCHEMA }),
            None => shared.write(create)?,
        }
        shared.shoppers.reach(Arc::new(Erasing(Arc::downgrade(&shared))));
        let queue = writer::start(Arc::clone(&shared))?;
        Ok(Self { shared, queue })
    }

    /// Where the chain ends. What was told a moment ago may not be in it yet: [`Audit::flush`].
    pub fn head(&self) -> Result<Head, AuditError> {
        let heads = self.shared.read()?.open_table(HEADS).during("reading the audit")?;
        let (entries, head) = end(&heads, "last")?;
        Ok(Head { entries, head })
    }

    /// How much there is now.
    pub fn figures(&self) -> Result<Figures, AuditError> {
        let act = "counting records";
        let transaction = self.shared.read()?;
        let meta = transaction.open_table(META).during(act)?;
        Ok(Figures {
            records: transaction.open_table(IDS).during(act)?.len().during(act)?,
            inputs_bytes: meta.get("inputs_bytes").during(act)?.map_or(0, |it| it.value()),
            lost: self.shared.lost_in_all.load(Ordering::Relaxed),
        })
    }

    /// How much is kept, and for how long.
    pub fn config(&self) -> &AuditConfig {
        &self.shared.config
    }
}

impl Shared {
    fn schema(&self) -> Result<Option<u64>, AuditError> {
        let act = "reading the version of the audit";
        match self.read()?.open_table(META) {
            Ok(meta) => Ok(meta.get("schema").during(act)?.map(|found| found.value())),
            Err(TableError::TableDoesNotExist(_)) => Ok(None),
            Err(error) => Err(error).during(act),
        }
    }

    /// The database; opened anew where the disk failed before.
    fn database(&self) -> Result<Arc<Database>, AuditError> {
        let mut database = self.database.lock().unwrap_or_else(PoisonError::into_inner);
        if self.failed.swap(false, Ordering::AcqRel) {
            *database = None; // A file is opened once at a time.
        }
        match &*database {
            Some(database) => Ok(Arc::clone(database)),
            None => {
                let opened = Arc::new((self.opener)().during("opening the audit anew")?);
                Ok(Arc::clone(database.insert(opened)))
            }
        }
    }

    fn watch<T>(&self, done: Result<T, AuditError>) -> Result<T, AuditError> {
        if matches!(done, Err(AuditError::Storage { .. })) {
            self.failed.store(true, Ordering::Release);
        }
        done
    }

    /// Does all of it or nothing; on the disk when it returns.
    pub(super) fn write<T>(
        &self,
        act: impl FnOnce(&WriteTransaction) -> Result<T, AuditError>,
    ) -> Result<T, AuditError> {
        let doing = "writing the audit";
        let began = self.database()?.begin_write().during(doing);
        let mut transaction = self.watch(began)?;
        // Refused only where savepoints are made, which is not so here.
        transaction.set_durability(Durability::Immediate).ok();
        match self.watch(act(&transaction)) {
            Ok(done) => self.watch(transaction.commit().during(doing)).map(|()| done),
            Err(error) => {
                self.watch(transaction.abort().during("giving up a change of the audit"))?;
                Err(error)
            }
        }
    }

    pub(super) fn read(&self) -> Result<ReadTransaction, AuditError> {
        self.watch(self.database()?.begin_read().during("reading the audit"))
    }
}

/// All tables are there from the start, so that reading needs no second case.
fn create(transaction: &WriteTransaction) -> Result<(), AuditError> {
    let act = "making the audit";
    transaction.open_table(HEADS).during(act)?;
    transaction.open_table(ENTRIES).during(act)?;
    transaction.open_table(IDS).during(act)?;
    transaction.open_table(INPUTS).during(act)?;
    transaction.open_table(BY_SUBJECT).during(act)?;
    transaction.open_table(DAY).during(act)?;
    transaction.open_table(META).during(act)?.insert("schema", SCHEMA).during(act)?;
    Ok(())
}

/// One of the two ends of the chain.
pub(super) fn end(
    heads: &impl ReadableTable<&'static str, (u64, [u8; 32])>,
    which: &str,
) -> Result<(u64, [u8; 32]), AuditError> {
    let end = heads.get(which).during("reading the audit")?;
    Ok(end.map_or((0, [0; 32]), |end| end.value()))
}
