//! A session and a broker, joined until told to stop.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::broker::Broker;
use super::client::{Client, Seen};
use super::outlet::{Outlet, Unsent};
use super::status::Status;
use crate::protocol::{Label, UnixMillis};
use crate::sync::error::{LineError, chain};
use crate::sync::machine::Phase;
use crate::sync::session::{Do, Happening, Now, Outgoing, Session};

/// Messages that wait for room at the broker. After each connection all that became of a thousand
/// commands is said at once; more than this a session never says.
const MAX_WAITING: usize = 4096;
/// How long a goodbye may take.
const GOODBYE: Duration = Duration::from_secs(2);

/// Keeps a node on the line until it is told to stop; then says goodbye. `status` follows how the
/// line is. What fails here or there ends the connection, and another is tried; an error means
/// that the session itself is lost.
pub async fn run(
    session: Session,
    broker: Broker,
    status: watch::Sender<Status>,
    stop: CancellationToken,
) -> Result<(), LineError> {
    let mut commits = session.store.commits();
    // Some brokers take no client id with the characters that topics need.
    let name = session.place().to_string().replace('/', ".");
    let (session, start) = (Some(session), Instant::now());
    let mut line =
        Line { name, session, broker, client: None, waiting: VecDeque::new(), status, start };
    let mut happening = Happening::Tick;
    loop {
        let wake_ms = line.handle(happening).await?;
        let wake = line.start + Duration::from_millis(wake_ms);
        let full = line.full();
        happening = tokio::select! {
            () = stop.cancelled() => return line.leave().await,
            seen = line.next() => seen,
            changed = commits.changed() => {
                if changed.is_err() {
                    return line.leave().await;
                }
                Happening::Tick
            }
            () = tokio::time::sleep_until(wake.into()) => Happening::Tick,
            () = room(full) => Happening::Tick,
        };
    }
}

/// When there is room again; never where nothing waits for it.
async fn room(full: Option<Outlet>) {
    match full {
        Some(outlet) => outlet.room().await,
        None => std::future::pending().await,
    }
}

struct Line {
    name: String,
    /// Away while it works on the disk.
    session: Option<Session>,
    broker: Broker,
    client: Option<Client>,
    /// What is said as soon as the client has room.
    waiting: VecDeque<Outgoing>,
    status: watch::Sender<Status>,
    start: Instant,
}

/// What a session tells of itself after each step.
struct Seat {
    wake_ms: u64,
    phase: Phase,
    hq_time: Option<UnixMillis>,
    refused: BTreeMap<&'static str, u64>,
    offered: BTreeSet<Label>,
}

impl Line {
    fn now(&self) -> Now {
        let steady_ms = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        Now { wall: UnixMillis::now(), steady_ms }
    }

    /// Lets the session work on the disk beside the runtime, and does what it says; when it is to
    /// be asked again.
    async fn handle(&mut self, happening: Happening) -> Result<u64, LineError> {
        let mut next = VecDeque::from([happening]);
        while let Some(happening) = next.pop_front() {
            let (now, lost) = (self.now(), happening == Happening::Lost);
            let done = match self.with_session(move |s| s.handle(happening, now)).await? {
                Ok(todo) => self.do_all(todo),
                Err(error) => Err(error),
            };
            if let Err(error) = done {
                if matches!(error, LineError::State(_))
                    && let Some(session) = &self.session
                {
                    session.store.distrust();
                }
                self.trouble(chain(&error));
                self.leave_client();
                if !lost {
                    next.push_back(Happening::Lost);
                }
            }
        }
        let seat = |session: &mut Session| Seat {
            wake_ms: session.wake_ms(),
            phase: session.phase(),
            hq_time: session.hq_time(),
            refused: session.refused().clone(),
            offered: session.offered().clone(),
        };
        let seat = self.with_session(seat).await?;
        Ok(self.tell(seat))
    }

