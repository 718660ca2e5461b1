//! Facts on disk: one redb file, one write transaction for each batch.
//!
//! Values are JSON as on the wire, so that a field that is added needs no rewriting of what is
//! there. A file of another schema version is refused.

mod load;
mod published;
mod session;

use std::path::{Path, PathBuf};

use redb::{Database, ReadableDatabase, StorageBackend, TableDefinition};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::error::FactsError;
use super::fact::Fact;
use super::label::Id;
use super::name::{FactId, Name, Revision, Source, Table};
use super::state::Row;
use super::time::UnixSeconds;
use super::weight;

pub(super) use load::Loaded;
pub(super) use published::Published;
pub(super) use session::Session;

/// Changes whenever what is stored means something else.
const SCHEMA: u64 = 1;
/// Memory for pages of the file; facts themselves are in memory anyway.
const CACHE_BYTES: usize = 8 << 20;

/// `schema`, `origin`, `revision`, `floor`, `oldest`.
const META: TableDefinition<&str, u64> = TableDefinition::new("meta");
/// Every row, deleted ones included, by table and id.
const ROWS: TableDefinition<(u8, &str), &[u8]> = TableDefinition::new("rows");
/// Revisions of collections.
const GROUPS: TableDefinition<&str, u64> = TableDefinition::new("groups");
/// When each table was last heard of.
const HEARD: TableDefinition<u8, i64> = TableDefinition::new("heard");
/// The last changes, by revision.
const CHANGES: TableDefinition<u64, &[u8]> = TableDefinition::new("changes");
/// Rows as they were, by table, id and revision.
const HISTORY: TableDefinition<(u8, &str, u64), &[u8]> = TableDefinition::new("history");
/// What is forgotten in time: when it was replaced or deleted, and by which revision, to the
/// table, the id and the revision it had.
const REPLACED: TableDefinition<(i64, u64), (u8, &str, u64)> = TableDefinition::new("replaced");
/// What requests with an idempotency key were answered.
const ANSWERS: TableDefinition<&str, &[u8]> = TableDefinition::new("answers");
/// The same keys by their time.
const ANSWERED: TableDefinition<(i64, &str), ()> = TableDefinition::new("answered");

/// The file of facts.
#[derive(Debug)]
pub(super) struct Disk {
    path: PathBuf,
    database: Database,
}

/// A row as it is stored.
#[derive(Serialize, Deserialize)]
struct StoredRow<'a> {
    revision: Revision,
    safety: Revision,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    source: Option<Source>,
    written: i64,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    fact: Option<&'a RawValue>,
}

/// A change as it is stored; its revision is the key.
#[derive(Serialize, Deserialize)]
struct StoredChange {
    table: Table,
    id: Id,
    gone: bool,
    names: Vec<Name>,
}

impl Disk {
    /// Opens the file, or makes it.
    pub(super) fn open(path: &Path) -> Result<Self, FactsError> {
        if !path.exists() {
            Self::create(path)?;
        }
        let opened = Database::builder().set_cache_size(CACHE_BYTES).open(path);
        Self::with(opened.map_err(|error| failed("opening", path, error.into()))?, path)
    }

