//! The database: one file of SQLite, many readers, one writer.
//!
//! Only this module knows that it is SQLite; migrations of another database would stand beside these.

mod migrations;

use std::path::Path;
use std::time::Duration;

use sqlx::Error;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};

use super::error::HqError;

/// The database that queries are written for.
pub(super) type Backend = sqlx::Sqlite;
/// A change that is there as a whole or not at all.
pub(super) type Transaction = sqlx::Transaction<'static, Backend>;
/// How long a query waits for a connection, or for another process that writes.
const PATIENCE: Duration = Duration::from_secs(20);

/// Connections to the database.
#[derive(Debug, Clone)]
pub(super) struct Database {
    readers: SqlitePool,
    writer: SqlitePool,
}

impl Database {
    /// Opens the file, makes it where it is missing, and brings it to this version's form.
    pub(super) async fn open(path: &Path, readers: u32) -> Result<Self, HqError> {
        for_its_owner(path)
            .map_err(|error| HqError::database("making the database")(Error::Io(error)))?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // What was acknowledged must be there after a power cut.
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(PATIENCE);
        let pool = |connections| {
            SqlitePoolOptions::new().max_connections(connections).acquire_timeout(PATIENCE)
        };
        let opening = HqError::database("opening a connection");
        let writer = pool(1).connect_with(options.clone()).await.map_err(opening)?;
        let form = |source| HqError::Form { path: path.to_owned(), source };
        migrations::run(&writer).await.map_err(form)?;
        let opening = HqError::database("opening a connection");
        let readers = pool(readers).connect_with(options).await.map_err(opening)?;
        Ok(Self { readers, writer })
    }

    /// Copies all that is committed into a new file.
    pub(super) async fn copy_to(&self, to: &Path) -> Result<(), HqError> {
        let copying = HqError::database("copying");
        let to = to.to_string_lossy().into_owned();
        let copy = sqlx::query("VACUUM INTO $1").bind(to).execute(&self.readers).await;
        copy.map(drop).map_err(copying)
    }

    /// Writes what was changed into the file and empties what stands beside it, so that nothing of before is
    /// left there. What is being read just now keeps its part until the next time.
    pub(super) async fn fold_in(&self) -> Result<(), HqError> {
        let folded = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&self.writer).await;
        folded.map(drop).map_err(HqError::database("folding in what was written"))
    }

    /// To read with.
    pub(super) fn reader(&self) -> &SqlitePool {
        &self.readers
    }

    /// Begins to read what belongs together; keeps nobody from writing.
    pub(super) async fn read(&self) -> Result<Transaction, HqError> {
        self.readers.begin().await.map_err(HqError::database("beginning to read"))
    }

    /// Begins a change; others wait until it is over.
    pub(super) async fn begin(&self) -> Result<Transaction, HqError> {
        // Another process may write, too: one that began by reading would be refused when it writes.
        let mut begun = self.writer.begin_with("BEGIN IMMEDIATE").await;
        if matches!(begun, Err(Error::InvalidSavePointStatement | Error::BeginFailed)) {
            // A full disk ends a change by itself, of which the connection does not hear: it would take
            // every later one for a part of that, for ever.
            let renewed = async { self.writer.acquire().await?.close().await };
            renewed.await.map_err(HqError::database("renewing a connection"))?;
            begun = self.writer.begin_with("BEGIN IMMEDIATE").await;
        }
        begun.map_err(HqError::database("beginning a change"))
    }
}

/// Whether what this change removes is overwritten with zeros, until it is said otherwise. It costs as much
/// as writing it, so only what somebody asked to be erased is.
pub(super) async fn overwriting(change: &mut Transaction, is: bool) -> Result<(), HqError> {
    let set = if is { "PRAGMA secure_delete = ON" } else { "PRAGMA secure_delete = OFF" };
    let done = sqlx::query(set).execute(&mut **change).await;
    done.map(drop).map_err(HqError::database("having what is removed overwritten"))
}

/// Makes the file where it is missing, and lets nobody read it but its owner. What SQLite puts beside it
/// is like it.
fn for_its_owner(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
    let mode = 0o600;
    let file = std::fs::OpenOptions::new().create(true).append(true).mode(mode).open(path)?;
    file.set_permissions(std::fs::Permissions::from_mode(mode))
}

/// Whether the database failed by itself, as it would have with any other row: no room, a lock that was not
/// given up, a fault of the disk.
pub(super) fn failed_by_itself(error: &sqlx::Error) -> bool {
    match error {
        Error::Database(error) => {
            let code = error.code().and_then(|code| code.parse::<u32>().ok());
            // The lower byte is SQLite's primary code.
            code.is_some_and(|code| OWN_FAULTS.contains(&(code & 0xff)))
        }
        Error::Io(_) | Error::PoolTimedOut | Error::PoolClosed | Error::WorkerCrashed => true,
        _ => false,
    }
}

/// BUSY, LOCKED, NOMEM, READONLY, INTERRUPT, IOERR, CORRUPT, FULL, CANTOPEN, NOTADB.
const OWN_FAULTS: [u32; 10] = [5, 6, 7, 8, 9, 10, 11, 13, 14, 26];

/// Makes a change last.
pub(super) async fn commit(change: Transaction) -> Result<(), HqError> {
    change.commit().await.map_err(HqError::database("committing a change"))
}
