//! A session's messages to a broker and back.

mod broker;
mod client;

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::error::LineError;
use super::machine::Phase;
use super::session::{Do, Happening, Now, Outgoing, Session};
use crate::protocol::UnixMillis;
use client::{Client, Seen, Stuck};

pub use broker::{Broker, Version};

/// How long a goodbye may take.
const GOODBYE: Duration = Duration::from_secs(2);

/// Keeps a node on the line until it is told to stop; then says goodbye. `phase` follows how far the
/// connection is.
pub async fn run(
    session: Session,
    broker: Broker,
    phase: watch::Sender<Phase>,
    stop: CancellationToken,
) -> Result<(), LineError> {
    let mut commits = session.store.commits();
    let mut line = Line {
        name: session.place().to_string(),
        session: Some(session),
        broker,
        client: None,
        publishes: Publishes::default(),
        start: Instant::now(),
    };
    let mut happening = Happening::Tick;
    loop {
        let wake_ms = line.handle(happening, &phase).await?;
        let wake = line.start + Duration::from_millis(wake_ms);
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
        };
    }
}

struct Line {
    name: String,
    /// Away while it works on the disk.
    session: Option<Session>,
    broker: Broker,
    client: Option<Client>,
    publishes: Publishes,
    start: Instant,
}

/// Which publishes are counted, in the order in which they were handed over, then by packet id.
#[derive(Default)]
struct Publishes {
    handed: VecDeque<bool>,
    left: BTreeMap<u16, bool>,
}

impl Line {
    fn now(&self) -> Now {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Now { wall: UnixMillis(millis(wall)), steady_ms: millis(self.start.elapsed()) }
    }

    /// Lets the session work on the disk beside the runtime, and does what it says.
    async fn handle(
        &mut self,
        happening: Happening,
        phase: &watch::Sender<Phase>,
    ) -> Result<u64, LineError> {
        let mut next = VecDeque::from([happening]);
        while let Some(happening) = next.pop_front() {
            let now = self.now();
            let todo = self.with_session(move |session| session.handle(happening, now)).await?;
            for act in todo {
                if self.act(act).is_err() {
                    self.gone();
                    next.push_back(Happening::Lost);
                }
            }
        }
        let (wake_ms, at) = self.with_session(|s| Ok((s.wake_ms(), s.phase()))).await?;
        phase.send_if_modified(|known| std::mem::replace(known, at) != at);
        Ok(wake_ms)
    }

    async fn with_session<T: Send + 'static>(
        &mut self,
        act: impl FnOnce(&mut Session) -> Result<T, LineError> + Send + 'static,
    ) -> Result<T, LineError> {
        let ended = || LineError::Settings("the line's session has ended".to_owned());
        let mut session = self.session.take().ok_or_else(ended)?;
        let work = tokio::task::spawn_blocking(move || {
            let done = act(&mut session);
            (session, done)
        });
        let (session, done) = work.await.map_err(|_| ended())?;
        self.session = Some(session);
        done
    }

    fn act(&mut self, act: Do) -> Result<(), Stuck> {
        match act {
            Do::Connect { will } => {
                self.gone();
                self.client = Some(Client::connect(&self.broker, &self.name, will));
                Ok(())
            }
            Do::Drop => {
                self.gone();
                Ok(())
            }
            Do::Subscribe(filters) => match &self.client {
                Some(client) => client.subscribe(filters),
                None => Ok(()),
            },
            Do::Publish(outgoing) => self.publish(outgoing),
        }
    }

    fn publish(&mut self, outgoing: Outgoing) -> Result<(), Stuck> {
        let Some(client) = &self.client else { return Ok(()) };
        let counted = outgoing.counted;
        client.publish(outgoing)?;
        self.publishes.handed.push_back(counted);
        Ok(())
    }

    fn gone(&mut self) {
        self.client = None;
        self.publishes = Publishes::default();
    }

    /// What happens next at the broker; for ever nothing where there is no client.
    async fn next(&mut self) -> Happening {
        loop {
            let Some(client) = &mut self.client else { return std::future::pending().await };
            match client.next().await {
                None => {
                    self.gone();
                    return Happening::Lost;
                }
                Some(Seen::Connected) => return Happening::Connected,
                Some(Seen::Subscribed { all }) => return Happening::Subscribed { all },
                Some(Seen::Message { topic, payload }) => {
                    return Happening::Message { topic, payload };
                }
                Some(Seen::Left(id)) => {
                    if let Some(counted) = self.publishes.handed.pop_front() {
                        self.publishes.left.insert(id, counted);
                    }
                }
                Some(Seen::Acked { id, taken }) => {
                    let counted = self.publishes.left.remove(&id).unwrap_or(false);
                    if !taken {
                        tracing::warn!("the broker refused a message");
                        self.gone();
                        return Happening::Lost;
                    }
                    if counted {
                        return Happening::Taken;
                    }
                }
            }
        }
    }

    async fn leave(mut self) -> Result<(), LineError> {
        let now = self.now();
        let goodbye = self.with_session(move |session| session.leave(now)).await?;
        let (Some(goodbye), Some(mut client)) = (goodbye, self.client.take()) else {
            return Ok(());
        };
        if client.publish(goodbye).is_ok() && client.disconnect().is_ok() {
            let end = async { while client.next().await.is_some() {} };
            let _ = tokio::time::timeout(GOODBYE, end).await;
        }
        Ok(())
    }
}