    /// Makes the file under another name: where the power fails meanwhile, there is none yet.
    fn create(path: &Path) -> Result<(), FactsError> {
        let fresh = path.with_extension("redb.new");
        let io = |error: std::io::Error| FactsError::Disk {
            act: "making",
            path: path.to_owned(),
            source: Box::new(error),
        };
        if fresh.exists() {
            std::fs::remove_file(&fresh).map_err(io)?;
        }
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(io)?;
        }
        let made = Database::create(&fresh);
        drop(Self::with(made.map_err(|error| failed("making", &fresh, error.into()))?, &fresh)?);
        std::fs::rename(&fresh, path).map_err(io)?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = std::fs::File::open(folder.unwrap_or(Path::new("."))).map_err(io)?;
        folder.sync_all().map_err(io)
    }

    /// The same on something else than a file; the path is for messages.
    pub(super) fn on(backend: impl StorageBackend, path: &Path) -> Result<Self, FactsError> {
        let mut builder = Database::builder();
        let opened = builder.set_cache_size(CACHE_BYTES).create_with_backend(backend);
        Self::with(opened.map_err(|error| failed("opening", path, error.into()))?, path)
    }

    fn with(database: Database, path: &Path) -> Result<Self, FactsError> {
        let disk = Self { path: path.to_owned(), database };
        disk.check_schema()?;
        Ok(disk)
    }

    /// Reads the version, or begins a new store.
    fn check_schema(&self) -> Result<(), FactsError> {
        let read = self.database.begin_read().map_err(|error| self.failed(error))?;
        let found = match read.open_table(META) {
            Ok(meta) => {
                let version = meta.get("schema").map_err(|error| self.failed(error))?;
                version.map(|version| version.value())
            }
            Err(redb::TableError::TableDoesNotExist(_)) => None,
            Err(error) => return Err(self.failed(error)),
        };
        match found {
            Some(SCHEMA) => Ok(()),
            Some(found) => {
                Err(FactsError::Version { path: self.path.clone(), found, known: SCHEMA })
            }
            None => {
                let session = self.begin()?;
                session.create(random()?)?;
                session.commit()
            }
        }
    }

    /// Begins to write; nothing counts before [`Session::commit`].
    pub(super) fn begin(&self) -> Result<Session<'_>, FactsError> {
        let begun = self.database.begin_write();
        let begun = begun.map_err(|error| failed("writing", &self.path, error.into()))?;
        Ok(Session::new(&self.path, begun))
    }

    /// A folder for what is on its way into the file; none where there is no file.
    pub(super) fn folder(&self) -> Option<&Path> {
        self.path.parent().filter(|folder| folder.is_dir())
    }

    /// What pages of the file take in memory at most; nothing where they are in memory anyway.
    pub(super) fn cache_bytes(&self) -> usize {
        let file = self.path.metadata().map_or(0, |file| file.len());
        usize::try_from(file).unwrap_or(usize::MAX).min(CACHE_BYTES)
    }

    fn failed(&self, error: impl Into<redb::Error>) -> FactsError {
        failed("reading", &self.path, error.into())
    }

    fn broken(&self, why: impl std::fmt::Display) -> FactsError {
        FactsError::Broken { path: self.path.clone(), why: why.to_string() }
    }
}

/// What a failed act on the file is told as.
fn failed(act: &'static str, path: &Path, error: redb::Error) -> FactsError {
    let path = path.to_owned();
    match error {
        redb::Error::Corrupted(why) => FactsError::Broken { path, why },
        redb::Error::DatabaseAlreadyOpen => FactsError::InUse { path },
        redb::Error::UpgradeRequired(version) => {
            let why = format!("it has the file format {version} of an older library");
            FactsError::Broken { path, why }
        }
        // A file that is none of ours.
        redb::Error::Io(error) if error.kind() == std::io::ErrorKind::InvalidData => {
            FactsError::Broken { path, why: error.to_string() }
        }
        error => FactsError::Disk { act, path, source: Box::new(error) },
    }
}

fn random() -> Result<u64, FactsError> {
    let mut bytes = [0; 8];
    let fault = |error: getrandom::Error| FactsError::Disk {
        act: "asking the system for randomness for",
        path: PathBuf::from("facts"),
        source: error.to_string().into(),
    };
    getrandom::fill(&mut bytes).map_err(fault)?;
    // A record of no store has origin 0.
    Ok(u64::from_le_bytes(bytes).max(1))
}

fn number(table: Table) -> u8 {
    table as u8
}

fn table_of(number: u8) -> Option<Table> {
    Table::ALL.into_iter().find(|table| *table as u8 == number)
}

/// A row from what is stored of it.
fn parse_row(id: &FactId, bytes: &[u8]) -> Result<Row, String> {
    let stored: StoredRow<'_> =
        serde_json::from_slice(bytes).map_err(|error| format!("{id}: {error}"))?;
    let parse = |json: &RawValue| Fact::parse(id.table, json.get().as_bytes());
    let fact = stored.fact.map(parse).transpose().map_err(|fault| format!("{id}: {fault}"))?;
    let json_bytes = stored.fact.map_or(0, |json| json.get().len());
    Ok(Row {
        revision: stored.revision,
        safety: stored.safety,
        source: stored.source,
        written: UnixSeconds(stored.written),
        bytes: weight::row(id, fact.as_ref(), json_bytes),
        fact,
    })
}

fn row_json(row: &Row) -> Result<Vec<u8>, serde_json::Error> {
    let fact = row.fact.as_ref().map(serde_json::value::to_raw_value).transpose()?;
    serde_json::to_vec(&StoredRow {
        revision: row.revision,
        safety: row.safety,
        source: row.source,
        written: row.written.0,
        fact: fact.as_deref(),
    })
}
