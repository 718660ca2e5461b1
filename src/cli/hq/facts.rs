//! `endcap hq facts`.

use std::io::{self, Cursor};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use clap::Subcommand;
use reqwest::{Body, Method, RequestBuilder};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::place::{HqPlace, ago, number, rows, text};
use crate::cli::output;
use crate::cli::progress::Bars;
use crate::facts::bulk::{Entry, RowFault, Rows};
use crate::facts::{Change, Table};
use crate::packages::{Progress, Silent};
use crate::units::Bytes;

/// Bytes of a piece of the request, and pieces that wait for the network.
const PIECE_BYTES: usize = 64 << 10;
const PIECES: usize = 4;
/// A large catalogue that is packed for many epochs.
const TIMEOUT: Duration = Duration::from_secs(3600);

/// What is done with facts.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum FactsCommand {
    /// Publish a CSV, Parquet or NDJSON file to all stores, as one epoch
    Push {
        /// products, prices, promotions, stock, hours or recalls
        table: Table,
        /// The file; its ending says what it is
        file: PathBuf,
        /// Into this catalogue
        #[arg(long, default_value = "main")]
        catalogue: String,
        /// Make the catalogue where it is missing; every box then follows it
        #[arg(long)]
        create: bool,
        /// The table is to be as the file has it: what is not in it goes
        #[arg(long)]
        replace: bool,
        /// Show no progress
        #[arg(long, short)]
        quiet: bool,
        #[command(flatten)]
        place: HqPlace,
    },
    /// Publish one fact to all stores: its columns, as `endcap facts columns` lists them
    Put {
        /// products, prices, promotions, stock, hours or recalls
        table: Table,
        /// As column=value, such as sku=901062 amount=0.99 currency=USD
        #[arg(required = true, value_name = "COLUMN=VALUE")]
        columns: Vec<String>,
        /// Into this catalogue
        #[arg(long, default_value = "main")]
        catalogue: String,
        /// Make the catalogue where it is missing; every box then follows it
        #[arg(long)]
        create: bool,
        #[command(flatten)]
        place: HqPlace,
    },
    /// List the catalogues
    List {
        /// As one JSON array
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        place: HqPlace,
    },
}

impl FactsCommand {
    pub(in crate::cli) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Push { table, file, catalogue, create, replace, quiet, place } => {
                let replaces = if replace { format!("&replace={table}") } else { String::new() };
                let path = place.at(&["catalogues", &catalogue, "facts"])?;
                let path = format!("{path}?create={create}{replaces}");
                let progress: Arc<dyn Progress> =
                    if quiet { Arc::new(Silent) } else { Arc::new(Bars::new()) };
                push(&place, &path, table, &file, progress).await
            }
            Self::Put { table, columns, catalogue, create, place } => {
                let body = Body::from(line_of(table, &columns)?);
                let path = place.at(&["catalogues", &catalogue, "facts"])?;
                let path = format!("{path}?create={create}");
                tell(&send(&place, &path, body).await?)
            }
            Self::List { json, place } => {
                let answer = place.ask(Method::GET, &place.path("catalogues"), None).await?;
                if json {
                    return output::json(&rows(&answer, "data"));
                }
                for row in rows(&answer, "data") {
                    let whole = Bytes(number(row, "whole_bytes"));
                    output::line(&format!(
                        "{:20}  epoch {}, {} facts, {whole}, {}",
                        text(row, "name"),
                        number(row, "epoch"),
                        number(row, "facts"),
                        ago(number(row, "at_ms")),
                    ))?;
                }
                Ok(())
            }
        }
    }
}

async fn push(
    place: &HqPlace,
    path: &str,
    table: Table,
    file: &Path,
    progress: Arc<dyn Progress>,
) -> anyhow::Result<()> {
    let (pieces, taken) = mpsc::channel(PIECES);
    let shown = file.display().to_string();
    let (file, seen) = (file.to_owned(), Arc::clone(&progress));
    let reading = tokio::task::spawn_blocking(move || stream(table, &file, &*seen, &pieces));
    let body = Body::wrap_stream(ReceiverStream::new(taken));
    let answer = send(place, path, body).await;
    // What is wrong with the file says more than that the request broke off.
    reading
        .await
        .context("a worker failed")?
        .with_context(|| format!("nothing of {shown} counts"))?;
    tell(&answer.with_context(|| format!("nothing of {shown} counts"))?)
}

