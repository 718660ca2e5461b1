//! The line between store and headquarters, cut and mended by ending and starting the broker.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use clap::ValueEnum;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use super::folder::Folder;
use crate::cli::arguments::Common;
use crate::cli::beside::{Beside, ended};
use crate::cli::output;
use crate::config;
use crate::sync::mqtt::{Embedded, Version};

/// Between two looks at how the line is wanted.
const LOOK: Duration = Duration::from_millis(200);
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
    runs: Option<Beside>,
}

impl Broker {
    /// Starts it at a free port, where it comes back later.
    pub(super) async fn start(folder: &Folder) -> anyhow::Result<Self> {
        folder.want_line(Wanted::Up)?;
        let runs = process(0).await?;
        let port = runs.address.rsplit(':').next().unwrap_or_default();
        let port = port.parse().context("the broker's address has no port")?;
        folder.set_broker(Some(SocketAddr::from(([127, 0, 0, 1], port))))?;
        Ok(Self { folder: folder.clone(), port, runs: Some(runs) })
    }

    /// As stores and HQ find it.
    pub(super) fn url(&self) -> String {
        format!("mqtt://127.0.0.1:{}", self.port)
    }

    /// Does as is wanted until told to stop; ends the broker then.
    pub(super) async fn follow(mut self, stop: CancellationToken) {
        loop {
            self.look().await;
            tokio::select! {
                () = stop.cancelled() => break,
                () = tokio::time::sleep(LOOK) => {}
            }
        }
        let _ = self.folder.set_broker(None);
        if let Some(broker) = self.runs.take() {
            broker.end().await;
        }
    }

    async fn look(&mut self) {
        let over = self.runs.as_mut().is_some_and(Beside::is_over);
        if over {
            self.runs = None;
        }
        match (self.folder.line(), self.runs.take()) {
            (Wanted::Down, Some(broker)) => {
                broker.end().await;
                tracing::info!("the line to HQ is cut: its broker has ended");
            }
            (Wanted::Up, None) => match process(self.port).await {
                Ok(broker) => {
                    self.runs = Some(broker);
                    tracing::info!("the line to HQ is mended: its broker has started");
                }
                Err(error) => tracing::warn!(%error, "the broker does not start"),
            },
            (_, runs) => self.runs = runs,
        }
    }
}

async fn process(port: u16) -> anyhow::Result<Beside> {
    let arguments = ["demo", "broker", &port.to_string()].map(OsString::from);
    Beside::start("the broker", arguments).await
}
