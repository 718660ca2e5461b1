//! The way of a question: exact, flight, semantic, made.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::clock::now_ms;
use super::exact::Found;
use super::flight::{Flight, Follower, Pump};
use super::night::Past;
use super::room::{Control, Inner, Reason};
use super::semantic::{Near, Vector};
use super::status::id;
use super::{Answer, Ask, Cache, Events, Failure, Generate, How, Key, Policy, Status};
use crate::facts::{Standing, UnixSeconds};

/// What the cache has for a question.
pub enum Look {
    /// An answer.
    Answer(Answer),
    /// An answer that is given this once more, and is to be made anew with the ticket.
    Stale(Answer, Ticket),
    /// Nothing: it is to be made.
    Miss(Ticket),
}

/// Leave to make an answer that the cache does not have.
pub struct Ticket {
    cache: Cache,
    ask: Ask,
    how: How,
    vector: Option<Vector>,
    past: Option<Past>,
}

/// What came of the wish to make an answer.
enum Take {
    Off(Arc<Flight>, Follower),
    Joined(Answer),
}

/// What there is to an entry.
enum Verdict {
    Current,
    Stale,
    Not,
}

impl Cache {
    /// Looks for the same question: among the answers that are kept, then among those that are
    /// being made.
    pub async fn look(&self, ask: Ask) -> Look {
        let inner = &self.0;
        let mut how = How::Miss;
        if !ask.policy.read {
            how = if ask.policy.write { How::Fresh } else { How::Bypass };
        } else if let Some(found) = inner.exact.get(&ask.key) {
            match inner.verdict(&ask, &found) {
                Verdict::Current => {
                    if let Some(answer) = inner.given(&ask, &found, How::Exact).await {
                        return Look::Answer(answer);
                    }
                }
                Verdict::Stale if found.tally.may_be_given_stale() => {
                    if let Some(answer) = inner.given(&ask, &found, How::Stale).await {
                        return Look::Stale(answer, Ticket::new(self, ask, How::Outdated));
                    }
                }
                Verdict::Stale | Verdict::Not => how = How::Outdated,
            }
        }
        if ask.policy.read
            && let Some(answer) = inner.given_of_pack(&ask, &ask.key, How::Exact).await
        {
            return Look::Answer(answer);
        }
        match inner.join(&ask) {
            Some(answer) => Look::Answer(answer),
            None => Look::Miss(Ticket::new(self, ask, how)),
        }
    }

    /// The whole way: what the cache has, or what `generate` makes. `vector` is awaited only where
    /// the semantic tier is asked.
    pub async fn ask(
        &self,
        ask: Ask,
        vector: impl Future<Output = Option<Vector>> + Send,
        generate: Generate,
    ) -> Result<Answer, Failure> {
        match self.look(ask).await {
            Look::Answer(answer) => Ok(answer),
            Look::Stale(answer, ticket) => {
                ticket.renew(generate);
                Ok(answer)
            }
            Look::Miss(mut ticket) => {
                if ticket.wants_vector()
                    && let Some(vector) = vector.await
                    && let Some(answer) = ticket.near(vector, &generate).await
                {
                    return Ok(answer);
                }
                ticket.make(generate)
            }
        }
    }
}

impl Ticket {
    fn new(cache: &Cache, ask: Ask, how: How) -> Self {
        Self { cache: cache.clone(), ask, how, vector: None, past: None }
    }

    /// Leave to make an answer that nobody waits for in the place of one that was.
    pub(super) fn at_night(cache: &Cache, ask: Ask, past: Past) -> Self {
        Self { past: Some(past), ..Self::new(cache, ask, How::Night) }
    }

    /// What the ask comes from.
    pub(super) fn route(&self) -> &str {
        &self.ask.provenance.route
    }

    /// The same for an answer that is neither shared nor kept.
    pub fn past_the_cache(mut self) -> Self {
        self.ask.policy = Policy::BYPASS;
        self.how = How::Bypass;
        self
    }

