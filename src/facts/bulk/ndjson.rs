//! Files with a JSON object a line: `{"id": "0041", "fact": {…}, "source": {…}}`.

use std::io::{BufRead, BufReader, Read};

use serde::Deserialize;
use serde_json::value::RawValue;

use super::error::{Place, RowFault};
use super::{Entry, MAX_ROW_BYTES, RowSource};
use crate::facts::{Fact, Id, Source, Table};

/// The rows of such a file.
pub(super) struct Ndjson<R: Read> {
    text: BufReader<R>,
    table: Table,
    line: u64,
    read: u64,
    over: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'a> {
    id: Id,
    #[serde(borrow)]
    fact: &'a RawValue,
    #[serde(default)]
    source: Option<Source>,
}

impl<R: Read> Ndjson<R> {
    pub(super) fn open(file: R, table: Table) -> Self {
        Self { text: BufReader::new(file), table, line: 0, read: 0, over: false }
    }

    fn entry(&self, text: &[u8]) -> Result<Entry, RowFault> {
        let place = Place::Line(self.line);
        let wrong = |error: serde_json::Error| {
            let text = error.to_string();
            let told = text.split(" at line ").next().unwrap_or_default();
            RowFault::of_row(place, format!("{told}, at character {}", error.column()))
        };
        let line: Line<'_> = serde_json::from_slice(text).map_err(wrong)?;
        let fact = Fact::parse(self.table, line.fact.get().as_bytes())
            .map_err(|fault| RowFault::of_row(place, fault.to_string()))?;
        Ok(Entry { place, id: line.id, fact, source: line.source })
    }
}

impl<R: Read + Send> RowSource for Ndjson<R> {
    fn next(&mut self) -> Option<Result<Entry, RowFault>> {
        while !self.over {
            self.line += 1;
            let place = Place::Line(self.line);
            let mut text = Vec::new();
            let limited = self.text.by_ref().take(MAX_ROW_BYTES + 1).read_until(b'\n', &mut text);
            self.over = match limited {
                Ok(0) => return None,
                Ok(read) => {
                    self.read += read as u64;
                    false
                }
                Err(_) => true,
            };
            if let Err(error) = limited {
                return Some(Err(RowFault::of_row(place, error.to_string())));
            }
            if text.len() as u64 > MAX_ROW_BYTES {
                self.over = true;
                let why = format!("the line has more than {MAX_ROW_BYTES} bytes");
                return Some(Err(RowFault::of_row(place, why)));
            }
            if !text.trim_ascii().is_empty() {
                return Some(self.entry(text.trim_ascii()));
            }
        }
        None
    }

    fn bytes_read(&self) -> u64 {
        self.read
    }
}
