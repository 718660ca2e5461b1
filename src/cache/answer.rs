//! An answer as its asker gets it, wherever it comes from.

use futures_util::StreamExt;

use super::flight::Follower;
use super::{Event, Events, Failure, Generating, How, Status, Step};

/// An answer. Its events are the same, in the same order, whether they are kept, followed or made.
pub struct Answer {
    status: Status,
    source: Source,
}

enum Source {
    Kept { events: Events, next: usize },
    Followed(Follower),
    Direct(Generating),
}

impl Answer {
    pub(super) fn kept(status: Status, events: Events) -> Self {
        Self { status, source: Source::Kept { events, next: 0 } }
    }

    pub(super) fn followed(status: Status, follower: Follower) -> Self {
        Self { status, source: Source::Followed(follower) }
    }

    /// One that the cache has no part in.
    pub(super) fn direct(how: How, generating: Generating) -> Self {
        Self { status: Status { how, ..Status::BYPASS }, source: Source::Direct(generating) }
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
            Source::Direct(generating) => loop {
                match generating.next().await? {
                    Ok(Step::Event(event)) => return Some(Ok(event)),
                    Ok(Step::Read(_) | Step::Unfit) => {}
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
