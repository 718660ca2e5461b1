//! `endcap facts`: what a running server knows of the shop.

mod export;
mod load;
mod search;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;

use super::arguments::Common;
use super::place::Place;
use crate::facts::Table;

const EXAMPLES: &str = "\
Examples:
  endcap facts load products products.csv
  endcap facts load prices prices.parquet
  endcap facts columns promotions
  endcap facts search oat milk --without nuts --max-price 4
  endcap facts export prices > prices.ndjson

These ask a running server with an admin token, in ENDCAP_TOKEN; `columns` asks nobody.";

/// What is done with facts.
#[derive(Debug, Subcommand)]
#[command(after_help = EXAMPLES)]
pub(super) enum FactsCommand {
    /// Load a CSV, Parquet or NDJSON file into a table: every row of it, or none
    Load {
        /// products, prices, promotions, stock, hours or recalls
        table: Table,
        /// The file; its ending says what it is
        file: PathBuf,
        /// Look at the file and load nothing; asks no server
        #[arg(long)]
        check: bool,
        /// Show no progress
        #[arg(long, short)]
        quiet: bool,
        /// Print JSON for scripts instead of text
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        place: Place,
    },
    /// Show the columns that a table's files may have
    Columns {
        /// products, prices, promotions, stock, hours or recalls
        table: Table,
    },
    /// Search the products
    Search(search::Search),
    /// Write a table's facts to standard output, as NDJSON that `load` takes
    Export {
        /// products, prices, promotions, stock, hours or recalls
        table: Table,
        #[command(flatten)]
        place: Place,
    },
}

impl FactsCommand {
    /// Does it. The exit code is 1 where a file is refused.
    pub(super) async fn run(self, common: &Common) -> anyhow::Result<ExitCode> {
        let sources = common.sources();
        match self {
            Self::Load { table, file, check, quiet, json, place } => {
                let load = load::Load { table, file, quiet, json };
                return load.run(&sources, (!check).then_some(place)).await;
            }
            Self::Columns { table } => load::columns(table)?,
            Self::Search(search) => search.run(&sources).await?,
            Self::Export { table, place } => export::run(table, &place, &sources).await?,
        }
        Ok(ExitCode::SUCCESS)
    }
}
