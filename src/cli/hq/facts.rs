//! `endcap hq facts`.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Subcommand;
use reqwest::{Body, Method};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::place::{HqPlace, ago, number, rows, text};
use crate::cli::output;
use crate::cli::progress::Bars;
use crate::facts::bulk::{Entry, Rows};
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
        /// The table is to be as the file has it: what is not in it goes
        #[arg(long)]
        replace: bool,
        /// Show no progress
        #[arg(long, short)]
        quiet: bool,
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
            Self::Push { table, file, catalogue, replace, quiet, place } => {
                let mut path = place.path(&format!("catalogues/{catalogue}/facts"));
                if replace {
                    path.push_str(&format!("?replace={table}"));
                }
                let progress: Arc<dyn Progress> =
                    if quiet { Arc::new(Silent) } else { Arc::new(Bars::new()) };
                push(&place, &path, table, &file, progress).await
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
    let asked = place.send(Method::POST, path, |request| {
        request.header("content-type", "application/x-ndjson").timeout(TIMEOUT).body(body)
    });
    let answer = asked.await;
    // What is wrong with the file says more than that the request broke off.
    reading
        .await
        .context("a worker failed")?
        .with_context(|| format!("nothing of {shown} counts"))?;
    let answer = answer.with_context(|| format!("nothing of {shown} counts"))?;
    output::line(&format!(
        "epoch {}: {} changed, {} removed, {} as before",
        number(&answer, "epoch"),
        number(&answer, "changed"),
        number(&answer, "removed"),
        number(&answer, "unchanged"),
    ))?;
    Ok(())
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
