//! The night shift: answers that nobody waits for are made while the box has nothing else to do.
//!
//! First those of which a soft fact has changed, as they were given once more on that promise; then
//! those that died and were asked for often, hottest first. Whoever asks meanwhile goes before:
//! the work is given up and taken up again later.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, interval, sleep};

use super::exact::Found;
use super::look::Ticket;
use super::{Answer, Ask, Cache, Generate, Key, Look, Recipe, Vector};

/// Renewals that may wait; the oldest is dropped for another.
const MAX_RENEWALS: usize = 64;
/// Dead answers that are remembered; the coldest is dropped for another.
const MAX_GRAVES: usize = 256;
/// An answer that was asked for less often is not made again by itself.
const POPULAR: u32 = 2;
/// A renewal does not wait for quiet longer than this.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often it is looked whether the box is idle.
const LOOK: Duration = Duration::from_millis(250);

/// Makes answers again that nobody asks for just now.
pub trait Maker: Send + Sync {
    /// The name in its recipes.
    fn name(&self) -> &str;
    /// The question and how its answer is made; `None` where it makes no sense any more.
    fn again(&self, order: &[u8]) -> Option<(Ask, Option<Vector>, Generate)>;
}

/// What waits to be made.
#[derive(Default)]
pub(super) struct Night {
    state: Mutex<Waiting>,
    wake: Notify,
}

#[derive(Default)]
struct Waiting {
    renewals: VecDeque<Renewal>,
    graves: Vec<Grave>,
    makers: Vec<Arc<dyn Maker>>,
}

struct Renewal {
    ticket: Ticket,
    generate: Generate,
    since: Instant,
}

struct Grave {
    key: Key,
    recipe: Recipe,
    asked: u32,
}

impl Night {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn register(&self, maker: Arc<dyn Maker>) {
        self.lock().makers.push(maker);
    }

    pub(super) fn renew(&self, ticket: Ticket, generate: Generate) {
        let mut waiting = self.lock();
        if waiting.renewals.len() == MAX_RENEWALS {
            waiting.renewals.pop_front();
        }
        waiting.renewals.push_back(Renewal { ticket, generate, since: Instant::now() });
        drop(waiting);
        self.wake.notify_one();
    }

    /// Remembers an entry that is dead, where it was popular and can be made again.
    pub(super) fn mourn(&self, found: &Found) {
        let asked = found.tally.asked.load(Ordering::Relaxed);
        let Some(recipe) = found.head.recipe.clone().filter(|_| asked >= POPULAR) else { return };
        let key = found.head.key;
        let mut waiting = self.lock();
        waiting.graves.retain(|grave| grave.key != key);
        waiting.graves.push(Grave { key, recipe, asked });
        waiting.graves.sort_by_key(|grave| grave.asked);
        if waiting.graves.len() > MAX_GRAVES {
            waiting.graves.remove(0);
        }
        drop(waiting);
        self.wake.notify_one();
    }

    /// The oldest renewal, where it may be made now.
    fn renewal(&self, idle: bool) -> Option<Renewal> {
        let mut waiting = self.lock();
        let due = waiting.renewals.front().is_some_and(|r| idle || r.since.elapsed() > PATIENCE);
        due.then(|| waiting.renewals.pop_front())?
    }

    /// The hottest of the dead, and who makes it.
    fn grave(&self) -> Option<(Grave, Arc<dyn Maker>)> {
        let mut waiting = self.lock();
        while let Some(grave) = waiting.graves.pop() {
            let maker = waiting.makers.iter().find(|maker| maker.name() == grave.recipe.maker);
            if let Some(maker) = maker {
                let maker = Arc::clone(maker);
                return Some((grave, maker));
            }
        }
        None
    }

    /// Puts back what could not be made for others' sake.
    fn put_back(&self, grave: Grave) {
        let mut waiting = self.lock();
        waiting.graves.push(grave);
        waiting.graves.sort_by_key(|grave| grave.asked);
    }

    fn is_empty(&self) -> bool {
        let waiting = self.lock();
        waiting.renewals.is_empty() && waiting.graves.is_empty()
    }
}

impl Cache {
    /// Who can make answers of a kind again.
    pub fn register(&self, maker: Arc<dyn Maker>) {
        self.0.night.register(maker);
    }

    /// Makes what waits whenever `idle` says that nobody needs the box but so many makings of our
    /// own. Runs until dropped.
    pub async fn work_at_night(self, idle: impl Fn(usize) -> bool + Send) {
        let night = &self.0.night;
        loop {
            if night.is_empty() {
                night.wake.notified().await;
            }
            if let Some(Renewal { ticket, generate, .. }) = night.renewal(idle(0)) {
                if let Ok(answer) = ticket.make(generate) {
                    drop(answer.collect().await);
                }
            } else if idle(0)
                && let Some((grave, maker)) = night.grave()
            {
                if let Some(answer) = self.begun_again(&grave, maker.as_ref()).await
                    && !finished_before(answer, &idle).await
                {
                    night.put_back(grave);
                }
            } else {
                sleep(LOOK).await;
            }
        }
    }

    /// The making of a dead answer, unless it lives again.
    async fn begun_again(&self, grave: &Grave, maker: &dyn Maker) -> Option<Answer> {
        let (ask, vector, generate) = maker.again(&grave.recipe.order)?;
        match self.look(ask).await {
            Look::Miss(ticket) => ticket.with(vector).make(generate).ok(),
            Look::Answer(_) | Look::Stale(..) => None,
        }
    }
}

/// Reads an answer to its end; false where somebody else came before it.
async fn finished_before(mut answer: Answer, idle: &impl Fn(usize) -> bool) -> bool {
    let mut look = interval(LOOK);
    loop {
        tokio::select! {
            part = answer.next() => {
                if !matches!(part, Some(Ok(_))) {
                    return true;
                }
            }
            _ = look.tick() => {
                if !idle(1) {
                    return false;
                }
            }
        }
    }
}
