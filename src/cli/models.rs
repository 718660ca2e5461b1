//! `endcap models`: what is installed, and how more comes in.

mod check;
mod running;

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use clap::{Args, Subcommand};
use serde_json::json;

use super::arguments::Common;
use super::progress::Bars;
use crate::config;
use crate::packages::{self, Catalogue, Checked, Finding, Package, Progress, Silent, Store};
use crate::units::Bytes;
use check::Check;

/// Exit code of a pull that was interrupted, as shells count it.
const INTERRUPTED: u8 = 130;

/// Pull, list, show, check, import and remove model packages.
#[derive(Debug, Args)]
pub(super) struct ModelsCommand {
    /// Print JSON for scripts instead of text.
    #[arg(long, global = true)]
    json: bool,
    /// Show no progress.
    #[arg(long, short, global = true)]
    quiet: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Fetch a model of the catalogue from the first of its sources that has it.
    Pull {
        /// Name in the catalogue; `endcap models list` shows them.
        name: String,
    },
    /// List the installed models and those of the catalogue.
    List,
    /// Show a model's card, files and digests.
    Show {
        /// Name of an installed model.
        name: String,
        /// Compare the digest of every file as well.
        #[arg(long)]
        verify: bool,
    },
    /// Tell whether the engine would run a model (a GGUF file, an ONNX file or folder, a package), how
    /// fast and in how much memory.
    Check(Check),
    /// Write the template of a model card, to be filled in before import.
    Card {
        /// A GGUF file, an ONNX file or an ONNX folder.
        path: PathBuf,
        /// Where to write it: `-` is standard output; `card.toml` beside the model where not given.
        #[arg(long, short)]
        output: Option<PathBuf>,
    },
    /// Install a model from a GGUF file, an ONNX file or folder, or a package folder.
    Import {
        /// The file or folder.
        path: PathBuf,
        /// The filled-in model card; `card.toml` beside the model where not given.
        #[arg(long)]
        card: Option<PathBuf>,
        /// Name to install it under; taken from the path where not given.
        #[arg(long)]
        name: Option<String>,
    },
    /// Remove an installed model.
    Rm {
        /// Name of an installed model.
        name: String,
    },
    #[command(flatten)]
    Running(running::Running),
}

impl ModelsCommand {
    /// Does it. The exit code is 1 where a check refuses the model.
    pub(super) async fn run(self, common: &Common) -> anyhow::Result<ExitCode> {
        let sources = common.sources();
        if let Command::Running(running) = self.command {
            return running.run(&sources, self.json).await.map(|()| ExitCode::SUCCESS);
        }
        let progress: Arc<dyn Progress> =
            if self.quiet { Arc::new(Silent) } else { Arc::new(Bars::new()) };
        let config = config::load(&sources)?;
        let (json, data_dir, graphics) = (self.json, config.data_dir, config.engine.graphics);
        match self.command {
            Command::Pull { name } => pull(&name, &data_dir, progress, json).await,
            command => {
                let work = move || match command {
                    Command::Check(check) => check.run(graphics, &*progress, json),
                    command => blocking(command, &data_dir, &*progress, json),
                };
                tokio::task::spawn_blocking(work).await.context("a worker failed")?
            }
        }
    }
}

async fn pull(
    name: &str,
    data_dir: &Path,
    progress: Arc<dyn Progress>,
    json: bool,
) -> anyhow::Result<ExitCode> {
    let store = Store::open(data_dir)?;
    let catalogue = Catalogue::load(data_dir)?;
    tokio::select! {
        package = store.pull(name, &catalogue, progress.clone()) => installed(&package?, json),
        _ = tokio::signal::ctrl_c() => {
            progress.note("interrupted; the next pull goes on from here");
            Ok(ExitCode::from(INTERRUPTED))
        }
    }
}

fn blocking(
    command: Command,
    data_dir: &Path,
    progress: &dyn Progress,
    json: bool,
) -> anyhow::Result<ExitCode> {
    match command {
        Command::Card { path, output } => card(&path, output, json),
        Command::List => list(data_dir, json),
        Command::Show { name, verify } => {
            let package = Store::open(data_dir)?.package(&name)?;
            if verify {
                package.verify_with(progress)?;
            }
            show(&package, verify, json)
        }
        Command::Import { path, card, name } => {
            let store = Store::open(data_dir)?;
            let package = store.import(&path, name.as_deref(), card.as_deref(), progress)?;
            // What cannot run is of no use here: say so now, not at the next start.
            let refusal = match packages::check(package.folder(), None, &Silent) {
                Ok(checked) if check::runs(&checked) => return installed(&package, json),
                Ok(Checked { report: Finding::Network(found), .. }) => {
                    anyhow!(check::refused(&path, &found))
                }
                Ok(_) => anyhow!("{} cannot run here", path.display()),
                Err(error) => error.into(),
            };
            store.remove(package.name())?;
            Err(refusal.context("nothing was installed"))
        }
        Command::Rm { name } => {
            Store::open(data_dir)?.remove(&name)?;
            tell(json, &json!({"removed": name}), &format!("{name} is removed"))
        }
        // Handled where it can be awaited, or with the settings.
        Command::Pull { .. } | Command::Check(_) | Command::Running(_) => Ok(ExitCode::SUCCESS),
    }
}

