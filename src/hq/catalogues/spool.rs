//! A push on its way in: its lines, checked, in a file of its own until all of them are there.

use std::io::{BufRead as _, BufReader, BufWriter, Seek as _, Write as _};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::facts::{Change, Table};
use crate::hq::error::HqError;
use crate::protocol::Digest;
use crate::protocol::limits::{MAX_FACT_BYTES, MAX_ID_BYTES};

/// Bytes of one line.
const MAX_LINE_BYTES: usize = 128 * 1024;
/// Lines of one push.
const MAX_LINES: u64 = 5_000_000;
/// Bytes of a push while it waits for its end.
const MAX_SPOOLED_BYTES: u64 = 8 << 30;

/// One change, as it is kept: without a fact, it is to go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Spooled {
    pub(super) table: Table,
    pub(super) id: String,
    pub(super) fact: Option<String>,
}

impl Spooled {
    /// Of the fact's JSON in the form in which the facts' room writes it.
    pub(super) fn digest(&self) -> Option<Digest> {
        self.fact.as_ref().map(|fact| Digest::of(fact.as_bytes()))
    }
}

/// Takes lines as they come.
#[derive(Debug)]
pub(super) struct Spool {
    file: BufWriter<std::fs::File>,
    bytes: u64,
    most: u64,
    /// The beginning of a line whose end has not come yet.
    open: Vec<u8>,
    line: u64,
    only: Option<Table>,
}

impl Spool {
    /// A new one, as a file without a name in HQ's own folder: the system's for what is temporary may be
    /// in memory. Only lines of one table are taken where one is named.
    pub(super) fn new(folder: &Path, only: Option<Table>) -> Result<Self, HqError> {
        let file = tempfile::tempfile_in(folder);
        let file = BufWriter::new(file.map_err(HqError::file("keeping a push in", folder))?);
        Ok(Self { file, bytes: 0, most: MAX_SPOOLED_BYTES, open: Vec::new(), line: 0, only })
    }

    /// Takes the bytes that follow.
    pub(super) fn update(&mut self, mut bytes: &[u8]) -> Result<(), HqError> {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            let (line, rest) = bytes.split_at(end);
            self.open.extend_from_slice(line);
            self.end_line()?;
            bytes = rest.get(1..).unwrap_or_default();
        }
        self.open.extend_from_slice(bytes);
        if self.open.len() > MAX_LINE_BYTES {
            self.line += 1;
            return Err(self.wrong(format!("it is longer than {MAX_LINE_BYTES} bytes")));
        }
        Ok(())
    }

    fn end_line(&mut self) -> Result<(), HqError> {
        let line = std::mem::take(&mut self.open);
        self.line += 1;
        if line.trim_ascii().is_empty() {
            return Ok(());
        }
        if self.line > MAX_LINES {
            return Err(self.wrong(format!("a push has at most {MAX_LINES} lines")));
        }
        if line.len() > MAX_LINE_BYTES {
            return Err(self.wrong(format!("it is longer than {MAX_LINE_BYTES} bytes")));
        }
        let spooled = self.checked(&line)?;
        let mut kept = serde_json::to_vec(&spooled).map_err(|error| writing(error.into()))?;
        kept.push(b'\n');
        self.bytes += kept.len() as u64;
        if self.bytes > self.most {
            return Err(self.wrong(format!("a push has at most {} bytes", self.most)));
        }
        self.file.write_all(&kept).map_err(writing)
    }

    fn checked(&self, line: &[u8]) -> Result<Spooled, HqError> {
        let change = Change::parse(line).map_err(|error| self.wrong(error.to_string()))?;
        let table = change.table();
        if self.only.is_some_and(|only| only != table) {
            return Err(self.wrong(format!("table: `{table}` is not the one that is replaced")));
        }
        let (id, fact) = match change {
            Change::Put { id, fact, .. } => {
                let text = serde_json::to_string(&fact);
                (id, Some(text.map_err(|error| self.wrong(error.to_string()))?))
            }
            Change::Delete { id, .. } => (id.id, None),
            _ => return Err(self.wrong("op: HQ takes `put` and `delete`".to_owned())),
        };
        let id = id.as_str().to_owned();
        for (what, size, most) in [
            ("id", id.len(), MAX_ID_BYTES),
            ("fact", fact.as_ref().map_or(0, String::len), MAX_FACT_BYTES),
        ] {
            if size > most {
                return Err(self.wrong(format!("{what}: {size} bytes, at most {most}")));
            }
        }
        Ok(Spooled { table, id, fact })
    }

    fn wrong(&self, why: String) -> HqError {
        HqError::Line { line: self.line, why }
    }

    /// All of it, to be read back.
    pub(super) fn finish(mut self) -> Result<Lines, HqError> {
        if !self.open.is_empty() {
            self.end_line()?;
        }
        let mut file = self.file.into_inner().map_err(|error| writing(error.into_error()))?;
        file.rewind().map_err(writing)?;
        Ok(Lines(BufReader::new(file)))
    }
}

