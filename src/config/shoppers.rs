//! The sections `[shoppers]` and `[audit]`.

use std::time::Duration;

use super::raw::Reader;
use super::sections::{bytes, number, seconds};
use crate::audit::AuditConfig;
use crate::shoppers::ShoppersConfig;

const DAY_S: u64 = 24 * 60 * 60;
/// The most that any limit of these may be.
const MOST: u64 = 10_000_000;

/// How long what is sealed of a subject can be opened is decided by the audit.
pub(super) fn shoppers(reader: &mut Reader<'_>, audit: &AuditConfig) -> ShoppersConfig {
    let default = ShoppersConfig::default();
    let count = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
    let max_turns = number(reader, "shoppers.max_turns", default.max_turns as usize, 4, 1_000);
    let subjects = default.max_subjects as usize;
    let most = "shoppers.max_conversations";
    let max_conversations = number(reader, most, count(default.max_conversations), 1, 100_000);
    let max_profiles =
        number(reader, "shoppers.max_profiles", count(default.max_profiles), 0, MOST);
    let max_subjects = number(reader, "shoppers.max_subjects", subjects, 16, MOST);
    if max_subjects < 2 * (max_conversations + max_profiles) {
        reader.refuse(
            "shoppers.max_subjects",
            "it must be at least twice shoppers.max_conversations and shoppers.max_profiles together",
        );
    }
    ShoppersConfig {
        idle: seconds(reader, "shoppers.idle_s", default.idle, 1.0, 86_400.0),
        max_conversations: max_conversations as u64,
        max_turns: u32::try_from(max_turns).unwrap_or(u32::MAX),
        max_profiles: max_profiles as u64,
        keep_profiles: days(reader, "shoppers.keep_profiles_days", default.keep_profiles),
        keep_sealed: audit.keep_inputs,
        max_subjects: u32::try_from(max_subjects).unwrap_or(u32::MAX),
    }
}

pub(super) fn audit(reader: &mut Reader<'_>) -> AuditConfig {
    let default = AuditConfig::default();
    let records = usize::try_from(default.max_records).unwrap_or(usize::MAX);
    let inputs = default.max_inputs_bytes;
    AuditConfig {
        keep_inputs: days(reader, "audit.keep_inputs_days", default.keep_inputs),
        max_inputs_bytes: bytes(reader, "audit.max_inputs", inputs, 1 << 20, 1 << 40),
        keep_records: days(reader, "audit.keep_records_days", default.keep_records),
        max_records: number(reader, "audit.max_records", records, 100, MOST) as u64,
        tell_every: seconds(reader, "audit.tell_every_s", default.tell_every, 1.0, 86_400.0),
    }
}

fn days(reader: &mut Reader<'_>, setting: &'static str, default: Duration) -> Duration {
    let days = usize::try_from(default.as_secs() / DAY_S).unwrap_or(1);
    Duration::from_secs(number(reader, setting, days, 1, 3_650) as u64 * DAY_S)
}