fn installed(package: &Package, json: bool) -> anyhow::Result<ExitCode> {
    let text = format!(
        "{} is installed ({}) in {}",
        package.name(),
        Bytes(package.bytes()),
        package.folder().display()
    );
    tell(json, &summary(package), &text)
}

fn summary(package: &Package) -> serde_json::Value {
    json!({
        "name": package.name(),
        "installed": true,
        "version": package.manifest().version,
        "bytes": package.bytes(),
        "folder": package.folder(),
    })
}

fn list(data_dir: &Path, json: bool) -> anyhow::Result<ExitCode> {
    let packages = Store::open(data_dir)?.list()?;
    let catalogue = Catalogue::load(data_dir)?;
    let available =
        catalogue.entries().iter().filter(|e| packages.iter().all(|p| p.name() != e.name.as_str()));
    let mut models: Vec<_> = packages.iter().map(summary).collect();
    let mut lines = Vec::new();
    for package in &packages {
        lines.push((package.name(), "installed", package.bytes(), ""));
    }
    for entry in available {
        models.push(json!({
            "name": entry.name.as_str(),
            "installed": false,
            "version": entry.version,
            "bytes": entry.bytes(),
            "title": entry.title,
        }));
        lines.push((entry.name.as_str(), "to be pulled", entry.bytes(), &entry.title));
    }
    let width = lines.iter().map(|l| l.0.len()).max().unwrap_or_default();
    let rows: Vec<String> = lines
        .iter()
        .map(|(name, state, bytes, title)| {
            let bytes = Bytes(*bytes).to_string();
            format!("{name:width$}  {state:12}  {bytes:>10}  {title}").trim_end().to_owned()
        })
        .collect();
    tell(json, &json!({"models": models}), &rows.join("\n"))
}

fn show(package: &Package, verified: bool, json: bool) -> anyhow::Result<ExitCode> {
    let (manifest, card) = (package.manifest(), package.card()?);
    let defaults = package.generation_defaults()?;
    let value = json!({
        "manifest": manifest, "card": card, "generation_defaults": defaults,
        "folder": package.folder(), "verified": verified,
    });
    let mut text = format!("{} {}\n{}\n", manifest.name, manifest.version, card.description);
    let mut line = |label: &str, value: &str| {
        let value = if value.is_empty() { "not stated" } else { value };
        text.push_str(&format!("{label:14}{value}\n"));
    };
    line("licence", &card.licence);
    line("maker", &card.maker);
    line("owner", &card.owner);
    line("source", &card.source);
    line("architecture", &card.architecture);
    line("quantisation", &card.quantisation);
    if manifest.context_tokens > 0 {
        line("context", &format!("{} tokens", manifest.context_tokens));
    }
    line("task", &card.task);
    line("inputs", &card.inputs.join("\n              "));
    line("outputs", &card.outputs.join("\n              "));
    line("intended use", &card.intended_use.join("\n              "));
    line("limits", &card.limits.join("\n              "));
    line("folder", &package.folder().display().to_string());
    for file in &manifest.files {
        text.push_str(&format!(
            "{:24} {:>10}  {}\n",
            file.path,
            Bytes(file.bytes).to_string(),
            file.sha256
        ));
    }
    if verified {
        text.push_str("every file has the digest its manifest says\n");
    }
    tell(json, &value, text.trim_end())
}

/// Writes a card's template, never over a file that is there.
fn card(path: &Path, output: Option<PathBuf>, json: bool) -> anyhow::Result<ExitCode> {
    let (beside, template) = packages::card_template(path)?;
    let place = output.unwrap_or(beside);
    if place == Path::new("-") {
        return tell(json, &json!({"template": template}), template.trim_end());
    }
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&place)
        .with_context(|| format!("writing {}", place.display()))?;
    file.write_all(template.as_bytes()).with_context(|| format!("writing {}", place.display()))?;
    let text = format!(
        "{} is to be filled in; then: endcap models import {}",
        place.display(),
        path.display()
    );
    tell(json, &json!({"card": place}), &text)
}

/// Prints one of the two; a reader that went away is no error.
fn tell(json: bool, value: &serde_json::Value, text: &str) -> anyhow::Result<ExitCode> {
    let text = if json { serde_json::to_string_pretty(value)? } else { text.to_owned() };
    match writeln!(io::stdout().lock(), "{text}") {
        Err(e) if e.kind() != io::ErrorKind::BrokenPipe => Err(e).context("writing the answer"),
        _ => Ok(ExitCode::SUCCESS),
    }
}
