//! The sample shop of `endcap demo`.

use anyhow::Context as _;

use crate::cli::output;
use crate::cli::progress::Bars;
use crate::config::Config;
use crate::facts::{Facts, UnixSeconds, sample};
use crate::packages::Progress as _;

/// Loads the sample shop where the shop knows nothing yet; a shop that is there is left as it is.
pub(super) async fn load(config: &Config) -> anyhow::Result<()> {
    let (path, limits) = (config.facts_file(), config.facts.clone());
    let loading = tokio::task::spawn_blocking(move || -> anyhow::Result<()> {
        let facts = Facts::open(&path, limits)?;
        if facts.status().tables.iter().any(|table| table.facts > 0) {
            return Ok(());
        }
        let bars = Bars::new();
        let mut told = 0;
        let written = sample::load(&facts, UnixSeconds::now(), |done, all| {
            if told == 0 {
                bars.start("loading the sample shop", Some(all));
            }
            bars.advance(done.saturating_sub(told));
            told = done;
        })?;
        bars.finish();
        let count = written.outcomes.created;
        output::note(&format!("the sample shop is loaded: {count} facts"));
        Ok(())
    });
    loading.await.context("a worker failed")?
}
