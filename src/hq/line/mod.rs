//! HQ's side of the line: from the broker into the database, and what is said in answer back.
//!
//! One task carries messages between broker and two queues; another takes them in batches. A broker
//! that gives messages faster than they are stored is left waiting; answers that find no room are
//! dropped, as nodes ask and send again until they are answered.

#[cfg(test)]
pub(super) mod memory;
mod mqtt;
#[cfg(test)]
mod tests;
mod wire;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{broadcast, mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::clock::now;
use super::error::HqError;
use super::ingest::{Incoming, MAX_BATCH, Outgoing};
use super::service::Hq;
use crate::protocol::{Label, Topic};
pub(in crate::hq) use mqtt::MqttWire;
pub use wire::{Gone, Seen, Stuck, Wire};

/// Messages that wait to be stored; then the broker waits.
const MAX_INBOX: usize = 2048;
/// Answers that wait for the broker.
const MAX_OUTBOX: usize = 8192;
/// How long connecting and subscribing may take.
const GREETING: Duration = Duration::from_secs(20);
/// How long a broker may take no message before the connection is given up.
const STUCK: Duration = Duration::from_secs(30);
/// While a broker takes nothing, it is tried again this often.
const RETRY: Duration = Duration::from_millis(5);
/// What is unanswered is said again this often, and new tenants are listened to.
const ROUND: Duration = Duration::from_secs(15);
/// Waits between connections. Short, as there are few HQs, and stores that are back before HQ find nobody
/// who answers and wait longer each time.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// A connection that held this long makes the next wait short again.
const HELD: Duration = Duration::from_secs(60);

/// How HQ stands with its broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Standing {
    /// Trying.
    #[default]
    Away,
    /// Connected, and every subscription granted.
    Listening,
}

/// Keeps HQ at a broker until it is told to stop. `connect` begins a connection.
pub async fn run<W: Wire, E: std::fmt::Display>(
    hq: Arc<Hq>,
    connect: impl Fn() -> Result<W, E>,
    standing: watch::Sender<Standing>,
    stop: CancellationToken,
) {
    let (inbox, taken) = mpsc::channel(MAX_INBOX);
    let (answers, mut outbox) = mpsc::channel(MAX_OUTBOX);
    let storing = tokio::spawn(store(Arc::clone(&hq), taken, answers, stop.clone()));
    let mut wait = FIRST_WAIT;
    while !stop.is_cancelled() {
        let begun = Instant::now();
        match connect() {
            Ok(wire) => {
                let mut pump = Pump::new(&hq, wire, &inbox, &mut outbox);
                tokio::select! {
                    () = stop.cancelled() => break,
                    () = pump.run(&standing) => {}
                }
            }
            Err(error) => tracing::error!(%error, "HQ cannot connect to its broker"),
        }
        standing.send_replace(Standing::Away);
        wait = if begun.elapsed() >= HELD { FIRST_WAIT } else { (wait * 2).min(LONGEST_WAIT) };
        tokio::select! {
            () = stop.cancelled() => break,
            () = sleep(jittered(wait)) => {}
        }
    }
    standing.send_replace(Standing::Away);
    drop(inbox);
    let _ = storing.await;
}

/// Some part of the wait, so that many that were thrown out do not come back at once.
fn jittered(wait: Duration) -> Duration {
    let share = f64::from(getrandom::u32().unwrap_or(u32::MAX)) / f64::from(u32::MAX);
    wait.mul_f64(share.max(0.1))
}

/// Stores what comes, a batch a time, and says again what is not answered.
async fn store(
    hq: Arc<Hq>,
    mut taken: mpsc::Receiver<Incoming>,
    answers: mpsc::Sender<Outgoing>,
    stop: CancellationToken,
) {
    let mut outgoing = hq.outgoing();
    let mut round = interval(ROUND);
    round.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut batch = Vec::with_capacity(MAX_BATCH);
    let mut after = String::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            count = taken.recv_many(&mut batch, MAX_BATCH) => {
                if count == 0 {
                    return;
                }
                let Some(said) = receive(&hq, &batch, &stop).await else { return };
                batch.clear();
                hand_over(&answers, said);
            }
            said = outgoing.recv() => match said {
                Ok(said) => hand_over(&answers, vec![Arc::unwrap_or_clone(said)]),
                Err(broadcast::error::RecvError::Lagged(count)) => {
                    tracing::debug!(count, "messages will be said in the next round");
                }
                Err(broadcast::error::RecvError::Closed) => return,
            },
            _ = round.tick() => match again(&hq, &mut after).await {
                Ok(said) => hand_over(&answers, said),
                Err(error) => tracing::warn!(%error, "what is unanswered could not be read"),
            },
        }
    }
}

/// Tries until the database takes it: what was not stored must not be forgotten.
async fn receive(hq: &Hq, batch: &[Incoming], stop: &CancellationToken) -> Option<Vec<Outgoing>> {
    let mut wait = Duration::from_millis(100);
    loop {
        match hq.receive(batch, now()).await {
            Ok(said) => return Some(said),
            Err(error) => tracing::error!(%error, "messages could not be stored"),
        }
        tokio::select! {
            () = stop.cancelled() => return None,
            () = sleep(wait) => wait = (wait * 2).min(Duration::from_secs(5)),
        }
    }
}