    /// Whether the semantic tier may answer, and needs the question's vector for it.
    pub fn wants_vector(&self) -> bool {
        self.ask.policy.semantic && self.ask.question.is_some()
    }

    /// An answer to another question of the same meaning. The vector is kept for the answer that is
    /// made where there is none. Some hits are also made, to compare.
    pub async fn near(&mut self, vector: Vector, generate: &Generate) -> Option<Answer> {
        let question = self.ask.question.as_ref()?;
        let inner = &self.cache.0;
        let near = inner.semantic.find(self.ask.scope, question, &vector);
        self.vector = Some(vector);
        let near = near?;
        let Some(found) = inner.exact.get(&near.key) else {
            let how = How::Semantic { similarity: near.similarity };
            let answer = inner.given_of_pack(&self.ask, &near.key, how).await?;
            inner.shadow(near, &answer, generate);
            return Some(answer);
        };
        if found.head.scope != self.ask.scope
            || !matches!(inner.verdict(&self.ask, &found), Verdict::Current)
        {
            return None;
        }
        let how = How::Semantic { similarity: near.similarity };
        let answer = inner.given(&self.ask, &found, how).await?;
        inner.shadow(near, &answer, generate);
        Some(answer)
    }

    /// Makes the answer, or joins whoever began to meanwhile.
    pub fn make(self, generate: Generate) -> Result<Answer, Failure> {
        let Self { cache, ask, how, vector, past } = self;
        if !ask.policy.write {
            let generating = generate()?;
            cache.0.count(&ask, &how);
            return Ok(Answer::direct(how, generating, Arc::clone(&cache.0)));
        }
        let key = ask.key;
        let (flight, follower) = match cache.0.take_off(&ask) {
            Take::Off(flight, follower) => (flight, follower),
            Take::Joined(answer) => return Ok(answer),
        };
        cache.0.count(&ask, &how);
        let control = Control { inner: Arc::clone(&cache.0), ask, vector, past };
        let began = Instant::now();
        let pump = Pump { tower: control, flight: Arc::clone(&flight), generate, began };
        match (pump.generate)() {
            Ok(generating) => {
                tokio::spawn(pump.run(generating));
                Ok(Answer::followed(Status::made(how, &key), follower))
            }
            Err(error) => {
                flight.fail(error.clone().into());
                Err(error.into())
            }
        }
    }

    /// Makes the answer when there is nothing else to do.
    pub fn renew(self, generate: Generate) {
        let Self { cache, ask, .. } = self;
        let inner = Arc::clone(&cache.0);
        let past = inner.exact.get(&ask.key).map(|found| inner.past(&found));
        let ticket = Self { past, ..Self::new(&cache, ask, How::Night) };
        inner.night.renew(ticket, generate);
    }
}

impl Inner {
    /// Counts an answer that somebody asked for and that is made now.
    fn count(&self, ask: &Ask, how: &How) {
        if *how != How::Night {
            self.metrics.answered(&ask.provenance.route, how.name());
        }
    }

    fn verdict(&self, ask: &Ask, found: &Found) -> Verdict {
        let age_ms = now_ms().saturating_sub(found.head.made_ms);
        if ask.policy.max_age.is_some_and(|max| Duration::from_millis(age_ms) > max) {
            return Verdict::Not;
        }
        match self.standing(&found.head.record) {
            Standing::Current => Verdict::Current,
            Standing::Soft { .. } => Verdict::Stale,
            Standing::Dead { .. } | Standing::Expired { .. } => {
                self.bury(&found.head, Reason::Outdated);
                Verdict::Not
            }
            Standing::TooOld { .. } => Verdict::Not,
        }
    }

