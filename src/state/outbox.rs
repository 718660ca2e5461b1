//! What waits to be told to HQ: numbered, bounded, and gone only when HQ has stored it.

use redb::{ReadableTable, Table};

use super::config::{Bounds, WhenFull};
use super::error::{During, StateError};
use super::store::{Store, random};
use super::tables::{OUTBOX, STREAMS, stream_key};
use super::writing::Writing;
use crate::protocol::{
    Ack, Clock, Envelope, Gap, Ledger, Message, MessageId, Run, Stream, UnixMillis,
};

const READING: &str = "reading the outbox";
const WRITING: &str = "writing the outbox";

/// Where a stream stands. Numbers between `acked` and `first` were dropped: a gap, to be declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The number that the next message gets.
    pub next: u64,
    /// The first number that is still here.
    pub first: u64,
    /// HQ has stored all up to this number.
    pub acked: u64,
    /// Bytes of the messages that are here.
    pub bytes: u64,
}

impl Position {
    const NEW: Self = Self { next: 1, first: 1, acked: 0, bytes: 0 };

    fn of(row: (u64, u64, u64, u64)) -> Self {
        let (next, first, acked, bytes) = row;
        Self { next, first, acked, bytes }
    }

    fn row(self) -> (u64, u64, u64, u64) {
        (self.next, self.first, self.acked, self.bytes)
    }

    /// Messages that are here.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.next - self.first
    }
}

/// Something to be sent: a message, or the declaration of a gap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// The numbers it stands for.
    pub run: Run,
    /// The envelope.
    pub bytes: Vec<u8>,
}

/// What an ack meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acknowledged {
    /// HQ has stored so many more.
    Forgotten(u64),
    /// HQ said so before, or something older.
    Known,
    /// It is about another ledger: of a box that had this name before.
    Foreign,
    /// HQ has numbers that were never given out here: this file is older than HQ's memory of it.
    Ahead,
    /// It is of the audit log, of which nothing is forgotten without HQ's signature.
    Unsigned,
    /// HQ has another audit log under these numbers than the one that was written here.
    OtherLog,
}

type Messages<'t> = Table<'t, (u8, u64), &'static [u8]>;

impl Writing<'_> {
    /// Where a stream stands.
    pub fn position(&self, stream: Stream) -> Result<Position, StateError> {
        let streams = self.transaction().open_table(STREAMS).during(READING)?;
        let row = streams.get(stream_key(stream)).during(READING)?;
        Ok(row.map_or(Position::NEW, |row| Position::of(row.value())))
    }

    pub(super) fn set_position(&self, stream: Stream, at: Position) -> Result<(), StateError> {
        let mut streams = self.transaction().open_table(STREAMS).during(WRITING)?;
        streams.insert(stream_key(stream), at.row()).during(WRITING)?;
        Ok(())
    }

    /// Adds a message to a stream and gives its number. It is told if and only if everything else of
    /// this change comes about.
    pub fn append(
        &self,
        stream: Stream,
        now: UnixMillis,
        message: &Message,
    ) -> Result<u64, StateError> {
        let (bounds, when_full) = self.bounds(stream)?;
        let mut at = self.position(stream)?;
        let bytes =
            Envelope::new(self.store().sender(), MessageId(random()?), self.tick(now)?, message)?
                .counted(self.ledger()?, stream, at.next)
                .to_bytes()?;
        let size = bytes.len() as u64;
        if size > bounds.max_bytes || bounds.max_count == 0 {
            return Err(StateError::TooLarge { stream, bytes: size });
        }
        let full =
            |at: &Position| at.count() >= bounds.max_count || at.bytes + size > bounds.max_bytes;
        let mut messages = self.transaction().open_table(OUTBOX).during(WRITING)?;
        if full(&at) && when_full == WhenFull::Refuse {
            let (count, bytes) = (at.count(), at.bytes);
            return Err(StateError::Full { stream, count, bytes });
        }
        while full(&at) {
            drop_first(&mut messages, stream, &mut at)?;
        }
        messages.insert((stream_key(stream), at.next), &*bytes).during(WRITING)?;
        let seq = at.next;
        at.next += 1;
        at.bytes += size;
        self.set_position(stream, at)?;
        Ok(seq)
    }

    fn bounds(&self, stream: Stream) -> Result<(Bounds, WhenFull), StateError> {
        let refusal = StateError::TooMany { what: "messages of streams that HQ sends", most: 0 };
        self.store().config().of(stream).ok_or(refusal)
    }

    /// Drops what has grown too old. Where the time is not known, nothing is dropped.
    pub fn drop_aged(&self, clock: Clock) -> Result<(), StateError> {
        let Clock::Known(now) = clock else { return Ok(()) };
        for stream in Stream::UP {
            let (bounds, when_full) = self.bounds(stream)?;
            let Some(age) = bounds.max_age_ms.filter(|_| when_full == WhenFull::DropOldest) else {
                continue;
            };
            let mut at = self.position(stream)?;
            let before = at;
            let mut messages = self.transaction().open_table(OUTBOX).during(WRITING)?;
            while at.count() > 0 && aged(&messages, stream, at.first, now, age)? {
                drop_first(&mut messages, stream, &mut at)?;
            }
            if at != before {
                self.set_position(stream, at)?;
            }
        }
        Ok(())
    }

    /// Forgets what HQ has stored. Of the audit log only [`Self::acknowledge_audit`] does.
    pub fn acknowledge(&self, ack: &Ack) -> Result<Acknowledged, StateError> {
        if ack.stream == Stream::Audit {
            return Ok(Acknowledged::Unsigned);
        }
        if ack.ledger != self.ledger()? {
            return Ok(Acknowledged::Foreign);
        }
        let mut at = self.position(ack.stream)?;
        if ack.through >= at.next {
            return Ok(Acknowledged::Ahead);
        }
        if ack.through <= at.acked {
            return Ok(Acknowledged::Known);
        }
        let more = ack.through - at.acked;
        self.forget(ack.stream, &mut at, ack.through)?;
        at.acked = ack.through;
        self.set_position(ack.stream, at)?;
        Ok(Acknowledged::Forgotten(more))
    }

    /// Removes what is here up to a number.
    pub(super) fn forget(
        &self,
        stream: Stream,
        at: &mut Position,
        through: u64,
    ) -> Result<(), StateError> {
        let mut messages = self.transaction().open_table(OUTBOX).during(WRITING)?;
        while at.first <= through {
            drop_first(&mut messages, stream, at)?;
        }
        Ok(())
    }

    /// Takes what HQ said in answer to a question just asked. Unlike a stray ack it may say less than
    /// before: HQ has forgotten, and what is gone here too is declared as a gap.
    pub fn resume(&self, ack: &Ack) -> Result<Acknowledged, StateError> {
        if ack.stream != Stream::Audit {
            self.forgotten_by_hq(ack.stream, ack.ledger, ack.through)?;
        }
        self.acknowledge(ack)
    }

    /// Takes note that HQ has less than it had.
    pub(super) fn forgotten_by_hq(
        &self,
        stream: Stream,
        ledger: Ledger,
        through: u64,
    ) -> Result<(), StateError> {
        let at = self.position(stream)?;
        if ledger == self.ledger()? && through < at.acked {
            self.set_position(stream, Position { acked: through, ..at })?;
        }
        Ok(())
    }
}

