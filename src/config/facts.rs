//! The section `[facts]`, and where the shop's clock stands.

use std::time::Duration;

use super::kinds;
use super::raw::{Given, Reader};
use super::sections::{bytes, number, seconds};
use crate::facts::{FactsConfig, ParseZoneError, Zone};

const DAY_S: f64 = 86_400.0;
const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

pub(super) fn read(reader: &mut Reader<'_>) -> FactsConfig {
    let default = FactsConfig::default();
    let fact = default.max_fact_bytes as u64;
    let memory = default.max_memory_bytes as u64;
    let days = (default.history.as_secs_f64() / DAY_S) as usize;
    let days = number(reader, "facts.history_days", days, 1, 3650);
    let values = default.max_history as usize;
    FactsConfig {
        max_facts: number(reader, "facts.max_facts", default.max_facts, 1, 100_000_000),
        max_fact_bytes: bytes(reader, "facts.max_fact_bytes", fact, 256, MIB) as usize,
        max_memory_bytes: bytes(reader, "facts.max_memory", memory, 64 * KIB, 1 << 40) as usize,
        max_batch_bytes: bytes(reader, "facts.max_batch", default.max_batch_bytes, KIB, 1024 * GIB),
        max_age: [
            age(reader, "facts.products_max_age_s", default.max_age[0]),
            age(reader, "facts.prices_max_age_s", default.max_age[1]),
            age(reader, "facts.promotions_max_age_s", default.max_age[2]),
            age(reader, "facts.stock_max_age_s", default.max_age[3]),
            age(reader, "facts.hours_max_age_s", default.max_age[4]),
            age(reader, "facts.recalls_max_age_s", default.max_age[5]),
        ],
        history: Duration::from_secs(days as u64 * DAY_S as u64),
        max_history: number(reader, "facts.max_history", values, 0, 1_000_000_000) as u64,
        max_changes: number(reader, "facts.max_changes", default.max_changes, 1, 1_000_000),
        zone: reader.read("store.time_zone", default.zone, zone, ToString::to_string),
    }
}

fn zone(given: &Given) -> Result<Zone, String> {
    kinds::text(given)?.parse().map_err(|error: ParseZoneError| error.to_string())
}

/// How long a feed may be silent; 0 is for ever.
fn age(
    reader: &mut Reader<'_>,
    setting: &'static str,
    default: Option<Duration>,
) -> Option<Duration> {
    let age = seconds(reader, setting, default.unwrap_or_default(), 0.0, 3660.0 * DAY_S);
    Some(age).filter(|age| !age.is_zero())
}
