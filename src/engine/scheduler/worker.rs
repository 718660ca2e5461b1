//! The thread itself.

use std::collections::{HashSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use super::pace::Pace;
use super::reading::Progress;
use super::sequence::{Found as FoundToken, Sequence};
use super::share::{Need, share};
use super::{Event, Job, Limit, Shared};
use crate::engine::backend::{self, Decoder, Results, StepError, Wanted};
use crate::engine::cpu::Row;
use crate::engine::{Config, EngineError, Observer};

/// Looks so often whether there is memory, where it has nothing else to do and is not told.
const MEMORY_LOOK: Duration = Duration::from_millis(50);

pub(super) struct Worker {
    decoder: Decoder,
    shared: Arc<Shared>,
    observer: Arc<dyn Observer>,
    max_sequences: usize,
    pace: Pace,
    limit: Limit,
    /// Oldest first.
    running: Vec<Sequence>,
    /// Sequences that gave their pages back, oldest first.
    set_aside: VecDeque<Sequence>,
    /// The text that is being read.
    reading: Option<Progress>,
}

/// However the thread ends, nobody waits for it: the queue closes and its readers see the end.
struct Closing(Arc<Shared>);

impl Drop for Closing {
    fn drop(&mut self) {
        let mut queue = self.0.lock();
        queue.closed = true;
        queue.waiting.clear();
        queue.readings.clear();
    }
}

/// What the thread finds in its letter box.
enum Found {
    Job(Box<Job>),
    /// There is no room for another, or there is none.
    Nothing,
    /// Others want memory.
    Nudge,
    /// A device that was lost may be tried again, and nothing runs.
    Device,
    /// It is closed and empty.
    End,
}

impl Worker {
    pub(super) fn new(
        decoder: Decoder,
        shared: Arc<Shared>,
        config: &Config,
        observer: Arc<dyn Observer>,
        limit: Limit,
    ) -> Self {
        Self {
            decoder,
            shared,
            observer,
            max_sequences: config.max_sequences.max(1),
            pace: Pace::new(config.prefill_chunk_tokens),
            limit,
            running: Vec::new(),
            set_aside: VecDeque::new(),
            reading: None,
        }
    }

    pub(super) fn run(mut self) {
        let _closing = Closing(Arc::clone(&self.shared));
        while self.admit() {
            self.drop_the_abandoned();
            self.find_pages();
            self.step();
            self.read();
            self.report();
        }
        self.report();
    }

    /// Takes in what there is room for; waits where there is nothing to do. False at the end.
    fn admit(&mut self) -> bool {
        loop {
            self.forget_where_told();
            self.decoder.kv().give_to_others();
            self.resume();
            match self.look() {
                Found::Job(job) => {
                    if let Err(job) = self.start(*job) {
                        self.shared.lock().waiting.push_front(*job);
                        self.wait_for_memory();
                        return true;
                    }
                }
                Found::Nudge => {}
                Found::Device => {
                    self.decoder.return_to_device();
                    self.begin_again();
                }
                Found::Nothing => {
                    self.wait_for_memory();
                    return true;
                }
                Found::End => return false,
            }
        }
    }

    fn forget_where_told(&mut self) {
        if std::mem::take(&mut self.shared.lock().forget) {
            self.decoder.kv().forget();
        }
    }

    /// Takes a job where there is room for it; sleeps as long as there is nothing at all to do.
    fn look(&self) -> Found {
        let mut queue = self.shared.lock();
        let idle = self.running.is_empty() && self.set_aside.is_empty() && self.reading.is_none();
        while idle && queue.waiting.is_empty() && queue.readings.is_empty() && !queue.nudged {
            if queue.closed {
                return Found::End;
            }
            queue.running = 0;
            let wake = &self.shared.wake;
            queue = match self.decoder.due() {
                None => wake.wait(queue).unwrap_or_else(PoisonError::into_inner),
                Some(due) => {
                    let left = due.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return Found::Device;
                    }
                    wake.wait_timeout(queue, left).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
        let room = self.running.len() < self.max_sequences && self.set_aside.is_empty();
        // What is to be forgotten is, before another prompt looks for its beginning.
        let job = if room && !queue.forget { queue.take() } else { None };
        queue.running = self.running.len() + self.set_aside.len() + usize::from(job.is_some());
        match job {
            Some(job) => Found::Job(Box::new(job)),
            None if std::mem::take(&mut queue.nudged) || queue.forget => Found::Nudge,
            None => Found::Nothing,
        }
    }

    /// Where nothing can run until another model gives memory back, waits a little for that.
    fn wait_for_memory(&self) {
        let queue = self.shared.lock();
        let reads = self.reading.is_some() || !queue.readings.is_empty();
        if self.running.is_empty() && !reads && !queue.nudged {
            drop(self.shared.wake.wait_timeout(queue, MEMORY_LOOK));
        }
    }

    /// Starts a job; gives it back where there are no pages for its prompt now.
    fn start(&mut self, job: Job) -> Result<(), Box<Job>> {
        let limit_tokens = self.limit().context_tokens.saturating_sub(1);
        let prompt_tokens = job.request.prompt.len();
        if prompt_tokens > limit_tokens {
            self.observer.failed();
            let why = EngineError::PromptTooLong { prompt_tokens, limit_tokens };
            let _reader_may_be_gone = job.events.try_send(Event::Failed(why));
            return Ok(());
        }
        self.running.push(Sequence::start(job, self.decoder.kv())?);
        Ok(())
    }

    /// The limit as it is now: models that were loaded since may have left less memory.
    fn limit(&mut self) -> Limit {
        let context_tokens = self.limit.context_tokens.min(self.decoder.kv().limit_tokens());
        Limit { context_tokens, ..self.limit.clone() }
    }

    /// Brings back those that were set aside, oldest first, where there are pages again.
    fn resume(&mut self) {
        let context_tokens = self.limit().context_tokens;
        while self.running.len() < self.max_sequences
            && let Some(mut sequence) = self.set_aside.pop_front()
        {
            if !sequence.resume(self.decoder.kv(), context_tokens) {
                self.set_aside.push_front(sequence);
                return;
            }
            self.running.push(sequence);
        }
    }

    /// Ends sequences whose reader is gone or whose time is over.
    fn drop_the_abandoned(&mut self) {
        let now = Instant::now();
        let over = |job: &Job| job.request.deadline.is_some_and(|deadline| now >= deadline);
        let mut at = 0;
        while let Some(sequence) = self.running.get(at) {
            if sequence.job.events.is_closed() {
                let sequence = self.running.remove(at);
                self.end(sequence, None);
            } else if over(&sequence.job) {
                let sequence = self.running.remove(at);
                self.observer.failed();
                self.end(sequence, Some(Event::Failed(EngineError::Deadline)));
            } else {
                at += 1;
            }
        }
        let observer = &self.observer;
        let stays = |job: &Job| {
            let (gone, late) = (job.events.is_closed(), over(job));
            if gone {
                observer.cancelled();
            } else if late {
                observer.failed();
                let _reader_may_be_gone = job.events.try_send(Event::Failed(EngineError::Deadline));
            }
            !gone && !late
        };
        self.set_aside.retain(|sequence| stays(&sequence.job));
        self.shared.lock().waiting.retain(stays);
    }

    /// Sees to it that each running sequence has pages for all its tokens.
    fn find_pages(&mut self) {
        let mut at = 0;
        while let Some(sequence) = self.running.get(at) {
            if self.decoder.kv().reserve(sequence.pages, sequence.tokens.len()) {
                at += 1;
            } else if let Some(youngest) = self.running.pop() {
                self.decoder.kv().close(youngest.pages);
                self.set_aside.push_front(youngest);
                self.observer.set_aside();
            }
        }
    }

    /// What each running sequence could use. A prompt that begins as an earlier one goes on lets that
    /// one go ahead, and has its pages at the next step.
    fn needs(&mut self) -> Vec<Need> {
        let kv = self.decoder.kv();
        let mut under_way = HashSet::new();
        let mut need = |sequence: &mut Sequence| {
            if sequence.pending() == 1 {
                return Need::Token;
            }
            sequence.skip_known(kv);
            let first = kv
                .next_page(sequence.pages, &sequence.tokens)
                .is_none_or(|page| under_way.insert(page));
            let inside = !sequence.computed.is_multiple_of(crate::engine::kv::PAGE_TOKENS);
            if first || inside { Need::Prompt(sequence.pending()) } else { Need::Wait }
        };
        self.running.iter_mut().map(&mut need).collect()
    }

    fn step(&mut self) {
        let start = Instant::now();
        let needs = self.needs();
        let answers = needs.iter().filter(|need| **need == Need::Token).count();
        let shares = share(&needs, self.pace.rows(answers));
        let (rows, wanted) = self.rows(&shares);
        if rows.is_empty() {
            return;
        }
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let complete: Vec<&Sequence> = complete(&self.running, &shares).collect();
            let mut enough = |at: usize, top: &_| {
                complete.get(at).is_some_and(|sequence| sequence.is_enough(top))
            };
            self.decoder.step(&rows, &wanted, &mut enough)
        }));
        match outcome {
            Ok(Ok(results)) => {
                self.advance(&shares, results);
                self.pace.learn(answers, rows.len() - answers, start.elapsed());
            }
            Ok(Err(StepError::Failed(why))) => self.fail_all(&why),
            Ok(Err(StepError::Gone(why))) => self.leave_device(&why),
            Err(_) => {
                self.fail_all("a step panicked");
                if let Err(why) = self.decoder.recover() {
                    tracing::error!(why, "the decoder could not be set up again");
                    self.shared.lock().closed = true;
                }
            }
        }
    }

    /// Goes on on the processor: what ran is computed again from its tokens, and nobody can tell.
    fn leave_device(&mut self, why: &str) {
        tracing::warn!(why, "the graphics processor is gone; the model goes on on the processor");
        if let Err(error) = self.decoder.leave() {
            let why = error.to_string();
            tracing::error!(why, "the model cannot go on on the processor");
            self.fail_all(&why);
            self.shared.lock().closed = true;
            return;
        }
        self.begin_again();
    }

    /// After the KV memory is another: everything under way has no pages and begins anew.
    fn begin_again(&mut self) {
        let nudged = Arc::clone(&self.shared);
        self.decoder.kv().account().wake_with(move || nudged.nudge());
        for sequence in std::mem::take(&mut self.running).into_iter().rev() {
            self.observer.set_aside();
            self.set_aside.push_front(sequence);
        }
        if let Some(progress) = &mut self.reading {
            progress.begin_again(&mut self.decoder);
        }
    }

    /// Reads a piece of the text whose turn it is.
    fn read(&mut self) {
        let next = || self.shared.lock().readings.pop_front();
        let progress = match self.reading.take() {
            Some(progress) => progress,
            None => match next() {
                Some(reading) => Progress::start(reading, &mut self.decoder),
                None => return,
            },
        };
        let decoder = &mut self.decoder;
        match catch_unwind(AssertUnwindSafe(|| progress.go_on(decoder))) {
            Ok(Ok(progress)) => self.reading = progress,
            Ok(Err((progress, why))) => {
                self.reading = Some(progress);
                self.leave_device(&why);
            }
            // Its asker sees that the answer is gone.
            Err(_) => {
                if let Err(why) = self.decoder.recover() {
                    tracing::error!(why, "the decoder could not be set up again");
                    self.shared.lock().closed = true;
                }
            }
        }
    }

    /// The rows of a step, and which of them give a token.
    fn rows(&self, shares: &[usize]) -> (Vec<Row>, Vec<Wanted>) {
        let (mut rows, mut wanted) = (Vec::new(), Vec::new());
        for (sequence, &share) in self.running.iter().zip(shares) {
            let new = sequence.tokens.iter().enumerate().skip(sequence.computed).take(share);
            rows.extend(new.map(|(position, &token)| Row {
                sequence: sequence.pages,
                position,
                token,
            }));
            if share == sequence.pending() {
                wanted.push(Wanted { row: rows.len() - 1, ask: sequence.ask() });
            }
        }
        (rows, wanted)
    }

    /// After a step: counts what was computed, lets others have its full pages, and gives each
    /// finished prompt its next token.
    fn advance(&mut self, shares: &[usize], mut results: Results) {
        let limit = self.limit();
        let width = self.decoder.vocabulary().max(1);
        let mut found: Box<dyn Iterator<Item = FoundToken<'_>>> = match &mut results {
            Results::Each(each) => Box::new(each.iter_mut().map(|found| match found {
                backend::Found::Best(token) => FoundToken::Best(*token),
                backend::Found::Top(top) => FoundToken::Top(top),
                backend::Found::Logits(logits) => FoundToken::Logits(logits),
            })),
            Results::Logits(logits) => {
                Box::new(logits.chunks_exact_mut(width).map(FoundToken::Logits))
            }
        };
        let kv = self.decoder.kv();
        let mut ended = Vec::new();
        for (at, (sequence, &share)) in self.running.iter_mut().zip(shares).enumerate() {
            let complete = share == sequence.pending();
            sequence.computed += share;
            kv.publish(sequence.pages, sequence.known());
            if sequence.answered() == 0 {
                self.observer.prompt_tokens(share as u64);
            }
            if complete && let Some(found) = found.next() {
                let end = sequence.next_token(found, &limit, &*self.observer);
                ended.extend(end.map(|event| (at, event)));
            }
        }
        drop(found);
        for (at, event) in ended.into_iter().rev() {
            let sequence = self.running.remove(at);
            self.end(sequence, Some(event));
        }
    }

    fn fail_all(&mut self, why: &str) {
        tracing::error!(why, "a step failed");
        for sequence in std::mem::take(&mut self.running) {
            self.observer.failed();
            let event = Event::Failed(EngineError::Internal(why.to_owned()));
            self.end(sequence, Some(event));
        }
    }

    /// Tells the reader, and gives the pages back.
    fn end(&mut self, sequence: Sequence, event: Option<Event>) {
        self.decoder.kv().close(sequence.pages);
        let complete = match &event {
            Some(Event::End(_)) => true,
            Some(_) => false,
            None => sequence.job.satisfied.load(Ordering::Acquire),
        };
        if complete {
            self.observer.completed(sequence.job.queued_at.elapsed());
            let seconds = sequence.started.elapsed().as_secs_f64();
            self.shared.lock().completed(seconds);
        } else if event.is_none() {
            self.observer.cancelled();
        }
        if let Some(event) = event {
            let _reader_may_be_gone = sequence.job.events.try_send(event);
        }
    }

    fn report(&mut self) {
        let running = self.running.len();
        let waiting = {
            let mut queue = self.shared.lock();
            queue.running = running + self.set_aside.len();
            queue.waiting.len() + self.set_aside.len()
        };
        self.observer.queue(waiting, running);
        let kv = self.decoder.kv();
        if waiting == 0 {
            kv.account().wants_no_more();
        }
        self.observer.kv_bytes(kv.used_bytes(), kv.limit_bytes());
    }
}

/// The sequences that get a token in a step, in the order of its wanted rows.
fn complete<'a>(
    running: &'a [Sequence],
    shares: &'a [usize],
) -> impl Iterator<Item = &'a Sequence> {
    let pairs = running.iter().zip(shares);
    pairs.filter(|(sequence, share)| **share == sequence.pending()).map(|(sequence, _)| sequence)
}
