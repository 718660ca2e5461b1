//! Which packages there are, where each is and who uses it: what happens is recorded here, and what
//! follows from it is [`plan`](super::plan)'s. No effects.

use std::collections::BTreeMap;

use tokio::time::Instant;

use super::title::{Copy, CopyId, Failure, Place, Size, Title, Why};
use crate::api::shelf::{About, Presence, ShelfError, Shelved};

/// What a request gets.
pub(super) enum Asked<T> {
    Lent(T, CopyId),
    /// It is not in memory, and will be.
    Wait,
    Refused(ShelfError),
}

/// A copy that takes no new requests.
#[derive(Debug)]
pub(super) struct Leaving<T> {
    name: String,
    pub(super) weight_bytes: u64,
    pub(super) held: usize,
    /// `None` once it was told to end.
    item: Option<T>,
}

/// All packages. `T` is a model in memory.
#[derive(Debug)]
pub(super) struct State<T> {
    /// What models can have at most, when last looked at.
    pub(super) budget_bytes: u64,
    pub(super) titles: BTreeMap<String, Title<T>>,
    pub(super) leaving: BTreeMap<CopyId, Leaving<T>>,
    pub(super) closed: bool,
    /// Bytes that models in memory wait for so that they can answer, when last looked at.
    pub(super) lacking_bytes: u64,
    counted: u64,
}

impl<T: Clone> State<T> {
    pub(super) fn new(budget_bytes: u64) -> Self {
        let (titles, leaving) = Default::default();
        Self { budget_bytes, titles, leaving, closed: false, lacking_bytes: 0, counted: 0 }
    }

    fn count(&mut self) -> u64 {
        self.counted += 1;
        self.counted
    }

    /// A package that is there. Of one in memory is told what is in memory.
    pub(super) fn add(&mut self, name: &str, about: About, size: Size) {
        match self.titles.get_mut(name) {
            Some(title) if title.loaded().is_some() => {}
            Some(title) => title.about = about,
            None => drop(self.titles.insert(name.to_owned(), Title::new(about, size))),
        }
    }

    /// Whether what is in memory is this.
    pub(super) fn has_loaded(&self, name: &str, about: &About) -> bool {
        let title = self.titles.get(name).filter(|title| title.loaded().is_some());
        title.is_some_and(|title| title.about == *about)
    }

    /// A package that is no longer there. One in memory stays known.
    pub(super) fn remove(&mut self, name: &str) {
        if self.titles.get(name).is_some_and(|title| title.loaded().is_none()) {
            self.titles.remove(name);
        }
    }

    /// What is in memory and takes requests.
    pub(super) fn loaded(&self) -> Vec<T> {
        let copies = self.titles.values().filter_map(Title::loaded);
        copies.map(|copy| copy.item.clone()).collect()
    }

    pub(super) fn knows(&self, name: &str) -> bool {
        self.titles.contains_key(name)
    }

    pub(super) fn unknown(&self, name: &str) -> ShelfError {
        let known = self.titles.keys().cloned().collect();
        ShelfError::Unknown { name: name.to_owned(), known }
    }

    /// A request wants this package.
    pub(super) fn ask(&mut self, name: &str, now: Instant) -> Asked<T> {
        if self.closed {
            return Asked::Refused(ShelfError::ShuttingDown);
        }
        let Some(title) = self.titles.get_mut(name) else {
            return Asked::Refused(self.unknown(name));
        };
        if let Place::Loaded(copy) = &mut title.place {
            copy.held += 1;
            title.used = Some(now);
            return Asked::Lent(copy.item.clone(), copy.id);
        }
        match title.failing(now) {
            Some(failure) => Asked::Refused(told(name, failure, self.budget_bytes, now)),
            None => Asked::Wait,
        }
    }

    /// A request begins to wait.
    pub(super) fn wait(&mut self, name: &str) {
        let turn = self.count();
        if let Some(title) = self.titles.get_mut(name) {
            if !title.is_missed() {
                title.turn = turn;
            }
            title.waiting += 1;
        }
    }

