//! The task that makes an answer.

use std::sync::Arc;
use std::time::Instant;

use futures_util::StreamExt;

use super::Flight;
use crate::cache::entry::Cost;
use crate::cache::{Event, Events, Failure, Generate, Generating, Step};
use crate::engine::{EngineError, FinishReason};
use crate::facts::Record;

/// How often an answer is begun again because its facts changed before it said anything.
const MAX_RESTARTS: usize = 2;

/// An answer that is complete and may be kept, as far as the flight knows.
pub(in crate::cache) struct Landed {
    pub(in crate::cache) events: Events,
    pub(in crate::cache) bytes: usize,
    pub(in crate::cache) record: Arc<Record>,
    pub(in crate::cache) cost: Cost,
}

/// What a flight asks and tells while it is under way.
pub(in crate::cache) trait Tower: Send + Sync + 'static {
    /// The fact that has changed since it was read so, where what rests on it must not be given.
    fn changed(&self, record: &Record) -> Option<String>;
    /// Whether what rests on these facts may be kept.
    fn may_keep(&self, record: &Record) -> bool;
    /// The flight is over; `None` where nothing came of it that may be kept.
    fn landed(&self, flight: &Arc<Flight>, answer: Option<Landed>);
}

/// Makes an answer and writes it into its flight.
pub(in crate::cache) struct Pump<T: Tower> {
    pub(in crate::cache) tower: T,
    pub(in crate::cache) flight: Arc<Flight>,
    pub(in crate::cache) generate: Generate,
    pub(in crate::cache) began: Instant,
}

/// What came of a step.
enum Next {
    GoOn,
    Again,
}

impl<T: Tower> Pump<T> {
    /// Runs until the answer is complete, has failed, or nobody waits for it.
    pub(in crate::cache) async fn run(self, mut generating: Generating) {
        let flight = Arc::clone(&self.flight);
        let mut restarts = 0;
        loop {
            let step = tokio::select! {
                biased;
                () = flight.stopped() => return,
                step = generating.next() => step,
            };
            let next = match step {
                None => return self.land(),
                Some(Ok(step)) => self.take(step, restarts),
                Some(Err(error)) => Err(error.into()),
            };
            let again = match next {
                Ok(Next::GoOn) => continue,
                Ok(Next::Again) => (self.generate)().map_err(Failure::from),
                Err(failure) => Err(failure),
            };
            match again {
                Ok(anew) => generating = anew,
                Err(failure) => return flight.fail(failure),
            }
            restarts += 1;
        }
    }

    fn take(&self, step: Step, restarts: usize) -> Result<Next, Failure> {
        match step {
            Step::Event(event) => self.flight.push(event)?,
            Step::Unfit => self.flight.mark_unfit(),
            Step::By(step) => self.flight.comes_by(step),
            Step::Particular => self.flight.mark_particular(),
            Step::Read(record) => match self.tower.changed(&record) {
                None => self.flight.read(record),
                Some(_) if self.flight.is_silent() && restarts < MAX_RESTARTS => {
                    return Ok(Next::Again);
                }
                Some(what) => return Err(Failure::Overtaken { what }),
            },
        }
        Ok(Next::GoOn)
    }

    fn land(&self) {
        let (events, bytes) = self.flight.complete();
        let record = self.flight.record();
        let fit = self.flight.is_fit() && self.tower.may_keep(&record);
        let cost = fit.then(|| cost_of_complete(&events)).flatten();
        let ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let answer = cost.map(|cost| {
            let cost = Cost { ms, ..cost };
            Landed { events, bytes, record, cost }
        });
        self.tower.landed(&self.flight, answer);
        self.flight.tell();
    }
}

impl<T: Tower> Drop for Pump<T> {
    /// However the task ends, nobody waits for ever.
    fn drop(&mut self) {
        let end = EngineError::Internal("an answer has no end".to_owned());
        self.flight.fail(end.into());
        self.tower.landed(&self.flight, None);
        self.flight.tell();
    }
}

/// What the answer took, where each choice in it came to an end by itself.
fn cost_of_complete(events: &[Event]) -> Option<Cost> {
    let mut ends: Vec<bool> = Vec::new();
    let mut cost = Cost::default();
    for event in events {
        let Event::Chunk { choice, chunk } = event else { continue };
        let choice = usize::try_from(*choice).ok()?;
        if ends.len() <= choice {
            ends.resize(choice + 1, false);
        }
        if let (Some((reason, usage)), Some(end)) = (chunk.finish, ends.get_mut(choice)) {
            if reason != FinishReason::Stop {
                return None;
            }
            *end = true;
            cost.prompt_tokens = usage.prompt_tokens as u64;
            cost.completion_tokens += usage.completion_tokens as u64;
        }
    }
    (!events.is_empty() && ends.iter().all(|end| *end)).then_some(cost)
}
