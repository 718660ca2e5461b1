//! The night shift: answers that nobody waits for are made while the box has nothing else to do.
//!
//! First those of which a soft fact has changed, as they were given once more on that promise; then
//! those that died and were asked for often, hottest first. Whoever asks meanwhile goes before:
//! the making of a dead answer is given up and begun again later.

mod waiting;

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::Notify;
use tokio::time::{Instant, interval, sleep};

use super::exact::Found;
use super::look::Ticket;
use super::room::Inner;
use super::{Ask, Cache, Generate, Key, Recipe};
use crate::facts::Standing;
use waiting::{Grave, Renewal, Waiting};

/// An answer that was asked for less often is not made again by itself.
const POPULAR: u32 = 2;
/// How often it is looked whether the box is idle, while nothing is made.
const LOOK: Duration = Duration::from_millis(250);
/// The same while something is made, which then ends: about one step of a model.
const GLANCE: Duration = Duration::from_millis(20);
/// Whoever came may come again: nothing is begun for so long, and little of what is begun is in vain.
const PAUSE: Duration = Duration::from_secs(1);

/// What can be made of a recipe now.
pub enum Again {
    /// The answer to this question, in this way.
    Now(Box<Ask>, Generate),
    /// Nothing, as what it takes is not in memory just now.
    Later,
    /// Nothing any more: it makes no sense with what is there now.
    Never,
}

/// Makes answers again that nobody asks for just now. It brings no model into memory for it.
pub trait Maker: Send + Sync {
    /// What can be made of a recipe. A question with another key than the one that died is another
    /// question, and is not answered.
    fn again<'a>(&'a self, recipe: &'a Recipe) -> BoxFuture<'a, Again>;
}

/// What an answer takes over from the one before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Past {
    /// How often that was asked for.
    pub(super) asked: u32,
    /// What its question means, as the semantic tier keeps it.
    pub(super) meaning: Option<Arc<[u8]>>,
}

impl Past {
    /// Half of what it was asked for counts for the new one, so that an answer that nobody asks for
    /// any more is forgotten after some changes.
    pub(super) fn inherited(&self) -> u32 {
        (self.asked / 2).max(1)
    }
}

/// What came of the making of a dead answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Made,
    /// Somebody needed the box.
    GaveWay,
    /// Somebody asked for it first.
    Lives,
    Later,
    Failed,
    Dropped,
}

impl Outcome {
    /// Its name in metrics, of what is counted there.
    fn name(self) -> Option<&'static str> {
        match self {
            Self::Made => Some("made"),
            Self::GaveWay => Some("gave_way"),
            Self::Failed => Some("failed"),
            Self::Dropped => Some("dropped"),
            Self::Lives | Self::Later => None,
        }
    }
}

/// What waits to be made.
#[derive(Default)]
pub(super) struct Night {
    waiting: Mutex<Waiting>,
    wake: Notify,
}

impl Night {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn renew(&self, ticket: Ticket, generate: Generate) {
        self.lock().renew(Renewal { ticket, generate, since: Instant::now() });
        self.wake.notify_one();
    }

    pub(super) fn mourn(&self, grave: Option<Grave>) {
        if let Some(grave) = grave {
            self.lock().mourn(grave);
            self.wake.notify_one();
        }
    }

    /// What died is not remembered any more: what was purged or recalled may be among it.
    pub(super) fn forget_dead(&self) {
        self.lock().forget_dead();
    }

    /// Nothing waits any more.
    pub(super) fn clear(&self) {
        self.lock().clear();
    }
}

impl Inner {
    /// What is remembered of an entry that dies, where it was popular and can be made again.
    pub(super) fn grave(&self, found: &Found) -> Option<Grave> {
        let popular = found.tally.asked.load(Ordering::Relaxed) >= POPULAR;
        let recipe = found.head.recipe.clone().filter(|_| popular)?;
        Some(Grave::new(found.head.key, recipe, self.past(found)))
    }