    /// A request that waited does so no more.
    pub(super) fn wait_no_more(&mut self, name: &str) {
        if let Some(title) = self.titles.get_mut(name) {
            title.waiting = title.waiting.saturating_sub(1);
        }
    }

    /// A lease is over.
    pub(super) fn take_back(&mut self, id: CopyId, now: Instant) {
        if let Some(leaving) = self.leaving.get_mut(&id) {
            leaving.held = leaving.held.saturating_sub(1);
            return;
        }
        for title in self.titles.values_mut() {
            if let Place::Loaded(copy) = &mut title.place
                && copy.id == id
            {
                copy.held = copy.held.saturating_sub(1);
                title.used = Some(now);
            }
        }
    }

    /// Whether a lease that is over may be what something waits for.
    pub(super) fn is_restless(&self) -> bool {
        self.lacking_bytes > 0
            || !self.leaving.is_empty()
            || self.titles.values().any(Title::is_missed)
    }

    /// Whether it is to be in memory always.
    pub(super) fn set_pinned(&mut self, name: &str, pinned: bool) {
        let turn = self.count();
        if let Some(title) = self.titles.get_mut(name) {
            if !title.is_missed() {
                title.turn = turn;
            }
            title.pinned = pinned;
        }
        self.forgive_size();
    }

    /// Wants it in memory before the server answers.
    pub(super) fn require(&mut self, name: &str) {
        let turn = self.count();
        if let Some(title) = self.titles.get_mut(name) {
            (title.required, title.turn) = (true, turn);
        }
    }

    /// The server answers; what was loaded for that may leave when it must.
    pub(super) fn settle(&mut self) {
        self.titles.values_mut().for_each(|title| title.required = false);
        self.forgive_size();
    }

    /// What did not fit may fit now.
    fn forgive_size(&mut self) {
        for title in self.titles.values_mut() {
            title.failure.take_if(|failure| matches!(failure.why, Why::TooLarge { .. }));
        }
    }

    /// What failed before is tried again at once.
    pub(super) fn forgive(&mut self, name: &str) {
        if let Some(title) = self.titles.get_mut(name) {
            title.failure = None;
        }
    }

    /// Whether it would still fit if it were pinned.
    pub(super) fn check_pin(&self, name: &str) -> Result<(), ShelfError> {
        let Some(title) = self.titles.get(name) else { return Err(self.unknown(name)) };
        let pinned = self.titles.iter().filter(|(other, t)| t.pinned && *other != name);
        let kept_bytes = pinned.map(|(_, title)| title.size.weight_bytes).sum();
        let needed_bytes = title.size.weight_bytes;
        if needed_bytes.saturating_add(kept_bytes) <= self.budget_bytes {
            return Ok(());
        }
        let (name, budget_bytes) = (name.to_owned(), self.budget_bytes);
        Err(ShelfError::TooLarge { name, needed_bytes, budget_bytes, kept_bytes })
    }

    /// Weights in memory that may not leave.
    pub(super) fn kept_bytes(&self) -> u64 {
        let kept = self.titles.values().filter(|t| !t.may_leave() && t.loaded().is_some());
        kept.map(|title| title.size.weight_bytes).sum()
    }

    /// Its loading begins.
    pub(super) fn begin(&mut self, name: &str) {
        if let Some(title) = self.titles.get_mut(name) {
            title.place = Place::Loading;
        }
    }

    /// Its loading is done.
    pub(super) fn arrive(&mut self, name: &str, item: T, about: About, size: Size, now: Instant) {
        let id = CopyId(self.count());
        if let Some(title) = self.titles.get_mut(name) {
            title.place = Place::Loaded(Copy { id, item, held: 0 });
            (title.about, title.size, title.failure) = (about, size, None);
            title.used = Some(now);
        }
    }

    /// It turned out larger than was thought; nobody is to blame, and it is planned anew. False
    /// where that is no news.
    pub(super) fn learn(&mut self, name: &str, weight_bytes: u64) -> bool {
        let Some(title) = self.titles.get_mut(name) else { return false };
        title.place = Place::Away;
        let news = weight_bytes > title.size.weight_bytes;
        title.size.weight_bytes = title.size.weight_bytes.max(weight_bytes);
        news
    }

