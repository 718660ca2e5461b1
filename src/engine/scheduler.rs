//! The thread that owns a model: it admits requests, composes each step, samples, and hands out
//! tokens.
//!
//! Every step carries one row for each sequence that is answering, and pieces of prompts that share
//! the chunk limit evenly. Where pages run out the youngest sequence gives its own back and is
//! computed again later; as a sequence's logits depend on nothing else, nobody can tell.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::cpu::{Decoder, Row};
use super::kv::SequenceId;
use super::sampler::{Choice, Sampler};
use super::{Config, EngineError, FinishReason, Observer, Request, TokenId};

/// What the thread tells a request's reader.
#[derive(Debug)]
pub(super) enum Event {
    Token(Choice),
    /// Comes after the last token.
    End(FinishReason),
    Failed(EngineError),
}

/// A request on its way to the thread.
pub(super) struct Job {
    pub(super) request: Request,
    pub(super) events: mpsc::Sender<Event>,
    /// The reader has all it wants, where it closes the channel.
    pub(super) satisfied: Arc<AtomicBool>,
    pub(super) queued_at: Instant,
}

/// The thread's letter box.
pub(super) struct Scheduler {
    shared: Arc<Shared>,
    max_queue: usize,
    max_sequences: usize,
}

struct Shared {
    queue: Mutex<Queue>,
    wake: Condvar,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Job>,
    running: usize,
    closed: bool,
    /// Moving average of the seconds from a request's start to its end.
    mean_seconds: f64,
}

impl Scheduler {
    /// Starts the thread.
    pub(super) fn start(
        name: &str,
        decoder: Decoder,
        config: &Config,
        observer: Arc<dyn Observer>,
        limit: Limit,
    ) -> std::io::Result<Self> {
        let shared = Arc::new(Shared { queue: Mutex::default(), wake: Condvar::new() });
        let worker = Worker {
            decoder,
            shared: Arc::clone(&shared),
            observer,
            max_sequences: config.max_sequences.max(1),
            chunk: config.prefill_chunk_tokens.max(1),
            limit,
            running: Vec::new(),
            set_aside: VecDeque::new(),
        };
        std::thread::Builder::new().name(format!("model {name}")).spawn(move || worker.run())?;
        Ok(Self { shared, max_queue: config.max_queue, max_sequences: config.max_sequences.max(1) })
    }

    /// Leaves a job with the thread. Never waits.
    pub(super) fn submit(&self, job: Job) -> Result<(), EngineError> {
        let mut queue = self.shared.lock();
        if queue.closed {
            return Err(EngineError::ShuttingDown);
        }
        // Whoever finds a free place among the running does not count as waiting.
        let free = self.max_sequences.saturating_sub(queue.running);
        let queued = queue.waiting.len();
        if queued >= self.max_queue.saturating_add(free) {
            let rounds = (queued + 1).div_ceil(self.max_sequences) as f64;
            let seconds = (queue.mean_seconds * rounds).ceil().clamp(1.0, 600.0);
            return Err(EngineError::QueueFull {
                queued,
                retry_after: Duration::from_secs_f64(seconds),
            });
        }
        queue.waiting.push_back(job);
        drop(queue);
        self.shared.wake.notify_one();
        Ok(())
    }

    /// Refuses new jobs; the thread ends when those it has are done.
    pub(super) fn close(&self) {
        self.shared.lock().closed = true;
        self.shared.wake.notify_one();
    }
}