    /// The answer of an entry, from memory or from disk.
    async fn given(self: &Arc<Self>, ask: &Ask, found: &Found, how: How) -> Option<Answer> {
        let events = match &found.events {
            Some(events) => Arc::clone(events),
            None => self.brought(found).await?,
        };
        let now = now_ms();
        found.tally.count(now);
        let age = Duration::from_millis(now.saturating_sub(found.head.made_ms));
        let ttl_s = match how {
            How::Stale => Some(-1),
            _ => found.head.record.until.map(|until| until.0 - UnixSeconds::now().0),
        };
        let (route, cost) = (&ask.provenance.route, found.head.cost);
        self.metrics.answered(route, how.name());
        self.metrics.saved(route, age, cost.completion_tokens, cost.ms);
        let of_pack = found.head.pack.is_some();
        let status = Status { how, id: Some(id(&found.head.key)), age: Some(age), ttl_s, of_pack };
        Some(Answer::kept(status, events))
    }

    /// The answer of a pack, where it holds here.
    async fn given_of_pack(self: &Arc<Self>, ask: &Ask, key: &Key, how: How) -> Option<Answer> {
        let found = self.of_pack(key, ask.scope).await?;
        match self.verdict(ask, &found) {
            Verdict::Current => self.given(ask, &found, how).await,
            Verdict::Stale | Verdict::Not => None,
        }
    }

    /// Makes some answers that were given by their meaning as well, to compare.
    fn shadow(self: &Arc<Self>, near: Near, answer: &Answer, generate: &Generate) {
        if near.shadow
            && let Some(kept) = answer.whole().cloned()
        {
            self.make_beside(near, kept, generate);
        }
    }

    async fn brought(self: &Arc<Self>, found: &Found) -> Option<Events> {
        let (inner, key) = (Arc::clone(self), found.head.key);
        let read = move || inner.store.as_ref()?.read(&key);
        let events = tokio::task::spawn_blocking(read).await.ok().flatten();
        match &events {
            Some(events) => self.exact.brought(&found.head, events),
            None => self.bury(&found.head, Reason::Lost),
        }
        events
    }

    /// Reads along where the same is being made of facts that still hold.
    fn join(&self, ask: &Ask) -> Option<Answer> {
        if !ask.policy.read || !ask.policy.write {
            return None;
        }
        let flight = self.flights().get(&ask.key).cloned()?;
        self.joined(ask, &flight)
    }

    fn joined(&self, ask: &Ask, flight: &Arc<Flight>) -> Option<Answer> {
        // What a purge meant may not be in the record yet.
        let unpurged = flight.purges() == self.purges();
        let current = unpurged && matches!(self.standing(&flight.record()), Standing::Current);
        let follower = current.then(|| flight.follow()).flatten()?;
        self.metrics.answered(&ask.provenance.route, How::Joined.name());
        Some(Answer::followed(Status::made(How::Joined, &ask.key), follower))
    }

    /// A new flight, or the one that is under way.
    fn take_off(&self, ask: &Ask) -> Take {
        let mut flights = self.flights();
        if let Some(flight) = flights.get(&ask.key).filter(|_| ask.policy.read)
            && let Some(answer) = self.joined(ask, flight)
        {
            return Take::Joined(answer);
        }
        let (flight, follower) = Flight::begin(self.config.max_answer_bytes, self.purges());
        flights.insert(ask.key, Arc::clone(&flight));
        self.metrics.making(flights.len());
        Take::Off(flight, follower)
    }

    /// Makes an answer that was given by its meaning, so that both can be compared.
    fn make_beside(self: &Arc<Self>, near: Near, kept: Events, g: &Generate) {
        let (inner, generate) = (Arc::clone(self), Arc::clone(g));
        tokio::spawn(async move {
            let Ok(generating) = generate() else { return };
            let made = Answer::direct(How::Bypass, generating, Arc::clone(&inner));
            if let Ok(made) = made.collect().await {
                inner.semantic.compared(&near, &kept, &made);
                if let (Some(store), Some(watched)) = (&inner.store, inner.semantic.watched()) {
                    store.keep_watched(watched);
                }
            }
        });
    }
}
