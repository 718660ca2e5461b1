//! One change of the state, in one transaction.

use redb::{ReadableTable, WriteTransaction};

use super::error::{During, StateError};
use super::store::Store;
use super::tables::META;
use crate::protocol::{HybridClock, HybridTime, Ledger, UnixMillis};

/// A change that is being made. Nothing counts before the act it was handed to has succeeded.
pub struct Writing<'a> {
    transaction: &'a WriteTransaction,
    store: &'a Store,
}

impl<'a> Writing<'a> {
    pub(super) fn new(transaction: &'a WriteTransaction, store: &'a Store) -> Self {
        Self { transaction, store }
    }

    /// The transaction, for tables of another room that change together with this.
    #[must_use]
    pub fn transaction(&self) -> &'a WriteTransaction {
        self.transaction
    }

    pub(super) fn store(&self) -> &'a Store {
        self.store
    }

    /// A number of the state as a whole; 0 where it was never written.
    pub(super) fn get(&self, name: &str) -> Result<u64, StateError> {
        let act = "reading the state's own numbers";
        let meta = self.transaction.open_table(META).during(act)?;
        Ok(meta.get(name).during(act)?.map_or(0, |found| found.value()))
    }

    pub(super) fn put(&self, name: &str, value: u64) -> Result<(), StateError> {
        let act = "writing the state's own numbers";
        let mut meta = self.transaction.open_table(META).during(act)?;
        meta.insert(name, value).during(act)?;
        Ok(())
    }

    /// The ledger under which the outbox counts.
    pub fn ledger(&self) -> Result<Ledger, StateError> {
        self.get("ledger").map(|ledger| Ledger(ledger.to_be_bytes()))
    }

    /// The hybrid time of something that happens now; later than all that were given out before,
    /// over restarts too.
    pub fn tick(&self, now: UnixMillis) -> Result<HybridTime, StateError> {
        let mut clock = HybridClock::resumed(HybridTime(self.get("hybrid_time")?));
        let time = clock.tick(now);
        self.put("hybrid_time", time.0)?;
        Ok(time)
    }

    /// Takes note of another's time.
    pub fn hear(&self, heard: HybridTime, now: UnixMillis) -> Result<(), StateError> {
        let mut clock = HybridClock::resumed(HybridTime(self.get("hybrid_time")?));
        if clock.hear(heard, now) {
            self.put("hybrid_time", clock.last().0)?;
        }
        Ok(())
    }

    /// Raises the floor of time; one that is lower changes nothing.
    pub fn raise_floor(&self, floor: UnixMillis) -> Result<(), StateError> {
        if floor.0 > self.get("floor")? {
            self.put("floor", floor.0)?;
        }
        Ok(())
    }

    /// The epoch of a connection that is about to be made: higher than all before.
    pub fn next_epoch(&self) -> Result<u64, StateError> {
        let epoch = self.get("epoch")? + 1;
        self.put("epoch", epoch)?;
        Ok(epoch)
    }
}

impl Store {
    /// A number of the state as a whole.
    fn number(&self, name: &str) -> Result<u64, StateError> {
        let act = "reading the state's own numbers";
        let meta = self.read()?.open_table(META).during(act)?;
        Ok(meta.get(name).during(act)?.map_or(0, |found| found.value()))
    }

    /// The ledger under which the outbox counts.
    pub fn ledger(&self) -> Result<Ledger, StateError> {
        self.number("ledger").map(|ledger| Ledger(ledger.to_be_bytes()))
    }

    /// The floor of time as it was stored.
    pub fn floor(&self) -> Result<UnixMillis, StateError> {
        self.number("floor").map(UnixMillis)
    }

    /// The last hybrid time that was given out or heard.
    pub fn hybrid_time(&self) -> Result<HybridTime, StateError> {
        self.number("hybrid_time").map(HybridTime)
    }
}
