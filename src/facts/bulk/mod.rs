//! Tables of facts from files: CSV, Parquet, NDJSON.
//!
//! [`Rows`] gives a file's facts one by one. A row is the same fact whichever kind of file it comes
//! from: a cell of a Parquet file is first written down as it would stand in a CSV file.
//!
//! **Invariants**
//! - A column that the table does not have is refused by name; none is left out silently.
//! - A fault names the line or row and, where one is at fault, the column.
//! - Memory does not grow with the file: one row, or one page of each Parquet column, at a time.
//!
//! **Not here**: where the facts go. That is up to who reads the rows.

mod cell;
mod column;
mod csv_file;
mod error;
mod format;
mod ndjson;
mod parquet_file;
mod plan;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::{Fact, Id, Source, Table};

pub use column::columns;
pub use error::{BulkError, Place, RowFault};
pub use format::Format;

/// Bytes that one row may have in its file.
pub const MAX_ROW_BYTES: u64 = 1 << 20;

/// A fact of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Where it stands.
    pub place: Place,
    /// By which it is called in its table.
    pub id: Id,
    /// What it is.
    pub fact: Fact,
    /// The stamp of its feed, where the file has one.
    pub source: Option<Source>,
}

/// What gives a file's rows.
trait RowSource: Send {
    /// The next fact; none at the end.
    fn next(&mut self) -> Option<Result<Entry, RowFault>>;

    /// Bytes of the file that are behind us, as nearly as the format tells.
    fn bytes_read(&self) -> u64;
}

/// The facts of a file, in its order. A row that is at fault is told and the next one follows, unless
/// the file cannot be read on.
pub struct Rows {
    source: Box<dyn RowSource>,
    bytes: u64,
}

impl std::fmt::Debug for Rows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rows").field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

impl Rows {
    /// Those of a file; its name's ending says what kind of file it is.
    pub fn open(path: &Path, table: Table) -> Result<Self, BulkError> {
        let format = Format::of(path)?;
        let unread = |source| BulkError::Read { path: path.to_owned(), source };
        let file = File::open(path).map_err(unread)?;
        let bytes = file.metadata().map_err(unread)?.len();
        let header = |fault| BulkError::Header { path: path.to_owned(), fault };
        let source: Box<dyn RowSource> = match format {
            Format::Csv => Box::new(csv_file::CsvFile::open(file, table).map_err(header)?),
            Format::Parquet => {
                Box::new(parquet_file::ParquetFile::open(file, table, bytes).map_err(header)?)
            }
            Format::Ndjson => Box::new(ndjson::Ndjson::open(file, table)),
        };
        Ok(Self { source, bytes })
    }

    /// Those of CSV text that comes from elsewhere, of so many bytes.
    pub fn of_csv(
        text: impl Read + Send + 'static,
        table: Table,
        bytes: u64,
    ) -> Result<Self, RowFault> {
        Ok(Self { source: Box::new(csv_file::CsvFile::open(text, table)?), bytes })
    }

    /// Bytes of the whole file.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Bytes that are behind us.
    pub fn bytes_read(&self) -> u64 {
        self.source.bytes_read().min(self.bytes)
    }
}

impl Iterator for Rows {
    type Item = Result<Entry, RowFault>;

    fn next(&mut self) -> Option<Self::Item> {
        self.source.next()
    }
}
