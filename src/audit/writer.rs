//! One thread that writes what came, a batch at a time: one wait for the disk for all of it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::{Duration, SystemTime};

use redb::{ReadableTable, WriteTransaction};

use super::entry::{Entry, Given, Made, SaidDigests, head_after};
use super::error::{AuditError, During};
use super::kept::{Kept, context};
use super::record::{AnswerId, Giving, Making, Said};
use super::store::{Audit, Shared, end};
use super::tables::{BY_SUBJECT, DAY, ENTRIES, HEADS, IDS, INPUTS, META};
use crate::shoppers::{ShoppersError, SubjectId};

/// Records that may wait.
const MAX_WAITING: usize = 1024;
/// Records of one transaction.
const MAX_BATCH: usize = 256;
/// How long it is waited for more of a batch.
const GATHER: Duration = Duration::from_millis(50);
/// Entries that leave with one transaction at most, so that none takes long.
const MAX_LEAVING: u64 = 2 * MAX_BATCH as u64;
const WRITING: &str = "writing a record";
const DAY_S: u64 = 24 * 60 * 60;

/// What the thread is told.
pub(super) enum Job {
    Made(AnswerId, Box<Making>, u64),
    Given(AnswerId, Box<Giving>, u64),
    /// Everything before is to be on the disk.
    Flush(SyncSender<()>),
}

/// An entry and what is sealed beside it.
struct Draft {
    entry: Entry,
    subject: Option<SubjectId>,
    kept: Option<Kept>,
}

impl Audit {
    /// Records that a model wrote a text, soon and without waiting. None where there is no room for
    /// it, which is counted.
    pub fn made(&self, making: Making) -> Option<AnswerId> {
        let id = AnswerId::new()?;
        self.put(Job::Made(id, Box::new(making), now())).then_some(id)
    }

    /// Records that an answer is told, soon and without waiting.
    pub fn given(&self, giving: Giving) -> Option<AnswerId> {
        let id = AnswerId::new()?;
        self.put(Job::Given(id, Box::new(giving), now())).then_some(id)
    }

    /// Waits until everything that was told before is on the disk, or lost.
    pub fn flush(&self) {
        let (done, told) = sync_channel(1);
        if self.queue.send(Job::Flush(done)).is_ok() {
            // An error says that the thread has ended: nothing is to be waited for.
            told.recv().ok();
        }
    }

    fn put(&self, job: Job) -> bool {
        match self.queue.try_send(job) {
            Ok(()) => true,
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                self.shared.lose(1);
                false
            }
        }
    }
}

/// Starts the thread; it ends with the last handle.
pub(super) fn start(shared: Arc<Shared>) -> Result<SyncSender<Job>, AuditError> {
    let (queue, jobs) = sync_channel(MAX_WAITING);
    let thread = std::thread::Builder::new().name("audit".to_owned());
    thread.spawn(move || run(&shared, &jobs)).map_err(AuditError::Thread)?;
    Ok(queue)
}

fn run(shared: &Shared, jobs: &Receiver<Job>) {
    while let Ok(first) = jobs.recv() {
        let (mut batch, mut flushed) = (Vec::new(), Vec::new());
        let mut next = Some(first);
        while let Some(job) = next {
            match job {
                Job::Flush(done) => flushed.push(done),
                job => batch.push(job),
            }
            // Whoever waits for a flush is not kept waiting for more.
            let more = flushed.is_empty() && batch.len() < MAX_BATCH;
            next = more.then(|| jobs.recv_timeout(GATHER).ok()).flatten();
        }
        shared.record(batch);
        flushed.iter().for_each(|done| done.send(()).unwrap_or_default());
    }
}

impl Shared {
    pub(super) fn lose(&self, records: u64) {
        self.lost.fetch_add(records, Ordering::Relaxed);
        self.lost_in_all.fetch_add(records, Ordering::Relaxed);
    }

