//! A wheel through the user's own pip.

use tokio::process::Command;

use super::super::error::At;
use super::super::progress::Progress;
use super::tool::{self, Ended, Held};
use super::{Failure, Sources};

/// The first pip there is, once its index has answered. Asking the index first, with short limits
/// of pip's own, is what makes an unreachable one cost seconds; the download then runs under the
/// user's settings.
pub(super) async fn find_pip<'a>(
    package: &str,
    sources: &'a Sources,
) -> Result<&'a [String], Failure> {
    let limit = sources.limits.registry;
    for pip in &sources.pip {
        let mut command = command(pip, &["index", "versions", package]);
        command.args(["--timeout", "4", "--retries", "0"]);
        match tool::ask(command, limit).await? {
            Ended::Well => return Ok(pip),
            Ended::Absent => {}
            Ended::Late => {
                let seconds = limit.as_secs_f32();
                return Err(Failure::Source(format!(
                    "pip's index gave no answer within {seconds} s"
                )));
            }
            Ended::Badly(said) if said.contains("No module named pip") => {}
            // Versions of pip before 21.2 cannot ask; the download will tell.
            Ended::Badly(said) if said.contains("unknown command") => return Ok(pip),
            Ended::Badly(said) => return Err(Failure::Source(reason(&said))),
        }
    }
    Err(Failure::Source("there is no pip here; install Python 3 with pip".into()))
}

/// Has pip put the wheel `named` (`package==version`) into a folder.
pub(super) async fn download(
    pip: &[String],
    named: &str,
    held: &Held<'_>,
    progress: &dyn Progress,
) -> Result<(), Failure> {
    let unpacking = held.folder.join("tmp");
    std::fs::create_dir(&unpacking).at("making", &unpacking)?;
    let mut command = command(pip, &["download", "--no-deps", "--only-binary=:all:"]);
    // pip's cache would keep every wheel a second time, for good.
    command.args(["--ignore-requires-python", "--no-cache-dir", "--progress-bar", "off"]);
    command.arg("-d").arg(held.folder);
    command.arg(named).env("TMPDIR", &unpacking);
    tool::download(command, "pip", held, reason, progress).await
}

fn command(pip: &[String], arguments: &[&str]) -> Command {
    let mut command = tool::command(pip, arguments);
    command.args(["--no-input", "--disable-pip-version-check"]).env("PYTHONUNBUFFERED", "1");
    command
}

/// The line of pip's output that says why, without addresses' secrets: pip masks those itself.
fn reason(said: &str) -> String {
    let line = |mark: &str| said.lines().rev().find(|l| l.contains(mark));
    let told = line("ERROR:").or_else(|| line("WARNING:")).or_else(|| said.lines().last());
    let told: String = told.unwrap_or("no reason given").trim().chars().take(300).collect();
    let unreachable = ["Connection", "connection", "timed out", "resolve", "Retrying"];
    if unreachable.iter().any(|w| said.contains(w)) {
        format!("pip cannot reach its index ({told})")
    } else {
        format!("pip says: {told}")
    }
}