    /// What another answer takes over from this one.
    pub(super) fn past(&self, found: &Found) -> Past {
        let asked = found.tally.asked.load(Ordering::Relaxed);
        Past { asked, meaning: self.semantic.meaning(&found.head.key) }
    }

    /// Whether an answer of this key may be given.
    fn lives(&self, key: &Key) -> bool {
        let dead = |found: &Found| {
            let standing = self.standing(&found.head.record);
            matches!(standing, Standing::Dead { .. } | Standing::Expired { .. })
        };
        self.exact.get(key).is_some_and(|found| !dead(&found))
    }
}

impl Cache {
    /// Makes what waits whenever `idle` says that nobody uses a model but so many of our own.
    /// Runs until dropped.
    pub async fn work_at_night(
        self,
        maker: Arc<dyn Maker>,
        idle: impl Fn(usize) -> bool + Send + Sync,
    ) {
        let night = &self.0.night;
        // Renewals hold the models that they were asked of.
        let idle = |own: usize| idle(own + night.lock().renewals());
        loop {
            if night.lock().is_empty() {
                night.wake.notified().await;
            }
            let quiet = idle(0);
            let (renewal, grave) = {
                let mut waiting = night.lock();
                let renewal = waiting.renewal(quiet);
                let free = quiet && renewal.is_none();
                (renewal, free.then(|| waiting.hottest(Instant::now())).flatten())
            };
            match (renewal, grave) {
                (Some(renewal), _) => self.make_anew(renewal).await,
                (None, Some(grave)) => self.revive(grave, maker.as_ref(), &idle).await,
                (None, None) => sleep(LOOK).await,
            }
        }
    }

    async fn make_anew(&self, renewal: Renewal) {
        let Renewal { ticket, generate, .. } = renewal;
        let route = ticket.route().to_owned();
        let made = match ticket.make(generate) {
            Ok(answer) => answer.collect().await.is_ok(),
            Err(_) => false,
        };
        let outcome = if made { Outcome::Made } else { Outcome::Failed };
        outcome.name().iter().for_each(|name| self.0.metrics.at_night(&route, name));
    }

    /// Makes a dead answer, unless somebody needs the box before it is done.
    async fn revive(
        &self,
        grave: Grave,
        maker: &dyn Maker,
        idle: &(impl Fn(usize) -> bool + Sync),
    ) {
        let purges = self.0.purges();
        let outcome = tokio::select! {
            biased;
            () = needed(idle) => Outcome::GaveWay,
            outcome = self.revived(&grave, maker) => outcome,
        };
        if let Some(name) = outcome.name() {
            self.0.metrics.at_night(&grave.recipe.maker, name);
        }
        if self.0.purges() == purges {
            self.0.night.lock().settle(grave, outcome, Instant::now());
        }
        if outcome == Outcome::GaveWay {
            sleep(PAUSE).await;
        }
    }

    async fn revived(&self, grave: &Grave, maker: &dyn Maker) -> Outcome {
        if self.0.lives(&grave.key) {
            return Outcome::Lives;
        }
        let (ask, generate) = match maker.again(&grave.recipe).await {
            Again::Now(ask, generate) if ask.key == grave.key && ask.policy.write => {
                (ask, generate)
            }
            Again::Now(..) | Again::Never => return Outcome::Dropped,
            Again::Later => return Outcome::Later,
        };
        if let Ok(answer) = Ticket::at_night(self, *ask, grave.past.clone()).make(generate) {
            // What failed is seen by what is kept.
            drop(answer.collect().await);
        }
        if self.0.lives(&grave.key) { Outcome::Made } else { Outcome::Failed }
    }
}

/// Waits until somebody but one making of ours needs the box.
async fn needed(idle: &(impl Fn(usize) -> bool + Sync)) {
    let mut glance = interval(GLANCE);
    loop {
        glance.tick().await;
        if !idle(1) {
            return;
        }
    }
}