impl Drop for Scheduler {
    fn drop(&mut self) {
        self.close();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What ends an answer, besides its own limit.
#[derive(Debug, Clone)]
pub(super) struct Limit {
    /// Positions a sequence may fill.
    pub(super) context_tokens: usize,
    pub(super) end_tokens: Vec<TokenId>,
}

struct Sequence {
    job: Job,
    pages: SequenceId,
    /// Prompt and answer.
    tokens: Vec<TokenId>,
    /// Tokens whose keys and values are in the pages.
    computed: usize,
    sampler: Sampler,
    started: Instant,
    last_token: Option<Instant>,
}

impl Sequence {
    fn pending(&self) -> usize {
        self.tokens.len() - self.computed
    }

    fn answered(&self) -> usize {
        self.tokens.len() - self.job.request.prompt.len()
    }
}

/// Rows that each sequence gets in the next step, given how many it has pending: one that only
/// needs its newest token always gets it; the rest share `chunk` evenly, so that a short prompt
/// does not wait for a long one. What one does not need goes to those that need more.
fn share(pending: &[usize], chunk: usize) -> Vec<usize> {
    let mut rows: Vec<usize> = pending.iter().map(|&pending| usize::from(pending == 1)).collect();
    let mut prompts: Vec<usize> =
        (0..pending.len()).filter(|&at| pending.get(at).is_some_and(|&p| p > 1)).collect();
    prompts.sort_by_key(|&at| pending.get(at));
    let mut left = chunk;
    for (done, &at) in prompts.iter().enumerate() {
        if let (Some(rows), Some(&pending)) = (rows.get_mut(at), pending.get(at)) {
            *rows = pending.min(left.div_ceil(prompts.len() - done));
            left -= *rows;
        }
    }
    rows
}

struct Worker {
    decoder: Decoder,
    shared: Arc<Shared>,
    observer: Arc<dyn Observer>,
    max_sequences: usize,
    chunk: usize,
    limit: Limit,
    /// Oldest first.
    running: Vec<Sequence>,
    /// Sequences that gave their pages back, oldest first.
    set_aside: VecDeque<Sequence>,
}

/// However the thread ends, nobody waits for it: the queue closes and its readers see the end.
struct Closing(Arc<Shared>);

impl Drop for Closing {
    fn drop(&mut self) {
        let mut queue = self.0.lock();
        queue.closed = true;
        queue.waiting.clear();
    }
}

impl Worker {
    fn run(mut self) {
        let _closing = Closing(Arc::clone(&self.shared));
        while self.admit() {
            self.drop_the_abandoned();
            self.find_pages();
            self.step();
            self.report();
        }
        self.report();
    }

    /// Takes in what there is room for; waits where there is nothing to do. False at the end.
    fn admit(&mut self) -> bool {
        self.resume();
        loop {
            let mut queue = self.shared.lock();
            while self.running.is_empty() && self.set_aside.is_empty() && queue.waiting.is_empty() {
                if queue.closed {
                    return false;
                }
                queue.running = 0;
                queue = self.shared.wake.wait(queue).unwrap_or_else(PoisonError::into_inner);
            }
            let room = self.running.len() < self.max_sequences && self.set_aside.is_empty();
            let job = if room { queue.waiting.pop_front() } else { None };
            queue.running = self.running.len() + self.set_aside.len() + usize::from(job.is_some());
            drop(queue);
            let Some(job) = job else { return true };
            if let Err(job) = self.start(job) {
                self.shared.lock().waiting.push_front(*job);
                return true;
            }
        }
    }

    /// Starts a job; gives it back where there are no pages for its prompt now.
    fn start(&mut self, job: Job) -> Result<(), Box<Job>> {
        let kv = self.decoder.kv();
        let pages = kv.open();
        if !kv.reserve(pages, job.request.prompt.len()) {
            kv.close(pages);
            return Err(Box::new(job));
        }
        let now = Instant::now();
        self.running.push(Sequence {
            pages,
            tokens: job.request.prompt.clone(),
            computed: 0,
            sampler: Sampler::new(job.request.sampling.clone(), &job.request.prompt),
            started: now,
            last_token: None,
            job,
        });
        Ok(())
    }

    /// Brings back those that were set aside, oldest first, where there are pages again.
    fn resume(&mut self) {
        while self.running.len() < self.max_sequences
            && let Some(mut sequence) = self.set_aside.pop_front()
        {
            let kv = self.decoder.kv();
            let pages = kv.open();
            // One page more than it needs at once, or it would soon be back.
            let wanted = (sequence.tokens.len() + 16).min(self.limit.context_tokens);
            if !kv.reserve(pages, wanted) {
                kv.close(pages);
                self.set_aside.push_front(sequence);
                return;
            }
            sequence.pages = pages;
            sequence.computed = 0;
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

    fn step(&mut self) {
        let pending: Vec<usize> = self.running.iter().map(Sequence::pending).collect();
        let shares = share(&pending, self.chunk);
        let mut rows = Vec::new();
        let mut wanted = Vec::new();
        for (sequence, &share) in self.running.iter().zip(&shares) {
            let new = sequence.tokens.iter().enumerate().skip(sequence.computed).take(share);
            rows.extend(new.map(|(position, &token)| Row {
                sequence: sequence.pages,
                position,
                token,
            }));
            if share == sequence.pending() {
                wanted.push(rows.len() - 1);
            }
        }
        if rows.is_empty() {
            return;
        }
        let outcome = catch_unwind(AssertUnwindSafe(|| self.decoder.step(&rows, &wanted)));
        match outcome {
            Ok(Ok(logits)) => self.advance(&shares, logits),
            Ok(Err(why)) => self.fail_all(&why),
            Err(_) => {
                self.fail_all("a step panicked");
                if let Err(why) = self.decoder.recover() {
                    tracing::error!(why, "the decoder could not be set up again");
                    self.shared.lock().closed = true;
                }
            }
        }
    }

    /// After a step: counts what was computed and gives each finished prompt its next token.
    fn advance(&mut self, shares: &[usize], mut logits: Vec<f32>) {
        let mut logits = logits.chunks_exact_mut(self.decoder.vocabulary().max(1));
        let mut ended = Vec::new();
        for (at, (sequence, &share)) in self.running.iter_mut().zip(shares).enumerate() {
            let complete = share == sequence.pending();
            sequence.computed += share;
            if sequence.answered() == 0 {
                self.observer.prompt_tokens(share as u64);
            }
            if complete && let Some(logits) = logits.next() {
                let end = next_token(sequence, logits, &self.limit, &*self.observer);
                ended.extend(end.map(|event| (at, event)));
            }
        }
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
            let mut queue = self.shared.lock();
            queue.mean_seconds = match queue.mean_seconds {
                0.0 => seconds,
                mean => mean + (seconds - mean) / 8.0,
            };
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
        self.observer.kv_bytes(kv.used_bytes(), kv.limit_bytes());
    }
}

/// Samples, sends and appends a token; returns how the sequence ends, if it does.
fn next_token(
    sequence: &mut Sequence,
    logits: &mut [f32],
    limit: &Limit,
    observer: &dyn Observer,
) -> Option<Event> {
    let request = &sequence.job.request;
    let Some(choice) = sequence.sampler.choose(logits, request.logprobs) else {
        observer.failed();
        let why = "the model's logits are not numbers".to_owned();
        return Some(Event::Failed(EngineError::Internal(why)));
    };
    let now = Instant::now();
    match sequence.last_token.replace(now) {
        None => observer.first_token(now - sequence.job.queued_at),
        Some(before) => observer.token_gap(now - before),
    }
    sequence.tokens.push(choice.token);
    if limit.end_tokens.contains(&choice.token) {
        return Some(Event::End(FinishReason::Stop));
    }
    let _reader_may_be_gone = sequence.job.events.try_send(Event::Token(choice));
    let full = sequence.answered() >= sequence.job.request.max_tokens
        || sequence.tokens.len() >= limit.context_tokens;
    full.then_some(Event::End(FinishReason::Length))
}

#[cfg(test)]
mod tests {
    use super::share;

    #[test]
    fn answers_come_first_and_prompts_share_the_chunk_evenly() {
        for (pending, chunk, want) in [
            (&[1, 1, 1][..], 4, &[1, 1, 1][..]),
            (&[100, 1, 50], 64, &[32, 1, 32]),
            (&[2000, 1, 30], 128, &[98, 1, 30]),
            (&[30, 2000, 2000], 64, &[22, 21, 21]),
            (&[2, 2, 2], 1, &[1, 0, 0]),
            (&[], 8, &[]),
        ] {
            assert_eq!(share(pending, chunk), want, "{pending:?}");
        }
    }
}
