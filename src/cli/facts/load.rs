//! `endcap facts load`: a file is read twice, first to tell all that is wrong with it, then to send it.

use std::collections::HashMap;
use std::collections::hash_map::{DefaultHasher, Entry as Slot};
use std::hash::{Hash as _, Hasher as _};
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use reqwest::{Body, Method};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use crate::cli::output;
use crate::cli::place::Place;
use crate::cli::progress::Bars;
use crate::config::Sources;
use crate::facts::bulk::{self, Entry, Place as Where, RowFault, Rows};
use crate::facts::{Change, Table};
use crate::packages::{Progress, Silent};

/// Faults that are shown; the others are counted.
const SHOWN: usize = 20;
/// Faults after which a file is not read on.
const MOST_FAULTS: u64 = 10_000;
/// Bytes of a piece of the request, and pieces that wait for the network.
const PIECE_BYTES: usize = 64 << 10;
const PIECES: usize = 4;
/// A large file on a slow disk.
const TIMEOUT: Duration = Duration::from_secs(3600);

/// A file that is to be loaded.
pub(super) struct Load {
    pub(super) table: Table,
    pub(super) file: PathBuf,
    pub(super) quiet: bool,
    pub(super) json: bool,
}

impl Load {
    /// Looks at the file, and where there is a server, loads it.
    pub(super) async fn run(
        self,
        sources: &Sources,
        place: Option<Place>,
    ) -> anyhow::Result<ExitCode> {
        let progress: Arc<dyn Progress> =
            if self.quiet { Arc::new(Silent) } else { Arc::new(Bars::new()) };
        let (table, file, seen) = (self.table, self.file.clone(), Arc::clone(&progress));
        let checking = tokio::task::spawn_blocking(move || check(table, &file, &*seen));
        let checked = checking.await.context("a worker failed")??;
        if !checked.faults.is_empty() {
            self.tell_faults(&checked)?;
            return Ok(ExitCode::FAILURE);
        }
        let Some(place) = place else {
            let text = format!("{}: {} rows are in order", self.file.display(), checked.rows);
            self.tell(&json!({ "rows": checked.rows }), &text)?;
            return Ok(ExitCode::SUCCESS);
        };
        let answer = self.send(sources, &place, progress).await?;
        let text = format!("{}: {} rows: {}", self.table, checked.rows, outcomes(&answer));
        self.tell(&answer, &text)?;
        Ok(ExitCode::SUCCESS)
    }

    async fn send(
        &self,
        sources: &Sources,
        place: &Place,
        progress: Arc<dyn Progress>,
    ) -> anyhow::Result<Value> {
        let (pieces, taken) = mpsc::channel(PIECES);
        let (table, file) = (self.table, self.file.clone());
        let sending =
            tokio::task::spawn_blocking(move || stream(table, &file, &*progress, &pieces));
        let body = Body::wrap_stream(ReceiverStream::new(taken));
        let with_lines = |request: reqwest::RequestBuilder| {
            request.header("content-type", "application/x-ndjson").timeout(TIMEOUT).body(body)
        };
        let asked = place.send(sources, Method::POST, "/store/v1/facts/batch", with_lines);
        let answer = asked.await.with_context(|| {
            format!("nothing of {} was loaded (its rows are counted as lines)", self.file.display())
        });
        sending.await.context("a worker failed")?;
        answer
    }

    fn tell(&self, value: &Value, text: &str) -> anyhow::Result<()> {
        if self.json { output::json(value) } else { Ok(output::line(text)?) }
    }

    fn tell_faults(&self, checked: &Checked) -> anyhow::Result<()> {
        let file = self.file.display();
        for fault in &checked.faults {
            output::note(&format!("{file}: {fault}"));
        }
        let more = checked.wrong.saturating_sub(checked.faults.len() as u64);
        if more > 0 {
            output::note(&format!("{file}: and {more} more"));
        }
        let faults: Vec<_> = checked.faults.iter().map(fault_json).collect();
        let value = json!({ "rows": checked.rows, "wrong": checked.wrong, "faults": faults });
        output::note("error: nothing was loaded");
        if self.json { output::json(&value) } else { Ok(()) }
    }
}

fn fault_json(fault: &RowFault) -> Value {
    let (Where::Line(at) | Where::Row(at)) = fault.place;
    let kind = if matches!(fault.place, Where::Line(_)) { "line" } else { "row" };
    json!({ kind: at, "column": fault.column, "why": fault.why })
}

/// What was seen of a file.
#[derive(Default)]
struct Checked {
    rows: u64,
    wrong: u64,
    faults: Vec<RowFault>,
}

impl Checked {
    fn fault(&mut self, fault: RowFault) {
        self.wrong += 1;
        if self.faults.len() < SHOWN {
            self.faults.push(fault);
        }
    }
}

fn check(table: Table, file: &Path, progress: &dyn Progress) -> anyhow::Result<Checked> {
    let mut rows = Rows::open(file, table)?;
    progress.start(&format!("checking {}", file.display()), Some(rows.bytes()));
    let (mut checked, mut ids, mut told) = (Checked::default(), Ids::default(), 0);
    while let Some(row) = rows.next() {
        checked.rows += 1;
        match row {
            Ok(entry) => {
                if let Some(fault) = ids.add(&entry) {
                    checked.fault(fault);
                }
            }
            Err(fault) => checked.fault(fault),
        }
        advance(progress, &rows, &mut told);
        if checked.wrong >= MOST_FAULTS {
            break;
        }
    }
    progress.finish();
    Ok(checked)
}

