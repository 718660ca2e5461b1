//! `endcap hq bundle build`.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;
use reqwest::{Body, Method, StatusCode};
use tokio_util::io::ReaderStream;

use super::fit::require_fit;
use crate::cli::hq::place::HqPlace;
use crate::cli::output;
use crate::cli::progress::Bars;
use crate::packages::{Progress, Silent};
use crate::protocol::List;
use crate::protocol::documents::{
    Artefact, ArtefactBuilder, Bundle, BundleFile, Check, PackageName, Part, PartKind, Requires,
    TrialRules,
};
use crate::units::Bytes;

/// A large model on a slow line.
const TIMEOUT: Duration = Duration::from_secs(6 * 3600);
const PIECE_BYTES: usize = 1 << 20;

/// Arguments of `hq bundle build`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Build {
    /// The package's folder; without one, the model is the one of that name that stores have
    package: Option<PathBuf>,
    /// A chat template that stands for the model's own
    #[arg(long, value_name = "FILE")]
    template: Option<PathBuf>,
    /// Rules about what may be said, as JSON
    #[arg(long, value_name = "FILE")]
    rules: Option<PathBuf>,
    /// A tokeniser that stands for the model's own
    #[arg(long, value_name = "FILE")]
    tokenizer: Option<PathBuf>,
    /// By which people know the bundle
    #[arg(long)]
    id: String,
    /// The name under which requests find its model
    #[arg(long)]
    alias: String,
    /// The model's name [default: that of the folder]
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
        let (mut parts, sources) = (Vec::<Part>::new(), self.sources()?);
        // All of them before the first is sent.
        for source in &sources {
            require_fit(source.kind, &source.file)?;
        }
        for Source { kind, path, file } in sources {
            let artefact = artefact_of(&file, &path, &*progress)?;
            if !self.dry_run {
                self.send(&file, &path, &artefact, &*progress).await?;
            }
            let file = BundleFile { path: path.parse()?, artefact };
            match parts.iter_mut().find(|part| part.kind == kind) {
                Some(part) => {
                    let files = part.files.iter().cloned().chain([file]).collect();
                    part.files = List::new(files)?;
                }
                None => {
                    parts.push(Part { kind, name: self.name()?, files: List::new(vec![file])? });
                }
            }
        }
        let bundle = self.bundle(parts)?;
        bundle.check()?;
        std::fs::write(&self.out, bundle.to_json()?)
            .with_context(|| format!("writing {}", self.out.display()))?;
        Ok(output::line(&self.out.display().to_string())?)
    }

    /// The files of all parts: those of the package, then those that stand for the model's own.
    fn sources(&self) -> anyhow::Result<Vec<Source>> {
        let mut sources = Vec::new();
        if let Some(package) = &self.package {
            for path in paths(package)? {
                let file = package.join(&path);
                sources.push(Source { kind: PartKind::Model, path, file });
            }
        }
        for (kind, path, file) in [
            (PartKind::Tokenizer, "tokenizer.json", &self.tokenizer),
            (PartKind::Template, "chat_template.jinja", &self.template),
            (PartKind::GuardRules, "guard_rules.json", &self.rules),
        ] {
            let path = path.to_owned();
            sources.extend(file.clone().map(|file| Source { kind, path, file }));
        }
        if sources.is_empty() {
            bail!("there is nothing in it: give a package, --template, --rules or --tokenizer");
        }
        Ok(sources)
    }

    /// By which its model is known.
    fn name(&self) -> anyhow::Result<PackageName> {
        let folder = self.package.as_ref().and_then(|package| package.file_name()?.to_str());
        let none = "without a package, --name says for which of the stores' models it is";
        let name = self.name.as_deref().or(folder).context(none)?;
        name.parse().context("--name")
    }

    fn bundle(&self, parts: Vec<Part>) -> anyhow::Result<Bundle> {
        let checks = self.checks.iter().map(|text| check(text)).collect::<Result<Vec<_>, _>>()?;
        Ok(Bundle {
            id: self.id.parse().context("--id")?,
            parts: List::new(parts)?,
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

/// A file of a bundle.
struct Source {
    kind: PartKind,
    /// Its path in its part.
    path: String,
    file: PathBuf,
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

    /// The bundle of these arguments.
    fn built(arguments: &[&str]) -> anyhow::Result<Bundle> {
        #[derive(Debug, clap::Parser)]
        struct Line {
            #[command(flatten)]
            build: Build,
        }
        let needed = ["build", "--id", "new", "--alias", "assistant"];
        let build = <Line as clap::Parser>::try_parse_from([&needed, arguments].concat())?.build;
        let part = |source: Source| -> anyhow::Result<Part> {
            let artefact = artefact_of(&source.file, &source.path, &Silent)?;
            let files = List::new(vec![BundleFile { path: source.path.parse()?, artefact }])?;
            Ok(Part { kind: source.kind, name: build.name()?, files })
        };
        build.bundle(build.sources()?.into_iter().map(part).collect::<Result<_, _>>()?)
    }

    #[test]
    fn what_stands_for_a_models_own_file_needs_no_package() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("mine.txt");
        std::fs::write(&file, "{{ messages }}").unwrap();
        let file = file.to_str().unwrap();
        let bundle = built(&["--name", "tiny", "--template", file, "--rules", file]).unwrap();
        let parts: Vec<_> =
            bundle.parts.iter().map(|part| (part.kind, part.name.as_str())).collect();
        assert_eq!(parts, [(PartKind::Template, "tiny"), (PartKind::GuardRules, "tiny")]);
        let paths: Vec<_> = bundle.files().map(|(_, file)| file.path.to_string()).collect();
        assert_eq!(paths, ["chat_template.jinja", "guard_rules.json"]);
        for (arguments, says) in
            [(&["--name", "tiny"][..], "there is nothing in it"), (&["--template", file], "--name")]
        {
            let told = built(arguments).unwrap_err().to_string();
            assert!(told.contains(says), "{told}");
        }
    }

    #[test]
    fn a_check_is_a_question_and_what_its_answer_must_have() {
        let made = check("2 + 2 = ?=4").unwrap();
        assert_eq!((&*made.prompt, &*made.contains[0]), ("2 + 2 = ?", "4"));
        assert!(check("no answer").is_err());
    }
}