/// The changes of a push, in its order.
#[derive(Debug)]
pub(super) struct Lines(BufReader<std::fs::File>);

impl Lines {
    /// The next of them, at most so many.
    pub(super) fn some(&mut self, most: usize) -> Result<Vec<Spooled>, HqError> {
        let mut some = Vec::with_capacity(most);
        let mut line = String::new();
        while some.len() < most {
            line.clear();
            if self.0.read_line(&mut line).map_err(writing)? == 0 {
                break;
            }
            let spooled = serde_json::from_str(&line).map_err(|error| writing(error.into()))?;
            some.push(spooled);
        }
        Ok(some)
    }
}

fn writing(source: std::io::Error) -> HqError {
    HqError::File { act: "keeping a push in", path: "HQ's folder".into(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COFFEE: &str = r#"{"table":"prices","id":"1","fact":{"currency":"USD","amount":3.0}}"#;

    fn spool(only: Option<Table>) -> Spool {
        Spool::new(tempfile::tempdir().unwrap().path(), only).unwrap()
    }

    #[test]
    fn lines_are_kept_in_the_form_that_stores_hash() {
        let mut spool = spool(None);
        let text = format!("{COFFEE}\n\n{{\"op\":\"delete\",\"table\":\"stock\",\"id\":\"2\"}}");
        text.as_bytes().chunks(7).for_each(|piece| spool.update(piece).unwrap());
        let lines = spool.finish().unwrap().some(9).unwrap();
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0].fact.as_deref(), Some(r#"{"amount":3,"currency":"USD"}"#));
        assert_eq!((lines[1].table, lines[1].fact.as_deref()), (Table::Stock, None));
    }

    #[test]
    fn a_line_that_cannot_be_taken_is_named() {
        for (line, says) in [
            ("{", "line 2: "),
            (r#"{"op":"confirm","table":"prices"}"#, "HQ takes `put` and `delete`"),
            (r#"{"op":"patch","table":"prices","id":"1","fact":{}}"#, "HQ takes"),
            (r#"{"table":"stock","id":"1","fact":{"band":"low"}}"#, "not the one that is replaced"),
            (r#"{"table":"prices","id":"1","fact":{"amount":1,"currency":"USD","x":1}}"#, "`x`"),
        ] {
            let mut spool = spool(Some(Table::Prices));
            let error = spool.update(format!("{COFFEE}\n{line}\n").as_bytes()).unwrap_err();
            let error = error.to_string();
            assert!(error.starts_with("line 2") && error.contains(says), "{error}");
        }
        // No line may be endless, whether its end has come or not, and lines are counted from 1.
        for end in ["", "\n"] {
            let mut spool = spool(None);
            let long = "x".repeat(MAX_LINE_BYTES + 1) + end;
            let error = spool.update(long.as_bytes()).unwrap_err().to_string();
            assert!(error.starts_with("line 1: it is longer than"), "{error}");
        }
    }

    #[test]
    fn a_push_is_bounded_and_lies_in_hqs_own_folder() {
        let mut small = Spool { most: 100, ..spool(None) };
        small.update(format!("{COFFEE}\n").as_bytes()).unwrap();
        let error = small.update(format!("{COFFEE}\n").as_bytes()).unwrap_err().to_string();
        assert_eq!(error, "line 2: a push has at most 100 bytes");
        let folder = tempfile::tempdir().unwrap();
        let nowhere = folder.path().join("nowhere");
        let error = Spool::new(&nowhere, None).unwrap_err().to_string();
        assert!(error.contains("nowhere"), "{error}");
    }
}
