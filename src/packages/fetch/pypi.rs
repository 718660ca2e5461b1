//! A wheel through the user's own pip: its index, proxy and certificates are those the user has set
//! up, and no host is named here.

use std::io;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::{Instant, interval, timeout};

use super::super::error::At;
use super::super::progress::Progress;
use super::wheel::Wheel;
use super::{Failure, Sources};
use crate::units::Bytes;

/// Output of pip that is looked at; the rest is read and dropped.
const MAX_OUTPUT_BYTES: usize = 64 << 10;
const LOOK_EVERY: Duration = Duration::from_millis(250);
const MAX_DOWNLOAD: Duration = Duration::from_secs(2 * 3600);

/// The first pip there is, once its index has answered. Asking the index first, with short limits
/// of pip's own, is what makes an unreachable one cost seconds; the download then runs under the
/// user's settings.
pub(super) async fn find_pip<'a>(
    package: &str,
    sources: &'a Sources,
) -> Result<&'a [String], Failure> {
    for pip in &sources.pip {
        let mut command = command(pip, &["index", "versions", package]);
        command.args(["--timeout", "4", "--retries", "0"]);
        let mut child = match command.spawn() {
            Ok(child) => child,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(Failure::Source(format!("pip does not start: {error}"))),
        };
        let Ok(ended) = timeout(sources.limits.pip_index, output(&mut child)).await else {
            let seconds = sources.limits.pip_index.as_secs_f32();
            return Err(Failure::Source(format!("pip's index gave no answer within {seconds} s")));
        };
        match ended {
            Ok((true, _)) => return Ok(pip),
            Ok((false, said)) if said.contains("No module named pip") => {}
            // Versions of pip before 21.2 cannot ask; the download will tell.
            Ok((false, said)) if said.contains("unknown command") => return Ok(pip),
            Ok((false, said)) => return Err(Failure::Source(reason(&said))),
            Err(error) => return Err(Failure::Source(format!("pip failed: {error}"))),
        }
    }
    Err(Failure::Source("there is no pip here; install Python 3 with pip".into()))
}

/// Has pip put the wheel into a folder that is empty. Progress hears of bytes alone.
pub(super) async fn download(
    pip: &[String],
    wheel: &Wheel<'_>,
    folder: &Path,
    stall: Duration,
    progress: &dyn Progress,
) -> Result<(), Failure> {
    let unpacking = folder.join("tmp");
    std::fs::create_dir(&unpacking).at("making", &unpacking)?;
    let mut command = command(pip, &["download", "--no-deps", "--only-binary=:all:"]);
    // pip's cache would keep every wheel a second time, for good.
    command.args(["--ignore-requires-python", "--no-cache-dir", "--progress-bar", "off"]);
    command.arg("-d").arg(folder);
    command.arg(wheel.to_string()).env("TMPDIR", &unpacking);
    let mut child =
        command.spawn().map_err(|e| Failure::Source(format!("pip does not start: {e}")))?;
    let result = watch(&mut child, folder, wheel.bytes, stall, progress).await;
    // Dropping the child kills it; waiting here makes sure that it no longer writes.
    if result.is_err() {
        let _ = child.kill().await;
    }
    result
}

/// Waits for pip while its folder grows by a wheel that holds so many bytes.
async fn watch(
    child: &mut Child,
    folder: &Path,
    held_bytes: u64,
    stall: Duration,
    progress: &dyn Progress,
) -> Result<(), Failure> {
    // The wheel lies there twice for a moment: as it came, and where it was asked for.
    let limit = held_bytes.saturating_mul(4).saturating_add(256 << 20);
    let began = Instant::now();
    let (mut seen, mut grew) = (0, began);
    let mut tick = interval(LOOK_EVERY);
    let mut ended = std::pin::pin!(output(child));
    loop {
        tokio::select! {
            ended = &mut ended => return match ended {
                Ok((true, _)) => Ok(()),
                Ok((false, said)) => Err(Failure::Source(reason(&said))),
                Err(error) => Err(Failure::Source(format!("pip failed: {error}"))),
            },
            _ = tick.tick() => {}
        }
        let bytes = folder_bytes(folder, 3);
        if bytes > seen {
            progress.advance(bytes - seen);
            (seen, grew) = (bytes, Instant::now());
        }
        if bytes > limit {
            let limit = Bytes(limit);
            return Err(Failure::Source(format!("pip downloaded more than {limit}")));
        }
        if grew.elapsed() > stall || began.elapsed() > MAX_DOWNLOAD {
            return Err(Failure::Source("pip's download stands still".into()));
        }
    }
}

fn command(pip: &[String], arguments: &[&str]) -> Command {
    let mut words = pip.iter();
    let mut command = Command::new(words.next().map_or("", String::as_str));
    command
        .args(words)
        .args(arguments)
        .args(["--no-input", "--disable-pip-version-check"])
        .env("PYTHONUNBUFFERED", "1")
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// Whether the child succeeded, and what it said (bounded).
async fn output(child: &mut Child) -> io::Result<(bool, String)> {
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let (said, complained) = tokio::join!(bounded(stdout), bounded(stderr));
    let status = child.wait().await?;
    Ok((status.success(), format!("{said}\n{complained}")))
}

async fn bounded(pipe: Option<impl AsyncRead + Unpin>) -> String {
    let Some(pipe) = pipe else { return String::new() };
    let mut pipe = BufReader::new(pipe);
    let mut text = Vec::new();
    while text.len() < MAX_OUTPUT_BYTES {
        let mut line = Vec::new();
        match (&mut pipe).take(MAX_OUTPUT_BYTES as u64).read_until(b'\n', &mut line).await {
            Ok(0) | Err(_) => break,
            Ok(_) => text.extend(line),
        }
    }
    let _ = tokio::io::copy(&mut pipe, &mut tokio::io::sink()).await;
    String::from_utf8_lossy(&text).into_owned()
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

fn folder_bytes(folder: &Path, depth: usize) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    let size = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(m) if m.is_dir() && depth > 0 => folder_bytes(&entry.path(), depth - 1),
        Ok(m) if m.is_file() => m.len(),
        _ => 0,
    };
    entries.flatten().map(size).sum()
}
