//! What kind of file it is.

use std::path::Path;

use super::error::BulkError;

/// A kind of file that facts come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Text with a line of column names; commas, semicolons or tabs between cells.
    Csv,
    /// Apache Parquet.
    Parquet,
    /// A JSON object a line.
    Ndjson,
}

impl Format {
    /// By the ending of the file's name.
    pub fn of(path: &Path) -> Result<Self, BulkError> {
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        match ending.to_ascii_lowercase().as_str() {
            "csv" | "tsv" => Ok(Self::Csv),
            "parquet" => Ok(Self::Parquet),
            "ndjson" | "jsonl" => Ok(Self::Ndjson),
            _ => Err(BulkError::Format { path: path.to_owned() }),
        }
    }
}
