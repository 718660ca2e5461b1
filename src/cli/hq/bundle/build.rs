//! `endcap hq bundle build`.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;
use reqwest::{Body, Method, StatusCode};
use tokio_util::io::ReaderStream;

use crate::cli::hq::place::HqPlace;
use crate::cli::output;
use crate::cli::progress::Bars;
use crate::packages::{Progress, Silent};
use crate::protocol::List;
use crate::protocol::documents::{
    Artefact, ArtefactBuilder, Bundle, BundleFile, Check, Part, PartKind, Requires, TrialRules,
};
use crate::units::Bytes;

/// A large model on a slow line.
const TIMEOUT: Duration = Duration::from_secs(6 * 3600);
const PIECE_BYTES: usize = 1 << 20;

/// Arguments of `hq bundle build`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Build {
    /// The package's folder
    package: PathBuf,
    /// By which people know the bundle
    #[arg(long)]
    id: String,
    /// The name under which requests find its model
    #[arg(long)]
    alias: String,
    /// The package's name [default: that of the folder]
    #[arg(long)]
    name: Option<String>,
    /// Write the bundle's document here; `hq bundle publish` takes it
    #[arg(long, value_name = "FILE", default_value = "bundle.json")]
    out: PathBuf,
    /// Seconds that it answers beside the live one before it answers itself
    #[arg(long, default_value_t = 0)]
    shadow: u32,
    /// Seconds that it answers while the old one stands by
    #[arg(long, default_value_t = 300)]
    trial: u32,
    /// Seconds that it is watched after that
    #[arg(long, default_value_t = 3600)]
    probation: u32,
    /// Requests that it must have answered before a share says anything
    #[arg(long, default_value_t = 20)]
    min_requests: u32,
    /// Requests of a thousand that may fail
    #[arg(long, default_value_t = 10)]
    max_errors: u16,
    /// Its 95th percentile of latency, in percent of the old one's
    #[arg(long, default_value_t = 150)]
    max_latency: u32,
    /// A question and a text that its answer must have, as QUESTION=TEXT; may be given more than once
    #[arg(long = "check", value_name = "QUESTION=TEXT")]
    checks: Vec<String>,
    /// The epoch of facts that a store must have reached to run it
    #[arg(long, value_name = "EPOCH")]
    facts_epoch: Option<u64>,
    /// The epoch of the pack of answers that belongs to it
    #[arg(long, value_name = "EPOCH")]
    cache_epoch: Option<u64>,
    /// Bytes that must be free on a store's disk besides its files, as 2GiB
    #[arg(long, value_name = "BYTES", default_value = "0")]
    free: Bytes,
    /// Hours within which a store may take it
    #[arg(long, default_value_t = 72)]
    within: u32,
    /// Only make the document; send nothing
    #[arg(long)]
    dry_run: bool,
    /// Show no progress
    #[arg(long, short)]
    quiet: bool,
    #[command(flatten)]
    place: HqPlace,
}

impl Build {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let progress: Box<dyn Progress> =
            if self.quiet { Box::new(Silent) } else { Box::new(Bars::new()) };
        let mut files = Vec::new();
        for path in paths(&self.package)? {
            let file = self.package.join(&path);
            let artefact = artefact_of(&file, &path, &*progress)?;
            if !self.dry_run {
                self.send(&file, &path, &artefact, &*progress).await?;
            }
            files.push(BundleFile { path: path.parse()?, artefact });
        }
        let bundle = self.bundle(files)?;
        bundle.check()?;
        std::fs::write(&self.out, bundle.to_json()?)
            .with_context(|| format!("writing {}", self.out.display()))?;
        Ok(output::line(&self.out.display().to_string())?)
    }

    fn bundle(&self, files: Vec<BundleFile>) -> anyhow::Result<Bundle> {
        let folder = self.package.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let name = self.name.as_deref().unwrap_or(folder).parse().context("--name")?;
        let part = Part { kind: PartKind::Model, name, files: List::new(files)? };
        let checks = self.checks.iter().map(|text| check(text)).collect::<Result<Vec<_>, _>>()?;
        Ok(Bundle {
            id: self.id.parse().context("--id")?,
            parts: List::new(vec![part])?,
            facts_epoch: self.facts_epoch,
            cache_epoch: self.cache_epoch,
            requires: Requires {
                free_bytes: self.free.0,
                min_version: env!("CARGO_PKG_VERSION").parse()?,
                take_within_s: self.within.saturating_mul(3600),
            },
            trial: TrialRules {
                shadow_s: self.shadow,
                trial_s: self.trial,
                probation_s: self.probation,
                min_requests: self.min_requests,
                max_errors_per_mille: self.max_errors,
                max_latency_percent: self.max_latency,
                checks: List::new(checks)?,
            },
            alias: self.alias.parse().context("--alias")?,
        })
    }

    /// Sends a file unless HQ has it.
    async fn send(
        &self,
        file: &Path,
        shown: &str,
        artefact: &Artefact,
        progress: &dyn Progress,
    ) -> anyhow::Result<()> {
        let path = format!("/artefacts/{}", artefact.digest);
        let asked = self.place.client()?.head(self.place.url(&path));
        let known = asked.bearer_auth(self.place.token()?).send().await?;
        if known.status() == StatusCode::OK {
            return Ok(());
        }
        progress.start(&format!("sending {shown}"), Some(artefact.size_bytes));
        let file = tokio::fs::File::open(file).await.with_context(|| format!("reading {shown}"))?;
        let body = Body::wrap_stream(ReaderStream::with_capacity(file, PIECE_BYTES));
        let sent =
            self.place.send(Method::PUT, &path, |request| request.timeout(TIMEOUT).body(body));
        sent.await.with_context(|| format!("sending {shown}"))?;
        progress.advance(artefact.size_bytes);
        progress.finish();
        Ok(())
    }
}