    fn record(&self, batch: Vec<Job>) {
        let records = batch.len() as u64;
        if records == 0 {
            return;
        }
        let drafts: Vec<Draft> = batch.into_iter().filter_map(draft).collect();
        let lost = self.lost.swap(0, Ordering::Relaxed);
        let written = self.write(|transaction| {
            if lost > 0 {
                append(transaction, &Entry::Lost { at: now(), records: lost })?;
            }
            drafts.iter().try_for_each(|draft| self.add(transaction, draft))?;
            self.let_go(transaction, now())
        });
        if let Err(error) = written {
            self.lost.fetch_add(lost, Ordering::Relaxed);
            self.lose(records);
            tracing::error!(%error, records, "records of answers could not be written");
        }
    }

    fn add(&self, transaction: &WriteTransaction, draft: &Draft) -> Result<(), AuditError> {
        let number = append(transaction, &draft.entry)?;
        let (Some(kept), Some(id)) = (&draft.kept, draft.entry.id()) else { return Ok(()) };
        let subject = match draft.subject {
            Some(subject) => subject,
            None => self.of_day(transaction, draft.entry.at() / DAY_S)?,
        };
        let plain = serde_json::to_vec(kept)
            .map_err(|error| AuditError::Damaged { number, why: error.to_string() })?;
        let sealed = match self.shoppers.seal(&subject, &context(&id), &plain) {
            Ok(sealed) => sealed,
            // Whose it is was erased meanwhile: the record is kept, its inputs are not.
            Err(ShoppersError::Erased) => Vec::new(),
            Err(error) => return Err(error.into()),
        };
        let mut inputs = transaction.open_table(INPUTS).during(WRITING)?;
        inputs.insert(number, (subject.to_bytes(), &*sealed)).during(WRITING)?;
        if !sealed.is_empty() {
            let mut by_subject = transaction.open_table(BY_SUBJECT).during(WRITING)?;
            by_subject.insert((subject.to_bytes(), number), ()).during(WRITING)?;
        }
        count_bytes(transaction, |bytes| bytes + sealed.len() as u64)
    }

    /// The subject whose key seals what is nobody's on a day. The key goes when the time of the day's
    /// inputs is over.
    fn of_day(&self, transaction: &WriteTransaction, day: u64) -> Result<SubjectId, AuditError> {
        let mut days = transaction.open_table(DAY).during(WRITING)?;
        let held = days.get("day").during(WRITING)?.map(|held| held.value());
        if let Some((_, subject)) = held.filter(|(of, _)| *of == day) {
            let subject = SubjectId::of_bytes(subject);
            if self.shoppers.has_key(&subject) {
                return Ok(subject);
            }
        }
        let until = (day + 1) * DAY_S + self.config.keep_inputs.as_secs();
        let subject = self.shoppers.keep_key(until)?;
        days.insert("day", (day, subject.to_bytes())).during(WRITING)?;
        Ok(subject)
    }

    /// Lets the oldest go that are beyond a limit.
    fn let_go(&self, transaction: &WriteTransaction, now: u64) -> Result<(), AuditError> {
        let mut heads = transaction.open_table(HEADS).during(WRITING)?;
        let mut entries = transaction.open_table(ENTRIES).during(WRITING)?;
        let mut ids = transaction.open_table(IDS).during(WRITING)?;
        let (last, _) = end(&heads, "last")?;
        let (mut before, mut head) = end(&heads, "before")?;
        for _ in 0..MAX_LEAVING {
            let number = before + 1;
            let Some(bytes) = entries.get(number).during(WRITING)?.map(|it| it.value().to_vec())
            else {
                break;
            };
            let entry = serde_json::from_slice::<Entry>(&bytes).ok();
            let old = entry
                .as_ref()
                .is_none_or(|entry| entry.at() + self.config.keep_records.as_secs() < now);
            if !old && last - before <= self.config.max_records {
                break;
            }
            drop_inputs(transaction, number)?;
            if let Some(id) = entry.and_then(|entry| entry.id()) {
                ids.remove(id.0).during(WRITING)?;
            }
            entries.remove(number).during(WRITING)?;
            (before, head) = (number, head_after(head, number, &bytes));
        }
        heads.insert("before", (before, head)).during(WRITING)?;
        self.bound_inputs(transaction)
    }

