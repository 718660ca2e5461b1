//! A new ledger, where HQ knows more of this box than the box itself.

use redb::ReadableTable;

use super::error::{During, StateError};
use super::outbox::Position;
use super::store::random;
use super::tables::{OUTBOX, stream_key};
use super::writing::Writing;
use crate::protocol::{Envelope, Ledger, Stream};

impl Writing<'_> {
    /// Begins a new ledger and counts everything that waits from 1 again.
    ///
    /// For a file that was put back from a copy: its next numbers are ones that HQ has seen, so what
    /// it tells would be taken for old. Messages keep their ids; a few may be told twice, none is lost.
    pub fn begin_ledger(&self) -> Result<Ledger, StateError> {
        let ledger = Ledger(random()?);
        self.put("ledger", u64::from_be_bytes(ledger.0))?;
        for stream in Stream::UP {
            self.renumber(stream, ledger)?;
        }
        Ok(ledger)
    }

    fn renumber(&self, stream: Stream, ledger: Ledger) -> Result<(), StateError> {
        let act = "counting the outbox anew";
        let old = self.position(stream)?;
        let mut messages = self.transaction().open_table(OUTBOX).during(act)?;
        let key = stream_key(stream);
        // What was dropped before stays declared: it is the first run of the new ledger.
        let dropped = (old.first - 1).saturating_sub(old.acked);
        let mut at = Position { next: dropped + 1, first: dropped + 1, acked: 0, bytes: 0 };
        for seq in old.first..old.next {
            let Some(bytes) = messages.get((key, seq)).during(act)?.map(|b| b.value().to_vec())
            else {
                continue;
            };
            let bytes = Envelope::parse(&bytes)?.counted(ledger, stream, at.next).to_bytes()?;
            messages.remove((key, seq)).during(act)?;
            messages.insert((key, at.next), &*bytes).during(act)?;
            at.next += 1;
            at.bytes += bytes.len() as u64;
        }
        self.set_position(stream, at)
    }
}