/// What is unanswered; of documents a part of the nodes each time, those after `after`.
async fn again(hq: &Hq, after: &mut String) -> Result<Vec<Outgoing>, HqError> {
    let now = now();
    let mut said = hq.commands_again(now).await?;
    let (documents, last) = hq.desired_again(after, now).await?;
    *after = last.unwrap_or_default();
    said.extend(documents);
    Ok(said)
}

fn hand_over(answers: &mpsc::Sender<Outgoing>, said: Vec<Outgoing>) {
    let dropped = said.into_iter().filter_map(|one| answers.try_send(one).err()).count();
    if dropped > 0 {
        tracing::warn!(dropped, "the broker does not take answers; nodes will ask again");
    }
}

/// One connection's work.
struct Pump<'a, W> {
    hq: &'a Hq,
    wire: W,
    inbox: &'a mpsc::Sender<Incoming>,
    outbox: &'a mut mpsc::Receiver<Outgoing>,
    tenants: BTreeSet<Label>,
    /// A message that the broker did not take yet, and since when.
    stuck: Option<(Outgoing, Instant)>,
}

impl<'a, W: Wire> Pump<'a, W> {
    fn new(
        hq: &'a Hq,
        wire: W,
        inbox: &'a mpsc::Sender<Incoming>,
        outbox: &'a mut mpsc::Receiver<Outgoing>,
    ) -> Self {
        Self { hq, wire, inbox, outbox, tenants: BTreeSet::new(), stuck: None }
    }

    /// Until the connection is over.
    async fn run(&mut self, standing: &watch::Sender<Standing>) {
        match timeout(GREETING, self.greet()).await {
            Ok(Some(())) => {}
            Ok(None) => return,
            Err(_) => return tracing::warn!("the broker did not grant what HQ listens to"),
        }
        standing.send_replace(Standing::Listening);
        tracing::info!("HQ listens at the broker");
        match self.hq.heads_again().await {
            Ok(heads) => self.hq.say(heads),
            Err(error) => tracing::warn!(%error, "heads of facts could not be read"),
        }
        let mut round = interval(ROUND);
        round.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let retry = self.stuck.as_ref().map(|_| RETRY);
            tokio::select! {
                seen = next(&mut self.wire, self.inbox) => {
                    if !seen {
                        return tracing::warn!("HQ's connection to the broker is over");
                    }
                }
                Some(said) = self.outbox.recv(), if self.stuck.is_none() => self.publish(said),
                () = sleep(retry.unwrap_or_default()), if retry.is_some() => {
                    if let Some((said, since)) = self.stuck.take() {
                        if since.elapsed() > STUCK {
                            return tracing::warn!("the broker takes no messages");
                        }
                        self.publish_since(said, since);
                    }
                }
                _ = round.tick() => {
                    if self.listen_to_new().await.is_none() {
                        return;
                    }
                }
            }
        }
    }

    /// Waits for the connection and subscribes; what comes meanwhile is taken.
    async fn greet(&mut self) -> Option<()> {
        while !matches!(self.wire.next().await?, Seen::Connected) {}
        let mut open = self.listen_to_new().await?;
        while open > 0 {
            match self.wire.next().await? {
                Seen::Subscribed { all: true } => open -= 1,
                Seen::Subscribed { all: false } => {
                    tracing::error!("the broker refuses HQ's subscriptions");
                    return None;
                }
                Seen::Message { topic, payload } => {
                    self.inbox.send(Incoming { topic, payload }).await.ok()?;
                }
                Seen::Connected | Seen::Other => {}
            }
        }
        Some(())
    }

    /// Subscribes for tenants that are new; how many requests that took.
    async fn listen_to_new(&mut self) -> Option<usize> {
        let tenants = match self.hq.registry().tenants().await {
            Ok(tenants) => tenants,
            Err(error) => {
                tracing::error!(%error, "tenants could not be read");
                return None;
            }
        };
        let new: Vec<Label> =
            tenants.into_iter().filter(|tenant| !self.tenants.contains(tenant)).collect();
        for tenant in &new {
            self.wire.subscribe(Topic::hq_subscriptions(tenant)).ok()?;
            self.tenants.insert(tenant.clone());
        }
        Some(new.len())
    }

    fn publish(&mut self, said: Outgoing) {
        self.publish_since(said, Instant::now());
    }

    fn publish_since(&mut self, said: Outgoing, since: Instant) {
        if let Err(Stuck(said)) = self.wire.publish(said) {
            self.stuck = Some((said, since));
        }
    }
}

/// Takes what the connection gives next, where there is room; whether it goes on.
async fn next<W: Wire>(wire: &mut W, inbox: &mpsc::Sender<Incoming>) -> bool {
    let Ok(room) = inbox.reserve().await else { return false };
    match wire.next().await {
        None => false,
        Some(Seen::Message { topic, payload }) => {
            room.send(Incoming { topic, payload });
            true
        }
        Some(Seen::Subscribed { all: false }) => {
            tracing::error!("the broker refuses HQ's subscriptions");
            false
        }
        Some(_) => true,
    }
}
