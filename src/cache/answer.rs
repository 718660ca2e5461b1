//! An answer as its asker gets it, wherever it comes from.

use std::sync::Arc;

use futures_util::StreamExt;

use super::flight::Follower;
use super::room::Inner;
use super::{Event, Events, Failure, Generating, How, Status, Step};

/// An answer. Its events are the same, in the same order, whether they are kept, followed or made.
pub struct Answer {
    status: Status,
    source: Source,
}

enum Source {
    Kept { events: Events, next: usize },
    Followed(Follower),
    Direct(Generating, Arc<Inner>),
}

impl Answer {
    pub(super) fn kept(status: Status, events: Events) -> Self {
        Self { status, source: Source::Kept { events, next: 0 } }
    }

    pub(super) fn followed(status: Status, follower: Follower) -> Self {
        Self { status, source: Source::Followed(follower) }
    }

    /// One that the cache has no part in but to see that its facts still hold.
    pub(super) fn direct(how: How, generating: Generating, inner: Arc<Inner>) -> Self {
        let source = Source::Direct(generating, inner);
        Self { status: Status { how, ..Status::BYPASS }, source }
    }

    /// How it was come by.
    pub fn status(&self) -> &Status {
        &self.status
    }

    /// All of it at once, where it is kept and nothing was taken yet.
    pub fn whole(&self) -> Option<&Events> {
        match &self.source {
            Source::Kept { events, next: 0 } => Some(events),
            _ => None,
        }
    }

    /// The next part; `None` after the last. After a failure nothing comes.
    pub async fn next(&mut self) -> Option<Result<Event, Failure>> {
        match &mut self.source {
            Source::Kept { events, next } => {
                let event = events.get(*next)?.clone();
                *next += 1;
                Some(Ok(event))
            }
            Source::Followed(follower) => follower.next().await,
            Source::Direct(generating, inner) => loop {
                match generating.next().await? {
                    Ok(Step::Event(event)) => return Some(Ok(event)),
                    Ok(Step::Read(record)) => {
                        if let Some(what) = inner.overtaken(&record) {
                            return Some(Err(Failure::Overtaken { what }));
                        }
                    }
                    Ok(Step::Unfit | Step::By(_) | Step::Particular) => {}
                    Err(error) => return Some(Err(error.into())),
                }
            },
        }
    }

    /// All parts.
    pub async fn collect(mut self) -> Result<Vec<Event>, Failure> {
        let mut events = Vec::new();
        while let Some(event) = self.next().await {
            events.push(event?);
        }
        Ok(events)
    }
}