async fn send(place: &HqPlace, path: &str, body: Body) -> anyhow::Result<Value> {
    let with_lines = |request: RequestBuilder| {
        request.header("content-type", "application/x-ndjson").timeout(TIMEOUT).body(body)
    };
    place.send(Method::POST, path, with_lines).await
}

fn tell(answer: &Value) -> anyhow::Result<()> {
    output::line(&format!(
        "epoch {}: {} changed, {} removed, {} as before",
        number(answer, "epoch"),
        number(answer, "changed"),
        number(answer, "removed"),
        number(answer, "unchanged"),
    ))?;
    Ok(())
}

/// One fact as a line, of what would be a row of a file.
fn line_of(table: Table, columns: &[String]) -> anyhow::Result<Vec<u8>> {
    let (mut names, mut values) = (Vec::new(), Vec::new());
    for column in columns {
        let (name, value) = column
            .split_once('=')
            .with_context(|| format!("`{column}` is not of the form column=value"))?;
        names.push(name);
        values.push(format!("\"{}\"", value.replace('"', "\"\"")));
    }
    let text = format!("{}\n{}\n", names.join(","), values.join(","));
    let bytes = text.len() as u64;
    let told = |fault: RowFault| match fault.column {
        Some(column) => anyhow!("column `{column}`: {}", fault.why),
        None => anyhow!("{}", fault.why),
    };
    let mut rows = Rows::of_csv(Cursor::new(text.into_bytes()), table, bytes).map_err(told)?;
    let entry = rows.next().context("there is no fact in it")?.map_err(told)?;
    let mut line = Vec::new();
    write_line(entry, &mut line)?;
    Ok(line)
}

/// Sends the rows as lines. A row that is at fault breaks the request off, so that nothing counts.
fn stream(
    table: Table,
    file: &Path,
    progress: &dyn Progress,
    pieces: &mpsc::Sender<io::Result<Vec<u8>>>,
) -> anyhow::Result<()> {
    let broken = || pieces.blocking_send(Err(io::Error::other("a row is at fault")));
    let mut rows = Rows::open(file, table).inspect_err(|_| drop(broken()))?;
    progress.start(&format!("publishing {}", file.display()), Some(rows.bytes()));
    let (mut piece, mut told) = (Vec::with_capacity(PIECE_BYTES), 0);
    while let Some(row) = rows.next() {
        let entry = match row {
            Ok(entry) => entry,
            Err(fault) => {
                let _ = broken();
                bail!("{fault}");
            }
        };
        write_line(entry, &mut piece)?;
        if piece.len() >= PIECE_BYTES
            && pieces.blocking_send(Ok(std::mem::take(&mut piece))).is_err()
        {
            break;
        }
        let read = rows.bytes_read();
        progress.advance(read.saturating_sub(told));
        told = read;
    }
    if !piece.is_empty() {
        let _ = pieces.blocking_send(Ok(piece));
    }
    progress.finish();
    Ok(())
}

fn write_line(entry: Entry, piece: &mut Vec<u8>) -> anyhow::Result<()> {
    let Entry { id, fact, source, .. } = entry;
    piece.extend(Change::Put { id, fact, source }.to_line()?);
    piece.push(b'\n');
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(table: Table, columns: &[&str]) -> Result<String, String> {
        let columns: Vec<String> = columns.iter().map(|column| (*column).to_owned()).collect();
        let line = line_of(table, &columns).map_err(|error| error.to_string())?;
        Ok(String::from_utf8(line).unwrap())
    }

    #[test]
    fn columns_are_what_a_row_of_a_file_would_be() {
        let price = line(Table::Prices, &["sku=0041", "amount=2.99", "currency=USD"]).unwrap();
        let fact =
            r#"{"op":"put","table":"prices","id":"0041","fact":{"amount":2.99,"currency":"USD"}}"#;
        assert_eq!(price, format!("{fact}\n"));
        let name = line(Table::Products, &["sku=1", "name.en=Tea, \"black\" = strong"]).unwrap();
        assert!(name.contains(r#"Tea, \"black\" = strong"#), "{name}");
    }

    #[test]
    fn what_is_no_row_is_told_by_its_column() {
        for (columns, says) in [
            (&["sku"][..], "`sku` is not of the form column=value"),
            (&["sku=1", "amount=much", "currency=USD"], "column `amount`: `much` is not a number"),
            (&["sku=1", "colour=red"], "column `colour`"),
        ] {
            let told = line(Table::Prices, columns).unwrap_err();
            assert!(told.contains(says), "{told}");
        }
    }
}