fn aged(
    messages: &Messages<'_>,
    stream: Stream,
    seq: u64,
    now: UnixMillis,
    max_age_ms: u64,
) -> Result<bool, StateError> {
    let Some(bytes) = messages.get((stream_key(stream), seq)).during(READING)? else {
        return Ok(true);
    };
    Ok(now.since(Envelope::parse(bytes.value())?.time.moment()) > max_age_ms)
}

fn drop_first(
    messages: &mut Messages<'_>,
    stream: Stream,
    at: &mut Position,
) -> Result<(), StateError> {
    let gone = messages.remove((stream_key(stream), at.first)).during(WRITING)?;
    at.bytes -= gone.map_or(0, |gone| gone.value().len() as u64).min(at.bytes);
    at.first += 1;
    Ok(())
}

impl Store {
    /// Where a stream stands.
    pub fn position(&self, stream: Stream) -> Result<Position, StateError> {
        let streams = self.read()?.open_table(STREAMS).during(READING)?;
        let row = streams.get(stream_key(stream)).during(READING)?;
        Ok(row.map_or(Position::NEW, |row| Position::of(row.value())))
    }

    /// When the oldest message of a stream that is still here was written.
    pub fn oldest(&self, stream: Stream) -> Result<Option<UnixMillis>, StateError> {
        let messages = self.read()?.open_table(OUTBOX).during(READING)?;
        let key = stream_key(stream);
        let mut rows = messages.range((key, 0)..=(key, u64::MAX)).during(READING)?;
        let Some(row) = rows.next() else { return Ok(None) };
        let envelope = Envelope::parse(row.during(READING)?.1.value())?;
        Ok(Some(envelope.time.moment()))
    }

    /// What comes after a number: up to `run.last`, of so many bytes, though at least one. Where
    /// the next numbers were dropped, their gap comes first.
    pub fn waiting(
        &self,
        stream: Stream,
        run: Run,
        max_bytes: usize,
    ) -> Result<Vec<Item>, StateError> {
        let read = self.read()?;
        let streams = read.open_table(STREAMS).during(READING)?;
        let row = streams.get(stream_key(stream)).during(READING)?;
        let at = row.map_or(Position::NEW, |row| Position::of(row.value()));
        let mut items = Vec::new();
        let mut bytes = 0;
        if run.first > run.last {
            return Ok(items);
        }
        if run.first < at.first {
            items.push(self.gap(stream, Run { first: run.first, last: at.first - 1 })?);
        }
        let messages = read.open_table(OUTBOX).during(READING)?;
        let key = stream_key(stream);
        let range = (key, run.first.max(at.first))..=(key, run.last.max(at.first));
        for message in messages.range(range).during(READING)? {
            let (place, message) = message.during(READING)?;
            let (seq, message) = (place.value().1, message.value());
            bytes += message.len();
            if seq > run.last || (!items.is_empty() && bytes > max_bytes) {
                break;
            }
            items.push(Item { run: Run::of(seq), bytes: message.to_vec() });
        }
        Ok(items)
    }

    fn gap(&self, stream: Stream, run: Run) -> Result<Item, StateError> {
        let message = Message::Gap(Gap { first: run.first, last: run.last });
        let ledger: Ledger = self.ledger()?;
        let time = self.hybrid_time()?;
        let envelope = Envelope::new(self.sender(), MessageId(random()?), time, &message)?;
        Ok(Item { run, bytes: envelope.counted(ledger, stream, run.last).to_bytes()? })
    }
}
