//! The line between store and headquarters, cut and mended by ending and starting the broker.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use clap::ValueEnum;
use tokio::net::TcpStream;

use super::folder::Folder;
use super::process::Process;
use crate::cli::arguments::Common;
use crate::cli::beside::ended;
use crate::cli::output;
use crate::config;
use crate::sync::mqtt::{Embedded, Version};

/// Between two looks at how the line is wanted.
pub(super) const LOOK: Duration = Duration::from_millis(200);
/// Until the demo has done what was said.
const PATIENCE: Duration = Duration::from_secs(10);

/// How the line is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Wanted {
    /// Nobody listens where the broker was
    Down,
    /// The broker is there, and has forgotten everything
    Up,
}

impl Wanted {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Down => "down",
            Self::Up => "up",
        }
    }
}

/// `demo line`: says how a running demo's line is wanted, and waits until it is so.
pub(super) async fn run(common: &Common, wanted: Wanted) -> anyhow::Result<()> {
    let folder = Folder::of(&config::load(&common.sources())?);
    let broker = folder.broker()?;
    folder.want_line(wanted)?;
    let end = Instant::now() + PATIENCE;
    while TcpStream::connect(broker).await.is_ok() != (wanted == Wanted::Up) {
        if Instant::now() >= end {
            bail!("the demo did not do it within {PATIENCE:?}; does it still run?");
        }
        tokio::time::sleep(LOOK).await;
    }
    let told = match wanted {
        Wanted::Down => format!("the broker is gone: nobody listens on {broker}"),
        Wanted::Up => format!("a broker listens on {broker}; it knows nothing of before"),
    };
    Ok(output::line(&told)?)
}

/// `demo broker`: a broker on a port of this machine until standard input ends.
pub(super) async fn serve(port: u16) -> anyhow::Result<()> {
    let broker = Embedded::start(port, 0).await?;
    output::line(&broker.address(Version::Five).to_string())?;
    ended(true).await;
    Ok(())
}

/// The broker of a demo: there or not, as is wanted.
pub(super) struct Broker {
    folder: Folder,
    port: u16,
    process: Process,
}

impl Broker {
    /// Starts it at a free port, where it comes back later.
    pub(super) async fn start(folder: &Folder) -> anyhow::Result<Self> {
        folder.want_line(Wanted::Up)?;
        let mut port = 0;
        let process = Process::start("the broker", arguments(0), |address| {
            let last = address.rsplit(':').next().unwrap_or_default();
            port = last.parse().context("the broker's address has no port")?;
            Ok(arguments(port))
        });
        let process = process.await?;
        folder.set_broker(Some(SocketAddr::from(([127, 0, 0, 1], port))))?;
        Ok(Self { folder: folder.clone(), port, process })
    }

    /// As stores and HQ find it.
    pub(super) fn url(&self) -> String {
        format!("mqtt://127.0.0.1:{}", self.port)
    }

    /// Does as is wanted.
    pub(super) async fn look(&mut self) {
        let (wanted, was_there) = (self.folder.line(), self.process.is_there());
        self.process.look(wanted == Wanted::Up).await;
        match (was_there, self.process.is_there()) {
            (true, false) if wanted == Wanted::Down => {
                tracing::info!("the line to HQ is cut: its broker has ended");
            }
            (false, true) => tracing::info!("the line to HQ is mended: its broker has started"),
            _ => {}
        }
    }

    /// Why it does not run although it is wanted.
    pub(super) fn trouble(&self) -> Option<&str> {
        self.process.trouble()
    }

    /// Ends it.
    pub(super) async fn end(self) {
        let _ = self.folder.set_broker(None);
        self.process.end().await;
    }
}

fn arguments(port: u16) -> [OsString; 3] {
    ["demo", "broker", &port.to_string()].map(OsString::from)
}