/// The files of a package, by their paths in it, in order. What is made on a box is left out.
fn paths(package: &Path) -> anyhow::Result<Vec<String>> {
    const MADE: &str = "packed.bin";
    let mut found = Vec::new();
    let mut folders = vec![(package.to_owned(), String::new())];
    while let Some((folder, prefix)) = folders.pop() {
        let entries =
            std::fs::read_dir(&folder).with_context(|| format!("reading {}", folder.display()))?;
        for entry in entries {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else {
                bail!("a file of {} has a name that is no text", folder.display());
            };
            let path = format!("{prefix}{name}");
            if entry.file_type()?.is_dir() {
                folders.push((entry.path(), format!("{path}/")));
            } else if name != MADE && !name.starts_with('.') {
                found.push(path);
            }
        }
    }
    if found.is_empty() {
        bail!("{} has no file", package.display());
    }
    found.sort();
    Ok(found)
}

fn artefact_of(file: &Path, shown: &str, progress: &dyn Progress) -> anyhow::Result<Artefact> {
    let mut opened = std::fs::File::open(file).with_context(|| format!("reading {shown}"))?;
    progress.start(&format!("reading {shown}"), Some(opened.metadata()?.len()));
    let (mut builder, mut piece) = (ArtefactBuilder::default(), vec![0; PIECE_BYTES]);
    loop {
        let read = opened.read(&mut piece).with_context(|| format!("reading {shown}"))?;
        if read == 0 {
            break;
        }
        builder.update(piece.get(..read).unwrap_or_default())?;
        progress.advance(read as u64);
    }
    progress.finish();
    Ok(builder.finish()?)
}

fn check(text: &str) -> anyhow::Result<Check> {
    let (prompt, wanted) =
        text.rsplit_once('=').with_context(|| format!("--check `{text}` is not QUESTION=TEXT"))?;
    Ok(Check {
        prompt: crate::protocol::Text::new(prompt)?,
        max_tokens: 64,
        contains: List::new(vec![crate::protocol::Text::new(wanted)?])?,
        lacks: List::default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_is_all_of_its_files_but_what_a_box_makes() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("more")).unwrap();
        for name in ["b.onnx", "a.json", "packed.bin", ".hidden", "more/c.txt"] {
            std::fs::write(folder.path().join(name), name).unwrap();
        }
        assert_eq!(paths(folder.path()).unwrap(), ["a.json", "b.onnx", "more/c.txt"]);
        let file = folder.path().join("a.json");
        let artefact = artefact_of(&file, "a.json", &Silent).unwrap();
        assert_eq!(artefact, Artefact::of(b"a.json").unwrap());
        assert!(paths(&folder.path().join("none")).is_err());
    }

    #[test]
    fn a_check_is_a_question_and_what_its_answer_must_have() {
        let made = check("2 + 2 = ?=4").unwrap();
        assert_eq!((&*made.prompt, &*made.contains[0]), ("2 + 2 = ?", "4"));
        assert!(check("no answer").is_err());
    }
}