    fn bound_inputs(&self, transaction: &WriteTransaction) -> Result<(), AuditError> {
        for _ in 0..MAX_LEAVING {
            let held = {
                let meta = transaction.open_table(META).during(WRITING)?;
                meta.get("inputs_bytes").during(WRITING)?.map_or(0, |held| held.value())
            };
            if held <= self.config.max_inputs_bytes {
                break;
            }
            let first = {
                let inputs = transaction.open_table(INPUTS).during(WRITING)?;
                inputs.first().during(WRITING)?.map(|(number, _)| number.value())
            };
            let Some(first) = first else { break };
            drop_inputs(transaction, first)?;
        }
        Ok(())
    }
}

/// Takes out what is sealed beside an entry.
pub(super) fn drop_inputs(transaction: &WriteTransaction, number: u64) -> Result<(), AuditError> {
    let mut inputs = transaction.open_table(INPUTS).during(WRITING)?;
    let Some(row) = inputs.remove(number).during(WRITING)? else { return Ok(()) };
    let (subject, len) = (row.value().0, row.value().1.len() as u64);
    let mut by_subject = transaction.open_table(BY_SUBJECT).during(WRITING)?;
    by_subject.remove((subject, number)).during(WRITING)?;
    count_bytes(transaction, |bytes| bytes.saturating_sub(len))
}

pub(super) fn count_bytes(
    transaction: &WriteTransaction,
    change: impl FnOnce(u64) -> u64,
) -> Result<(), AuditError> {
    let mut meta = transaction.open_table(META).during(WRITING)?;
    let bytes = meta.get("inputs_bytes").during(WRITING)?.map_or(0, |held| held.value());
    meta.insert("inputs_bytes", change(bytes)).during(WRITING)?;
    Ok(())
}

/// Adds an entry to the chain; its number.
pub(super) fn append(transaction: &WriteTransaction, entry: &Entry) -> Result<u64, AuditError> {
    let mut heads = transaction.open_table(HEADS).during(WRITING)?;
    let (last, head) = end(&heads, "last")?;
    let number = last + 1;
    let bytes = serde_json::to_vec(entry)
        .map_err(|error| AuditError::Damaged { number, why: error.to_string() })?;
    heads.insert("last", (number, head_after(head, number, &bytes))).during(WRITING)?;
    let mut entries = transaction.open_table(ENTRIES).during(WRITING)?;
    entries.insert(number, &*bytes).during(WRITING)?;
    if let Some(id) = entry.id() {
        transaction.open_table(IDS).during(WRITING)?.insert(id.0, number).during(WRITING)?;
    }
    Ok(number)
}

fn draft(job: Job) -> Option<Draft> {
    match job {
        Job::Made(id, making, at) => Some(made(id, *making, at)),
        Job::Given(id, giving, at) => given(id, *giving, at),
        Job::Flush(_) => None,
    }
}

fn made(id: AnswerId, making: Making, at: u64) -> Draft {
    let kept = making.said.as_ref().and_then(Kept::of_said);
    let said = making.said.zip(kept.as_ref()).map(|(said, kept)| {
        let (prompt_digest, text_digest) = kept.digests();
        let Said { sampling, end, whole, .. } = said;
        SaidDigests { prompt_digest, text_digest, end, whole, sampling }
    });
    let Making { skill, subject, model, model_digest, template_digest, refused, facts, .. } =
        making;
    let made = Made { id, at, skill, model, model_digest, template_digest, refused, facts, said };
    Draft { entry: Entry::Made(made), subject, kept }
}

fn given(id: AnswerId, giving: Giving, at: u64) -> Option<Draft> {
    let kept = Kept::of_given(&giving)?;
    let (question_digest, text_digest) = kept.digests();
    let Giving { skill, intent, step, made, subject, facts, cache, refused, seen_by, .. } = giving;
    let given = Given {
        id,
        at,
        skill,
        intent,
        step,
        made,
        question_digest,
        text_digest,
        facts,
        cache,
        refused,
        seen_by,
    };
    Some(Draft { entry: Entry::Given(given), subject, kept: Some(kept) })
}

pub(super) fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