    /// Its loading came to nothing.
    pub(super) fn fail(&mut self, name: &str, why: Why, now: Instant) {
        let Some(title) = self.titles.get_mut(name) else { return };
        title.place = Place::Away;
        let before = title.failure.as_ref().map_or(0, |failure| failure.times);
        let times = before.saturating_add(1);
        title.failure = Some(Failure { why, times, until: now + Failure::pause(times) });
    }

    /// It takes no new requests and leaves when those it has are done. False where it is not there.
    pub(super) fn leave(&mut self, name: &str) -> bool {
        let Some(title) = self.titles.get_mut(name) else { return false };
        if title.loaded().is_none() {
            return false;
        }
        let Place::Loaded(copy) = std::mem::replace(&mut title.place, Place::Away) else {
            return false;
        };
        let (name, weight_bytes) = (name.to_owned(), title.size.weight_bytes);
        let leaving = Leaving { name, weight_bytes, held: copy.held, item: Some(copy.item) };
        self.leaving.insert(copy.id, leaving);
        true
    }

    /// Those that can be told to end: nobody uses them any more.
    pub(super) fn departing(&mut self) -> Vec<(CopyId, String, T)> {
        let done = self.leaving.iter_mut().filter(|(_, leaving)| leaving.held == 0);
        done.filter_map(|(id, leaving)| Some((*id, leaving.name.clone(), leaving.item.take()?)))
            .collect()
    }

    /// Its memory is given back.
    pub(super) fn gone(&mut self, id: CopyId) {
        self.leaving.remove(&id);
    }

    /// Nothing is lent or loaded any more; what is in memory comes back.
    pub(super) fn close(&mut self) -> Vec<T> {
        self.closed = true;
        let loaded = self.titles.values().filter_map(|title| title.loaded());
        let leaving = self.leaving.values().filter_map(|leaving| leaving.item.as_ref());
        loaded.map(|copy| &copy.item).chain(leaving).cloned().collect()
    }

    /// Everything, for people.
    pub(super) fn list(&self, now: Instant) -> Vec<Shelved> {
        let shelved = |(name, title): (&String, &Title<T>)| {
            let leaving: Vec<_> = self.leaving.values().filter(|l| l.name == *name).collect();
            let held = title.loaded().map_or(0, |copy| copy.held);
            let presence = match title.presence() {
                Presence::Away if !leaving.is_empty() => Presence::Leaving,
                presence => presence,
            };
            let failure = title.failure.as_ref();
            Shelved {
                name: name.clone(),
                about: title.about.clone(),
                presence,
                bytes: title.size.weight_bytes,
                pinned: title.pinned,
                in_flight: held + leaving.iter().map(|leaving| leaving.held).sum::<usize>(),
                waiting: title.waiting,
                idle: title.used.map(|used| now.saturating_duration_since(used)),
                failure: failure.map(|f| told(name, f, self.budget_bytes, now).to_string()),
            }
        };
        self.titles.iter().map(shelved).collect()
    }

    /// What is still to be loaded before the server answers, and why one of it cannot be.
    pub(super) fn missing(&self, now: Instant) -> Result<usize, (String, ShelfError)> {
        let mut missing = 0;
        for (name, title) in self.titles.iter().filter(|(_, title)| title.required) {
            if let Some(failure) = &title.failure {
                return Err((name.clone(), told(name, failure, self.budget_bytes, now)));
            }
            missing += usize::from(title.loaded().is_none());
        }
        Ok(missing)
    }
}

fn told(name: &str, failure: &Failure, budget_bytes: u64, now: Instant) -> ShelfError {
    let name = name.to_owned();
    match &failure.why {
        &Why::TooLarge { needed_bytes, kept_bytes } => {
            ShelfError::TooLarge { name, needed_bytes, budget_bytes, kept_bytes }
        }
        Why::Refused(why) => {
            let retry_after = failure.until.saturating_duration_since(now);
            ShelfError::Failing { name, why: why.clone(), retry_after }
        }
    }
}
