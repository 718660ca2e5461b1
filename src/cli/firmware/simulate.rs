//! `endcap firmware-config simulate`: the devices of a running server, without the devices.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use clap::Args;
use firmware_config::Class;
use reqwest::Method;
use serde_json::Value;
use tokio::task::JoinSet;

use self::device::{Board, Simulated, Told};
use super::of_hex;
use crate::cli::arguments::Common;
use crate::cli::output;
use crate::cli::place::{self, Place};

mod device;

const EXAMPLES: &str = "\
Every device asks as often as --every says, and all that the server's profiles name are there unless
--devices says fewer. A round is over when all of them run a block that they had not before; change a
profile while this runs to begin the next.

Examples:
  endcap firmware-config simulate
  endcap firmware-config simulate --devices 300 --rounds 2 --every 1";

/// Arguments of `simulate`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Simulate {
    /// Be so many of them
    #[arg(long, default_value_t = 1000, value_name = "NUMBER")]
    devices: usize,
    /// End after so many rounds
    #[arg(long, default_value_t = 1, value_name = "NUMBER")]
    rounds: u32,
    /// Seconds between two questions of a device that has nothing to do
    #[arg(long, default_value_t = 5.0, value_name = "SECONDS")]
    every: f64,
    /// Give up after so many seconds without the end of a round
    #[arg(long, default_value_t = 600.0, value_name = "SECONDS")]
    patience: f64,
    /// As one JSON object for each round
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

/// How often it is looked whether a round is over.
const LOOK: Duration = Duration::from_millis(20);

impl Simulate {
    pub(super) async fn run(self, common: &Common) -> anyhow::Result<()> {
        let every = Duration::try_from_secs_f64(self.every).context("--every")?;
        let patience = Duration::try_from_secs_f64(self.patience).context("--patience")?;
        let devices = self.devices_of(common).await?;
        ensure!(!devices.is_empty(), "the server's profiles name no device");
        let board = Arc::new(Board::new(devices.len()));
        let mut running = JoinSet::new();
        for device in devices {
            running.spawn(device.live(Arc::clone(&board), every));
        }
        for round in 1..=self.rounds {
            let since = Instant::now();
            let told = loop {
                if let Some(told) = board.take_round() {
                    break told;
                }
                ensure!(
                    since.elapsed() < patience,
                    "round {round} is not over after {} s: {}",
                    patience.as_secs(),
                    board.standing()
                );
                tokio::time::sleep(LOOK).await;
            };
            self.show(round, &told)?;
        }
        running.shutdown().await;
        Ok(())
    }

    async fn devices_of(&self, common: &Common) -> anyhow::Result<Vec<Simulated>> {
        let sources = common.sources();
        let bound = self.place.ask(&sources, Method::GET, "/store/v1/firmware", None).await?;
        let store = bound.get("store").and_then(Value::as_str).context("no store's name")?;
        let key = bound.get("public_key").and_then(Value::as_str).and_then(of_hex);
        let key = key.context("no public key")?;
        let listed = self.place.ask(&sources, Method::GET, "/store/v1/devices", None).await?;
        let small = listed.get("small").and_then(Value::as_array).context("no small devices")?;
        let client = place::client(None)?;
        let mut devices = Vec::new();
        for row in small.iter().take(self.devices) {
            let text = |field: &str| row.get(field).and_then(Value::as_str).unwrap_or_default();
            let (name, class) = (text("name"), Class::of_name(text("class")));
            let class = class.with_context(|| format!("the class of {name}"))?;
            let path = format!("/store/v1/devices/{name}/frames");
            let (url, token) = self.place.address(&sources, &path)?;
            devices.push(Simulated::new(client.clone(), url, token, store, name, class, key)?);
        }
        Ok(devices)
    }

    fn show(&self, round: u32, told: &Told) -> anyhow::Result<()> {
        if self.json {
            return output::json(&told.to_json(round));
        }
        let Told { devices, took, requests, sent_bytes, received_bytes } = told;
        Ok(output::line(&format!(
            "round {round}: {devices} devices confirmed within {:.2} s; {requests} requests, \
             {sent_bytes} bytes from devices, {received_bytes} bytes to them",
            took.as_secs_f64()
        ))?)
    }
}