    async fn with_session<T: Send + 'static>(
        &mut self,
        act: impl FnOnce(&mut Session) -> T + Send + 'static,
    ) -> Result<T, LineError> {
        let mut session = self.session.take().ok_or(LineError::BrokenOff)?;
        let work = tokio::task::spawn_blocking(move || {
            let done = act(&mut session);
            (session, done)
        });
        let (session, done) = work.await.map_err(|_| LineError::BrokenOff)?;
        self.session = Some(session);
        Ok(done)
    }

    fn do_all(&mut self, todo: Vec<Do>) -> Result<(), LineError> {
        for act in todo {
            match act {
                Do::Connect { will } => {
                    self.leave_client();
                    self.client = Some(Client::connect(&self.broker, &self.name, Some(will))?);
                }
                Do::Drop => self.leave_client(),
                Do::Subscribe(filters) => self.at_client(|client| client.subscribe(filters))?,
                Do::Publish(outgoing) => self.waiting.push_back(outgoing),
            }
        }
        self.say_waiting()
    }

    /// Says what waits, as far as there is room.
    fn say_waiting(&mut self) -> Result<(), LineError> {
        let Some(client) = &self.client else {
            self.waiting.clear();
            return Ok(());
        };
        while client.has_room()
            && let Some(outgoing) = self.waiting.pop_front()
        {
            client.publish(outgoing)?;
        }
        if self.waiting.len() > MAX_WAITING {
            return Err(Unsent::Full.into());
        }
        Ok(())
    }

    /// The connection's way out, where something waits for room in it.
    fn full(&self) -> Option<Outlet> {
        let client = self.client.as_ref().filter(|_| !self.waiting.is_empty());
        client.map(Client::outlet)
    }

    /// What was not said is said again at the next connection.
    fn leave_client(&mut self) {
        self.client = None;
        self.waiting.clear();
    }

    /// Nothing where the client is gone: the session hears of that next.
    fn at_client(&self, act: impl FnOnce(&Client) -> Result<(), Unsent>) -> Result<(), LineError> {
        self.client.as_ref().map_or(Ok(()), act).map_err(LineError::from)
    }

    /// Says once what ends a connection, however often it is tried.
    fn trouble(&self, why: String) {
        self.status.send_if_modified(|status| {
            let news = status.trouble.as_ref() != Some(&why);
            if news {
                tracing::warn!(why, "the line to HQ broke; it is tried again");
                status.trouble = Some(why);
            }
            news
        });
    }

    fn tell(&self, seat: Seat) -> u64 {
        let now = self.now();
        self.status.send_if_modified(|status| {
            let before = status.clone();
            if status.phase != seat.phase {
                (status.phase, status.since) = (seat.phase, now.wall);
                status.next_try = match seat.phase {
                    Phase::Waiting { until_ms } => {
                        Some(now.wall.plus(until_ms.saturating_sub(now.steady_ms)))
                    }
                    _ => None,
                };
                match seat.phase {
                    Phase::Subscribing => status.connections += 1,
                    Phase::Open => {
                        tracing::info!(broker = %self.broker.address, "on the line to HQ");
                        status.trouble = None;
                    }
                    _ => {}
                }
            }
            (status.hq_time, status.refused) = (seat.hq_time, seat.refused);
            status.offered = seat.offered;
            *status != before
        });
        seat.wake_ms
    }

    /// What happens next at the broker; for ever nothing where there is no client.
    async fn next(&mut self) -> Happening {
        let Some(client) = &mut self.client else { return std::future::pending().await };
        match client.next().await {
            Some(Seen::Connected) => Happening::Connected,
            Some(Seen::Subscribed { all }) => {
                if !all {
                    self.trouble("the broker did not grant every subscription".to_owned());
                }
                Happening::Subscribed { all }
            }
            Some(Seen::Message { topic, payload }) => Happening::Message { topic, payload },
            Some(Seen::Taken) => Happening::Taken,
            Some(Seen::Broken(why)) => {
                self.trouble(why);
                self.leave_client();
                Happening::Lost
            }
            None => {
                self.leave_client();
                Happening::Lost
            }
        }
    }

    async fn leave(mut self) -> Result<(), LineError> {
        let now = self.now();
        let goodbye = self.with_session(move |session| session.leave(now)).await?;
        let (Ok(Some(goodbye)), Some(mut client)) = (goodbye, self.client.take()) else {
            return Ok(());
        };
        if client.publish(goodbye).is_ok() && client.disconnect().is_ok() {
            let end = async { while client.next().await.is_some() {} };
            let _ = tokio::time::timeout(GOODBYE, end).await;
        }
        Ok(())
    }
}
