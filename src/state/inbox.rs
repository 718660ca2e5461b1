//! What HQ sent, taken once: its effect and the note that it was taken are one change.

use redb::{ReadableTable, ReadableTableMetadata};
use serde::{Deserialize, Serialize};

use super::error::{During, StateError};
use super::store::Store;
use super::tables::{DEAD, FAILURES, INBOX, stream_key};
use super::writing::Writing;
use crate::protocol::{Counted, Envelope, Run, Taken, Text, Watermark};

const READING: &str = "reading the inbox";
const WRITING: &str = "writing the inbox";

/// Streams of senders that are remembered; the one untouched for longest goes.
const MAX_STREAMS: u64 = 64;
/// Messages that are being tried again at one time; more are laid aside at their first failure.
const MAX_FAILING: u64 = 256;

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received<T> {
    /// It took effect, now.
    Done(T),
    /// It had been taken before.
    Known,
    /// Too much before it is missing: it must come again.
    NotNow,
    /// It failed and will be tried again when it comes again.
    Failed {
        /// How often by now.
        tries: u32,
        /// Why.
        why: String,
    },
    /// It failed too often and was laid aside, so that the stream goes on.
    LaidAside {
        /// Why.
        why: String,
    },
}

/// A message that was laid aside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// The whole envelope.
    pub bytes: Vec<u8>,
    /// Why it failed the last time.
    pub why: Text<1024>,
}

/// Why an effect did not come about: the storage, or the message.
#[derive(Debug)]
enum Fault {
    State(StateError),
    Effect(String),
    Stop(Taken),
}

impl From<StateError> for Fault {
    fn from(error: StateError) -> Self {
        Self::State(error)
    }
}

impl Store {
    /// Takes a counted message: `effect` and the note that it was taken are written together. An
    /// effect that fails leaves nothing; after the last try the message is laid aside.
    ///
    /// `run` is the message's own number, or the numbers that a gap declares.
    pub fn receive<T>(
        &self,
        envelope: &Envelope,
        counted: Counted,
        run: Run,
        effect: impl FnOnce(&Writing<'_>) -> Result<T, String>,
    ) -> Result<Received<T>, StateError> {
        let source = envelope.source.to_string();
        let done = self.write(|writing| {
            match writing.note_taken(&source, counted, run)? {
                Taken::New(_) => {}
                stop => return Err(Fault::Stop(stop)),
            }
            writing.forget_failures(&source, counted)?;
            effect(writing).map_err(Fault::Effect)
        });
        match done {
            Ok(done) => Ok(Received::Done(done)),
            Err(Fault::Stop(Taken::TooScattered)) => Ok(Received::NotNow),
            Err(Fault::Stop(_)) => Ok(Received::Known),
            Err(Fault::State(error)) => Err(error),
            Err(Fault::Effect(why)) => self.failed(&source, envelope, counted, run, why),
        }
    }

    fn failed<T>(
        &self,
        source: &str,
        envelope: &Envelope,
        counted: Counted,
        run: Run,
        why: String,
    ) -> Result<Received<T>, StateError> {
        self.write(|writing| {
            let tries = writing.count_failure(source, counted)?;
            if tries < self.config().max_tries {
                return Ok(Received::Failed { tries, why });
            }
            writing.lay_aside(envelope, &why)?;
            writing.note_taken(source, counted, run)?;
            writing.forget_failures(source, counted)?;
            Ok(Received::LaidAside { why })
        })
    }

    /// What has been taken of a stream.
    pub fn taken(&self, source: &str, counted: Counted) -> Result<Watermark, StateError> {
        let inbox = self.read()?.open_table(INBOX).during(READING)?;
        let key = (source, u64::from_be_bytes(counted.ledger.0), stream_key(counted.stream));
        inbox
            .get(key)
            .during(READING)?
            .map_or(Ok(Watermark::default()), |row| decode(row.value().1))
    }

    /// What was laid aside, oldest first.
    pub fn dead_letters(&self) -> Result<Vec<DeadLetter>, StateError> {
        let dead = self.read()?.open_table(DEAD).during(READING)?;
        let rows = dead.iter().during(READING)?;
        rows.map(|row| decode(row.during(READING)?.1.value())).collect()
    }
}

fn decode<'b, T: Deserialize<'b>>(bytes: &'b [u8]) -> Result<T, StateError> {
    let damaged =
        |error: postcard::Error| StateError::Damaged { what: "the inbox", why: error.to_string() };
    postcard::from_bytes(bytes).map_err(damaged)
}

fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, StateError> {
    let damaged =
        |error: postcard::Error| StateError::Damaged { what: "the inbox", why: error.to_string() };
    postcard::to_stdvec(value).map_err(damaged)
}

impl Writing<'_> {
    fn note_taken(&self, source: &str, counted: Counted, run: Run) -> Result<Taken, StateError> {
        let mut inbox = self.transaction().open_table(INBOX).during(WRITING)?;
        let key = (source, u64::from_be_bytes(counted.ledger.0), stream_key(counted.stream));
        let mut mark: Watermark = match inbox.get(key).during(READING)? {
            Some(row) => decode(row.value().1)?,
            None => Watermark::default(),
        };
        let taken = mark.take(run);
        if matches!(taken, Taken::New(_)) {
            let touched = self.get("touched")? + 1;
            self.put("touched", touched)?;
            inbox.insert(key, (touched, &*encode(&mark)?)).during(WRITING)?;
            forget_stalest(&mut inbox)?;
        }
        Ok(taken)
    }

