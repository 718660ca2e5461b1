//! One simulated device, and the board on which all of them are counted.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use firmware_config::flash::Memory;
use firmware_config::link::Frame;
use firmware_config::{Class, Device, Identity, Keys, Next, Running, Slots};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

/// Flash as small controllers have it.
type Flash = Memory<8, 2048>;

/// Before a device that was not answered asks again.
const PAUSE: Duration = Duration::from_secs(1);

/// What a round took.
#[derive(Debug, Clone)]
pub(super) struct Told {
    /// How many devices.
    pub(super) devices: usize,
    /// From the first offer to the last confirmation.
    pub(super) took: Duration,
    pub(super) requests: u64,
    /// Of frames; what HTTP takes comes on top.
    pub(super) sent_bytes: u64,
    pub(super) received_bytes: u64,
}

impl Told {
    pub(super) fn to_json(&self, round: u32) -> Value {
        json!({
            "round": round,
            "devices": self.devices,
            "seconds": self.took.as_secs_f64(),
            "requests": self.requests,
            "sent_bytes": self.sent_bytes,
            "received_bytes": self.received_bytes,
        })
    }
}

/// What all devices do together.
pub(super) struct Board(Mutex<Counts>);

struct Counts {
    devices: usize,
    confirmed: usize,
    began: Option<Instant>,
    ended: Instant,
    requests: u64,
    sent_bytes: u64,
    received_bytes: u64,
    trouble: Option<String>,
}

impl Counts {
    fn new(devices: usize) -> Self {
        Self {
            devices,
            confirmed: 0,
            began: None,
            ended: Instant::now(),
            requests: 0,
            sent_bytes: 0,
            received_bytes: 0,
            trouble: None,
        }
    }
}

impl Board {
    pub(super) fn new(devices: usize) -> Self {
        Self(Mutex::new(Counts::new(devices)))
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a round took, when it is over; the next begins.
    pub(super) fn take_round(&self) -> Option<Told> {
        let mut counts = self.counts();
        let began = counts.began.filter(|_| counts.confirmed >= counts.devices)?;
        let told = Told {
            devices: counts.devices,
            took: counts.ended.duration_since(began),
            requests: counts.requests,
            sent_bytes: counts.sent_bytes,
            received_bytes: counts.received_bytes,
        };
        *counts = Counts::new(counts.devices);
        Some(told)
    }

    /// How far a round is, for whoever gives up on it.
    pub(super) fn standing(&self) -> String {
        let counts = self.counts();
        let trouble = counts.trouble.as_deref().unwrap_or("no trouble");
        format!("{} of {} devices confirmed; {trouble}", counts.confirmed, counts.devices)
    }

    fn exchanged(&self, sent: usize, received: usize) {
        let mut counts = self.counts();
        counts.requests += 1;
        counts.sent_bytes += sent as u64;
        counts.received_bytes += received as u64;
    }
}

/// One device.
pub(super) struct Simulated {
    client: Client,
    url: String,
    token: String,
    identity: Identity,
    keys: Keys,
    device: Device<Flash, Keys>,
}

impl Simulated {
    pub(super) fn new(
        client: Client,
        url: String,
        token: String,
        store: &str,
        name: &str,
        class: Class,
        key: [u8; 32],
    ) -> anyhow::Result<Self> {
        let (identity, keys) = (Identity::of(store, name, class), Keys::new(&[key]));
        let flash = Flash::blank(Slots::<Flash>::BYTES);
        let device = start(flash, identity, &keys)?;
        Ok(Self { client, url, token, identity, keys, device })
    }

    /// Asks, takes, starts anew, is confirmed, rests, for as long as somebody watches.
    pub(super) async fn live(mut self, board: Arc<Board>, every: Duration) {
        loop {
            match self.step(&board).await {
                Ok(Next::Say) => {}
                Ok(Next::Rest) => {
                    tokio::time::sleep(every).await;
                    self.device.tick();
                }
                Ok(Next::Restart) => match self.restarted() {
                    Ok(device) => self.device = device,
                    Err(error) => board.counts().trouble = Some(format!("{error:#}")),
                },
                Err(error) => {
                    board.counts().trouble = Some(format!("{error:#}"));
                    tokio::time::sleep(PAUSE).await;
                    self.device.tick();
                }
            }
        }
    }

    fn restarted(&self) -> anyhow::Result<Device<Flash, Keys>> {
        start(self.device.clone().into_flash(), self.identity, &self.keys)
    }

    /// One question and its answer.
    async fn step(&mut self, board: &Board) -> anyhow::Result<Next> {
        let said = Frame::new(&self.device.say())?;
        let request = self.client.post(&self.url).bearer_auth(&self.token);
        let request = request.header("content-type", "application/octet-stream");
        let answer = request.body(said.bytes().to_vec()).send().await.context("asking the box")?;
        let status = answer.status();
        let bytes = answer.bytes().await.context("reading from the box")?;
        board.exchanged(said.bytes().len(), bytes.len());
        match status {
            StatusCode::OK => Ok(self.hear(&bytes, board)?),
            StatusCode::NO_CONTENT => Ok(self.device.tick()),
            other => bail!("the box answered {other}"),
        }
    }

    fn hear(&mut self, bytes: &[u8], board: &Board) -> anyhow::Result<Next> {
        let before = self.device.running();
        let next = self.device.hear(&Frame::parse(bytes)?);
        let is_taking = !self.device.session().is_settled();
        let mut counts = board.counts();
        if is_taking {
            counts.began.get_or_insert_with(Instant::now);
        }
        if self.device.running() != before && matches!(self.device.running(), Running::Confirmed(_))
        {
            counts.confirmed += 1;
            counts.ended = Instant::now();
        }
        Ok(next)
    }
}

fn start(flash: Flash, identity: Identity, keys: &Keys) -> anyhow::Result<Device<Flash, Keys>> {
    let started = Device::start(flash, identity, keys.clone(), &mut None);
    started.map_err(|error| anyhow::anyhow!("a simulated device does not start: {error}"))
}
