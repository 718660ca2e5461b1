//! The user's own package managers: their registry, proxy and certificates are those the user has
//! set up, and no host is named here.

use std::io;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::{Instant, interval, timeout};

use super::super::progress::Progress;
use super::Failure;
use crate::units::Bytes;

/// Output of a tool that is looked at; the rest is read and dropped.
const MAX_OUTPUT_BYTES: usize = 64 << 10;
const LOOK_EVERY: Duration = Duration::from_millis(250);
const MAX_DOWNLOAD: Duration = Duration::from_secs(2 * 3600);

/// How a tool's run ended.
pub(super) enum Ended {
    /// With success.
    Well,
    /// Without, having said this.
    Badly(String),
    /// There is no such program.
    Absent,
    /// Not within the time allowed.
    Late,
}

/// Where a tool puts what it downloads.
pub(super) struct Held<'a> {
    /// Empty at the start.
    pub(super) folder: &'a Path,
    /// Bytes that are wanted of the archive.
    pub(super) bytes: u64,
    /// Time in which nothing may come.
    pub(super) stall: Duration,
}

/// A program with its leading arguments and these, with nothing on its standard input.
pub(super) fn command(words: &[String], arguments: &[&str]) -> Command {
    let mut words = words.iter();
    let mut command = Command::new(words.next().map_or("", String::as_str));
    command
        .args(words)
        .args(arguments)
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// Runs a command to its end, or to the end of the time allowed.
pub(super) async fn ask(mut command: Command, limit: Duration) -> Result<Ended, Failure> {
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Ended::Absent),
        Err(error) => return Err(Failure::Source(format!("it does not start: {error}"))),
    };
    Ok(match timeout(limit, output(&mut child)).await {
        Err(_) => Ended::Late,
        Ok(Ok((true, _))) => Ended::Well,
        Ok(Ok((false, said))) => Ended::Badly(said),
        Ok(Err(error)) => return Err(Failure::Source(format!("it failed: {error}"))),
    })
}

/// Runs a download; progress hears of bytes alone.
pub(super) async fn download(
    mut command: Command,
    name: &str,
    held: &Held<'_>,
    reason: fn(&str) -> String,
    progress: &dyn Progress,
) -> Result<(), Failure> {
    let spawned = command.spawn();
    let mut child = spawned.map_err(|e| Failure::Source(format!("{name} does not start: {e}")))?;
    let result = match watch(&mut child, name, held, progress).await {
        Ok((true, _)) => Ok(()),
        Ok((false, said)) => Err(Failure::Source(reason(&said))),
        Err(failure) => Err(failure),
    };
    // Dropping the child kills it; waiting here makes sure that it no longer writes.
    if result.is_err() {
        let _ = child.kill().await;
    }
    result
}

/// Waits for the tool while its folder grows.
async fn watch(
    child: &mut Child,
    name: &str,
    held: &Held<'_>,
    progress: &dyn Progress,
) -> Result<(bool, String), Failure> {
    // The archive lies there twice for a moment: as it came, and where it was asked for.
    let limit = held.bytes.saturating_mul(4).saturating_add(256 << 20);
    let began = Instant::now();
    let (mut seen, mut grew) = (0, began);
    let mut tick = interval(LOOK_EVERY);
    let mut ended = std::pin::pin!(output(child));
    loop {
        tokio::select! {
            ended = &mut ended => {
                return ended.map_err(|error| Failure::Source(format!("{name} failed: {error}")));
            }
            _ = tick.tick() => {}
        }
        let bytes = folder_bytes(held.folder, 6);
        if bytes > seen {
            progress.advance(bytes - seen);
            (seen, grew) = (bytes, Instant::now());
        }
        if bytes > limit {
            let limit = Bytes(limit);
            return Err(Failure::Source(format!("{name} downloaded more than {limit}")));
        }
        if grew.elapsed() > held.stall || began.elapsed() > MAX_DOWNLOAD {
            return Err(Failure::Source(format!("{name}'s download stands still")));
        }
    }
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

fn folder_bytes(folder: &Path, depth: usize) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    let size = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(m) if m.is_dir() && depth > 0 => folder_bytes(&entry.path(), depth - 1),
        Ok(m) if m.is_file() => m.len(),
        _ => 0,
    };
    entries.flatten().map(size).sum()
}
