//! A package's archive through the user's own npm.

use std::path::Path;

use tokio::process::Command;

use super::super::progress::Progress;
use super::tool::{self, Ended, Held};
use super::{Failure, Sources};

/// The first npm there is, once its registry has answered, as [`super::pypi::find_pip`] asks.
pub(super) async fn find_npm<'a>(
    named: &str,
    folder: &Path,
    sources: &'a Sources,
) -> Result<&'a [String], Failure> {
    let limit = sources.limits.registry;
    for npm in &sources.npm {
        let mut command = command(npm, &["view", named, "version"], folder);
        command.args(["--fetch-timeout=4000", "--fetch-retries=0"]);
        match tool::ask(command, limit).await? {
            Ended::Well => return Ok(npm),
            Ended::Absent => {}
            Ended::Late => {
                let seconds = limit.as_secs_f32();
                return Err(Failure::Source(format!(
                    "npm's registry gave no answer within {seconds} s"
                )));
            }
            Ended::Badly(said) => return Err(Failure::Source(reason(&said))),
        }
    }
    Err(Failure::Source("there is no npm here; install Node.js with npm".into()))
}

/// Has npm put the archive of `named` (`package@version`) into a folder. Nothing of it is run.
pub(super) async fn download(
    npm: &[String],
    named: &str,
    held: &Held<'_>,
    progress: &dyn Progress,
) -> Result<(), Failure> {
    let mut command = command(npm, &["pack", named, "--ignore-scripts"], held.folder);
    command.arg("--pack-destination").arg(held.folder);
    tool::download(command, "npm", held, reason, progress).await
}

/// npm's cache would keep every archive a second time, for good; so it gets one that goes with the
/// folder. The folder is also where npm looks for a project, of which there is none.
fn command(npm: &[String], arguments: &[&str], folder: &Path) -> Command {
    let mut command = tool::command(npm, arguments);
    command.arg("--cache").arg(folder.join("cache")).current_dir(folder);
    command.args(["--loglevel=error", "--no-progress", "--no-update-notifier"]);
    command
}

/// The line of npm's output that says why.
fn reason(said: &str) -> String {
    let lines = || {
        said.lines().filter_map(|line| {
            line.strip_prefix("npm error ").or_else(|| line.strip_prefix("npm ERR! "))
        })
    };
    let telling = lines().find(|line| line.contains("reason:") || line.starts_with("404 "));
    let told = telling.or_else(|| lines().next()).or_else(|| said.lines().last());
    let told: String = told.unwrap_or("no reason given").trim().chars().take(300).collect();
    let unreachable = ["ENOTFOUND", "ECONNREFUSED", "ECONNRESET", "ETIMEDOUT", "EAI_AGAIN"];
    if unreachable.iter().any(|code| said.contains(code)) {
        format!("npm cannot reach its registry ({told})")
    } else {
        format!("npm says: {told}")
    }
}
