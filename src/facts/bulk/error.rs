//! Why a file's facts are not taken.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// Where in a file something stands, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// The line on which a row begins; the header is line 1.
    Line(u64),
    /// The row behind the header.
    Row(u64),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(line) => write!(f, "line {line}"),
            Self::Row(row) => write!(f, "row {row}"),
        }
    }
}

/// What is wrong with a row, or with the header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowFault {
    /// Where.
    pub place: Place,
    /// In which column, where one is at fault.
    pub column: Option<String>,
    /// What is wrong, and what was expected.
    pub why: String,
}

impl RowFault {
    /// A fault of a row as a whole.
    pub(super) fn of_row(place: Place, why: impl Into<String>) -> Self {
        Self { place, column: None, why: why.into() }
    }

    /// A fault of one column.
    pub(super) fn of_column(place: Place, column: &str, why: impl Into<String>) -> Self {
        Self { place, column: Some(column.to_owned()), why: why.into() }
    }
}

/// `line 17, column `amount`: …`.
impl fmt::Display for RowFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.column {
            Some(column) => write!(f, "{}, column `{column}`: {}", self.place, self.why),
            None => write!(f, "{}: {}", self.place, self.why),
        }
    }
}

impl std::error::Error for RowFault {}

/// Why a file is not read at all.
#[derive(Debug, thiserror::Error)]
pub enum BulkError {
    /// Its name does not say what it is.
    #[error("{path}: the name must end with .csv, .tsv, .parquet, .ndjson or .jsonl")]
    Format {
        /// Which file.
        path: PathBuf,
    },
    /// The disk failed, or the file is not there.
    #[error("reading {path}")]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Its columns are not those of the table, or it is damaged.
    #[error("{path}: {fault}")]
    Header {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        fault: RowFault,
    },
}
