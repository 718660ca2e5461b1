//! A process of this program beside another: it ends when whoever started it closes its standard
//! input, which the system does for one that was killed.

use std::ffi::OsString;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

/// What it tells at the terminal of whoever started it. That a statement took long, as it may while
/// a model is loaded beside it, is nothing to act on.
const LOG: &str = "warn,sqlx=error";
/// Until it has said where it is.
const START: Duration = Duration::from_secs(30);
/// Until it has ended by itself; then it is ended.
const END: Duration = Duration::from_secs(10);

/// A process that runs beside this one.
pub(super) struct Beside {
    child: Child,
    /// The address in its first line.
    pub(super) address: String,
    /// Held open: writing into a closed one would end it.
    _stdout: BufReader<ChildStdout>,
}

impl Beside {
    /// Starts this program again and waits for its first line, which ends with an address. Ctrl-C at
    /// the terminal does not reach it.
    pub(super) async fn start(
        what: &str,
        arguments: impl IntoIterator<Item = OsString>,
    ) -> anyhow::Result<Self> {
        let program = std::env::current_exe().context("looking for this program")?;
        let mut child = Command::new(program)
            .args(arguments)
            .env("ENDCAP_LOG_FILTER", LOG)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .process_group(0)
            .spawn()
            .with_context(|| format!("starting {what}"))?;
        let stdout = child.stdout.take().context("its output")?;
        let mut stdout = BufReader::new(stdout);
        let mut line = String::new();
        let read = timeout(START, stdout.read_line(&mut line)).await;
        let _ = read.with_context(|| format!("{what} did not start within {START:?}"))?;
        match line.split_whitespace().last() {
            Some(address) => Ok(Self { child, address: address.to_owned(), _stdout: stdout }),
            None => bail!("{what} did not start"),
        }
    }

    /// How it ended, where it did by itself.
    pub(super) fn over(&mut self) -> Option<String> {
        match self.child.try_wait() {
            Ok(None) => None,
            Ok(Some(status)) => Some(status.to_string()),
            Err(error) => Some(error.to_string()),
        }
    }

    /// Ends it, and waits until it has.
    pub(super) async fn end(mut self) {
        drop(self.child.stdin.take());
        if timeout(END, self.child.wait()).await.is_err() {
            // It holds nothing that another start would not find.
            let _ = self.child.kill().await;
        }
    }
}

/// Until standard input ends; for ever where that does not matter.
pub(super) async fn ended(matters: bool) {
    if matters {
        let _ = tokio::io::copy(&mut tokio::io::stdin(), &mut tokio::io::sink()).await;
    } else {
        std::future::pending::<()>().await;
    }
}
