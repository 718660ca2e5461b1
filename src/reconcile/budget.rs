//! How many bytes go over the WAN within a day, over restarts too.

use redb::{ReadableTable as _, TableDefinition};

use super::error::{During, ReconcileError};
use super::fetch::Hold;
use crate::protocol::{Clock, UnixMillis};
use crate::state::Store;

const DAY_MS: u64 = 24 * 60 * 60 * 1000;
/// `begin`: when the day began, and the bytes that were granted in it.
const TABLE: TableDefinition<&str, (u64, u64)> = TableDefinition::new("reconcile.wan");
const KEY: &str = "day";

/// The bytes of one day; it begins with the first of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Day {
    begin: UnixMillis,
    granted: u64,
}

impl Day {
    /// Grants bytes, or says until when they must wait. What is larger than a whole day's is granted
    /// to a day that is unused, as it would wait for ever.
    pub fn grant(self, bytes: u64, per_day: Option<u64>, clock: Clock) -> Result<Self, Hold> {
        let Clock::Known(now) = clock else { return Err(Hold::Clock) };
        let over = now.since(self.begin) >= DAY_MS;
        let day = if over || self.granted == 0 { Self { begin: now, granted: 0 } } else { self };
        let granted = day.granted.saturating_add(bytes);
        match per_day {
            Some(most) if granted > most && day.granted > 0 => {
                Err(Hold::Budget { until: day.begin.plus(DAY_MS) })
            }
            Some(0) => Err(Hold::Budget { until: now.plus(DAY_MS) }),
            _ => Ok(Self { granted, ..day }),
        }
    }
}

/// Asks for bytes and notes them before they are fetched, so that a restart gives no second day.
/// Blocks on the disk.
pub fn grant(
    store: &Store,
    bytes: u64,
    per_day: Option<u64>,
    clock: Clock,
) -> Result<Result<(), Hold>, ReconcileError> {
    let act = "noting the bytes of the WAN";
    store.write(|writing| {
        let mut table = writing.transaction().open_table(TABLE).during(act)?;
        let row = table.get(KEY).during(act)?.map(|row| row.value());
        let day = row
            .map_or(Day::default(), |(begin, granted)| Day { begin: UnixMillis(begin), granted });
        match day.grant(bytes, per_day, clock) {
            Ok(day) => {
                table.insert(KEY, (day.begin.0, day.granted)).during(act)?;
                Ok(Ok(()))
            }
            Err(hold) => Ok(Err(hold)),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::StateConfig;

    const NOW: UnixMillis = UnixMillis(1_790_000_000_000);

    fn at(millis: u64) -> Clock {
        Clock::Known(NOW.plus(millis))
    }

    #[test]
    fn a_day_has_so_many_bytes_and_then_the_next_begins() {
        let day = Day::default().grant(60, Some(100), at(0)).unwrap();
        let until = NOW.plus(DAY_MS);
        assert_eq!(day.grant(41, Some(100), at(5)), Err(Hold::Budget { until }));
        let day = day.grant(40, Some(100), at(DAY_MS - 1)).unwrap();
        assert_eq!(day.grant(1, Some(100), at(DAY_MS - 1)), Err(Hold::Budget { until }));
        assert!(day.grant(100, Some(100), at(DAY_MS)).is_ok());
        assert!(day.grant(u64::MAX, None, at(1)).is_ok(), "without a budget nothing waits");
        assert_eq!(day.grant(1, None, Clock::Unknown { at_least: NOW }), Err(Hold::Clock));
    }

    #[test]
    fn what_is_larger_than_a_day_takes_a_whole_one() {
        let day = Day::default().grant(500, Some(100), at(0)).unwrap();
        assert!(day.grant(1, Some(100), at(1)).is_err());
        assert!(day.grant(500, Some(100), at(DAY_MS)).is_ok());
        assert!(Day::default().grant(1, Some(0), at(0)).is_err(), "a budget of nothing is one");
    }

    #[test]
    fn a_restart_gives_no_second_day() {
        let place = "acme/store-1/box-a".parse().unwrap();
        let backend = redb::backends::InMemoryBackend::new;
        let store = Store::on(backend, place, StateConfig::default()).unwrap();
        let ask = |bytes, millis| grant(&store, bytes, Some(100), at(millis)).unwrap();
        assert_eq!(ask(90, 0), Ok(()));
        assert!(ask(20, 1).is_err());
        assert_eq!(ask(10, 2), Ok(()));
    }
}
