//! `endcap cache export`.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;

use crate::cli::output;
use crate::cli::place::Place;
use crate::config::Sources;
use crate::protocol::documents::PackSourceReader;
use crate::protocol::limits::MAX_PACK_BYTES;

/// Why answers are not in the file, as the server tells.
const LEFT_OUT: &str = "endcap-left-out";

/// Arguments of `cache export`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Export {
    /// The file to write; one that is there is replaced
    file: PathBuf,
    /// copy, ask or both with a comma between
    #[arg(long, value_name = "NAMES", default_value = "copy,ask")]
    routes: String,
    /// Only answers in these languages, as de,fr
    #[arg(long, value_name = "CODES")]
    languages: Option<String>,
    /// Only answers that were asked for so often, the first time included
    #[arg(long, value_name = "TIMES", default_value_t = 2)]
    min_asked: u32,
    /// Answers at most, those that are asked for most first
    #[arg(long, value_name = "ANSWERS")]
    limit: Option<usize>,
    #[command(flatten)]
    place: Place,
}

impl Export {
    pub(in crate::cli) async fn run(self, sources: &Sources) -> anyhow::Result<()> {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("routes", &self.routes);
        query.append_pair("min_asked", &self.min_asked.to_string());
        if let Some(languages) = &self.languages {
            query.append_pair("languages", languages);
        }
        if let Some(limit) = self.limit {
            query.append_pair("limit", &limit.to_string());
        }
        let path = format!("/store/v1/cache/export?{}", query.finish());
        let mut response = self.place.open(sources, &path).await?;
        let left_out = response.headers().get(LEFT_OUT).and_then(|value| value.to_str().ok());
        let left_out = left_out.unwrap_or_default().to_owned();
        let part = self.file.with_added_extension("part");
        let writing = || format!("writing {}", part.display());
        let mut file = std::fs::File::create(&part).with_context(writing)?;
        while let Some(piece) = response.chunk().await.context("the file broke off")? {
            file.write_all(&piece).with_context(writing)?;
        }
        file.sync_all().with_context(writing)?;
        let answers = count(&part)?;
        std::fs::rename(&part, &self.file).with_context(writing)?;
        output::note(&format!("{answers} answers in {}", self.file.display()));
        if !left_out.is_empty() {
            output::note(&format!("left out: {left_out}"));
        }
        Ok(())
    }
}

/// Reads the file as HQ will; how many answers it has.
fn count(file: &Path) -> anyhow::Result<u64> {
    let opened = std::fs::File::open(file).context("reading what was written")?;
    let mut answers = 0;
    for answer in PackSourceReader::new(opened, MAX_PACK_BYTES)? {
        answer.context("what came is not whole")?;
        answers += 1;
    }
    Ok(answers)
}