    fn count_failure(&self, source: &str, counted: Counted) -> Result<u32, StateError> {
        let mut failures = self.transaction().open_table(FAILURES).during(WRITING)?;
        let key = failure_key(source, counted);
        let known = failures.get(key).during(READING)?.map(|tries| tries.value());
        if known.is_none() && failures.len().during(READING)? >= MAX_FAILING {
            return Ok(u32::MAX);
        }
        let tries = known.unwrap_or(0).saturating_add(1);
        failures.insert(key, tries).during(WRITING)?;
        Ok(tries)
    }

    fn forget_failures(&self, source: &str, counted: Counted) -> Result<(), StateError> {
        let mut failures = self.transaction().open_table(FAILURES).during(WRITING)?;
        failures.remove(failure_key(source, counted)).during(WRITING)?;
        Ok(())
    }

    fn lay_aside(&self, envelope: &Envelope, why: &str) -> Result<(), StateError> {
        let letter = encode(&DeadLetter { bytes: envelope.to_bytes()?, why: Text::cut(why) })?;
        let mut dead = self.transaction().open_table(DEAD).during(WRITING)?;
        let last = dead.last().during(READING)?.map_or(0, |(at, _)| at.value());
        dead.insert(last + 1, &*letter).during(WRITING)?;
        while dead.len().during(READING)? > self.store().config().max_dead_letters {
            dead.pop_first().during(WRITING)?;
        }
        Ok(())
    }
}

fn failure_key(source: &str, counted: Counted) -> (&str, u64, u8, u64) {
    let ledger = u64::from_be_bytes(counted.ledger.0);
    (source, ledger, stream_key(counted.stream), counted.seq)
}

type Inbox<'t> = redb::Table<'t, (&'static str, u64, u8), (u64, &'static [u8])>;

fn forget_stalest(inbox: &mut Inbox<'_>) -> Result<(), StateError> {
    if inbox.len().during(READING)? <= MAX_STREAMS {
        return Ok(());
    }
    let mut stalest: Option<(u64, (String, u64, u8))> = None;
    for row in inbox.iter().during(READING)? {
        let (key, row) = row.during(READING)?;
        let ((source, ledger, stream), (touched, _)) = (key.value(), row.value());
        if stalest.as_ref().is_none_or(|(least, _)| touched < *least) {
            stalest = Some((touched, (source.to_owned(), ledger, stream)));
        }
    }
    if let Some((_, (source, ledger, stream))) = stalest {
        inbox.remove((source.as_str(), ledger, stream)).during(WRITING)?;
    }
    Ok(())
}