fn advance(progress: &dyn Progress, rows: &Rows, told: &mut u64) {
    let read = rows.bytes_read();
    progress.advance(read.saturating_sub(*told));
    *told = read;
}

/// Where each id stands, by its digest: an id that comes twice would be loaded as the last one says.
#[derive(Default)]
struct Ids(HashMap<u64, Where>);

impl Ids {
    fn add(&mut self, entry: &Entry) -> Option<RowFault> {
        let mut hasher = DefaultHasher::new();
        entry.id.as_str().hash(&mut hasher);
        match self.0.entry(hasher.finish()) {
            Slot::Vacant(slot) => {
                slot.insert(entry.place);
                None
            }
            Slot::Occupied(first) => {
                let why = format!("`{}` stands on {} as well", entry.id, first.get());
                Some(RowFault { place: entry.place, column: None, why })
            }
        }
    }
}

/// Sends the rows as lines. Stops where nobody takes them any more; a row that cannot be read now breaks
/// the request off, so that nothing is loaded.
fn stream(
    table: Table,
    file: &Path,
    progress: &dyn Progress,
    pieces: &mpsc::Sender<io::Result<Vec<u8>>>,
) {
    let send = |piece| pieces.blocking_send(piece).is_ok();
    let mut rows = match Rows::open(file, table) {
        Ok(rows) => rows,
        Err(error) => {
            send(Err(io::Error::other(error)));
            return;
        }
    };
    progress.start(&format!("loading {}", file.display()), Some(rows.bytes()));
    let (mut piece, mut told) = (Vec::with_capacity(PIECE_BYTES), 0);
    while let Some(row) = rows.next() {
        match row.map_err(io::Error::other).and_then(|entry| line(entry, &mut piece)) {
            Ok(()) if piece.len() < PIECE_BYTES => continue,
            Ok(()) => {
                if !send(Ok(std::mem::take(&mut piece))) {
                    break;
                }
            }
            Err(error) => {
                send(Err(error));
                break;
            }
        }
        advance(progress, &rows, &mut told);
    }
    if !piece.is_empty() {
        send(Ok(piece));
    }
    advance(progress, &rows, &mut told);
    progress.finish();
}

fn line(entry: Entry, piece: &mut Vec<u8>) -> io::Result<()> {
    let Entry { id, fact, source, .. } = entry;
    piece.extend(Change::Put { id, fact, source }.to_line()?);
    piece.push(b'\n');
    Ok(())
}

fn outcomes(answer: &Value) -> String {
    let outcomes = answer.get("outcomes").and_then(Value::as_object);
    let counts = outcomes.into_iter().flatten().filter_map(|(name, count)| {
        let count = count.as_u64().filter(|count| *count > 0)?;
        Some(format!("{count} {name}"))
    });
    let counts: Vec<_> = counts.collect();
    if counts.is_empty() { "nothing to do".to_owned() } else { counts.join(", ") }
}

/// Shows the columns of a table's files.
pub(super) fn columns(table: Table) -> anyhow::Result<()> {
    Ok(output::line(&bulk::columns(table).join("\n"))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_faults_of_a_file_are_told_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("prices.csv");
        let text = "sku,amount,currency\n1,2,USD\n2,much,USD\n1,3,USD\n3,4,US\n";
        std::fs::write(&file, text).unwrap();
        let checked = check(Table::Prices, &file, &Silent).unwrap();
        let told: Vec<_> = checked.faults.iter().map(ToString::to_string).collect();
        assert_eq!((checked.rows, checked.wrong), (4, 3));
        assert!(told[0].starts_with("line 3, column `amount`: `much`"), "{told:?}");
        assert_eq!(told[1], "line 4: `1` stands on line 2 as well");
        assert!(told[2].starts_with("line 5, column `currency`: `US`"), "{told:?}");
    }

    #[test]
    fn faults_beyond_those_that_are_shown_are_counted() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("prices.csv");
        let rows: String = (0..50).map(|row| format!("{row},x,USD\n")).collect();
        std::fs::write(&file, format!("sku,amount,currency\n{rows}")).unwrap();
        let checked = check(Table::Prices, &file, &Silent).unwrap();
        assert_eq!((checked.wrong, checked.faults.len()), (50, SHOWN));
    }

    #[test]
    fn rows_are_sent_as_changes() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("prices.csv");
        std::fs::write(&file, "sku,amount,currency,version\n1,2,USD,4\n2,3.5,USD,\n").unwrap();
        let (pieces, mut taken) = mpsc::channel(PIECES);
        stream(Table::Prices, &file, &Silent, &pieces);
        let piece = taken.try_recv().unwrap().unwrap();
        assert_eq!(
            String::from_utf8(piece).unwrap(),
            "{\"op\":\"put\",\"table\":\"prices\",\"id\":\"1\",\"fact\":{\"amount\":2,\"currency\":\"USD\"},\
             \"source\":{\"epoch\":0,\"version\":4}}\n\
             {\"op\":\"put\",\"table\":\"prices\",\"id\":\"2\",\"fact\":{\"amount\":3.5,\"currency\":\"USD\"}}\n"
        );
        assert!(taken.try_recv().is_err());
    }

    #[test]
    fn outcomes_are_told_where_there_are_any() {
        let answer = json!({ "outcomes": { "created": 3, "changed": 0, "stale": 1 } });
        assert_eq!(outcomes(&answer), "3 created, 1 stale");
        assert_eq!(outcomes(&json!({})), "nothing to do");
    }
}
