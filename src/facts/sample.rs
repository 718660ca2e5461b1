//! The sample shop that comes with the program; `models/sample-shop` says what it is.

use std::io::{self, Cursor, Read};
use std::path::Path;
use std::sync::Arc;

use chrono::{Datelike as _, NaiveDate, NaiveTime, TimeDelta};
use flate2::read::GzDecoder;
use tar::Archive;

use super::bulk::{Entry, RowFault, Rows};
use super::{Change, Fact, Facts, FactsError, Refused, Table, UnixSeconds, Written, Zone};

const PACKED: &[u8] = include_bytes!("../../models/sample-shop/shop.tar.gz");
/// The Monday on which the first week of the tables begins.
const FIRST_MONDAY: Option<NaiveDate> = NaiveDate::from_ymd_opt(2026, 1, 5);
/// Bytes that a table may have unpacked.
const MAX_TABLE_BYTES: u64 = 64 << 20;

/// Why the sample shop is not loaded.
#[derive(Debug, thiserror::Error)]
pub enum SampleError {
    /// What comes with the program cannot be unpacked.
    #[error("unpacking the sample shop")]
    Unpack(#[from] io::Error),
    /// A row of it is no fact.
    #[error("the sample shop's {table}: {fault}")]
    Row {
        /// Of which table.
        table: String,
        /// What is wrong.
        fault: RowFault,
    },
    /// The facts do not take it.
    #[error("loading the sample shop")]
    Facts(#[from] FactsError),
    /// The facts do not take one of its changes.
    #[error("loading the sample shop")]
    Refused(#[from] Refused),
    /// A fact of it cannot be written as a line.
    #[error("writing the sample shop as lines")]
    Line(#[from] serde_json::Error),
}

/// Puts the sample shop into facts, with its first week moved to that of `now`: all of it or nothing.
/// `progress` hears how many bytes of how many are read. Blocks on the disk.
pub fn load(
    facts: &Facts,
    now: UnixSeconds,
    mut progress: impl FnMut(u64, u64),
) -> Result<Written, SampleError> {
    let mut staged = facts.stage()?;
    let tables = each(now, facts.config().zone, |change, read, all| {
        staged.push(&change)?;
        progress(read, all);
        Ok(())
    })?;
    for table in tables {
        staged.push(&Change::Confirm { table })?;
    }
    Ok(staged.commit(None, now)?)
}

/// The sample shop as a feed sends it: a line of JSON for each fact, with its first week moved to
/// that of `now` on the clock of `zone`. Some megabytes.
pub fn lines(now: UnixSeconds, zone: Zone) -> Result<Vec<u8>, SampleError> {
    let mut lines = Vec::new();
    each(now, zone, |change, _, _| {
        lines.extend(change.to_line()?);
        lines.push(b'\n');
        Ok(())
    })?;
    Ok(lines)
}

/// Hands over every fact, with how many bytes of how many are read; gives the tables.
fn each(
    now: UnixSeconds,
    zone: Zone,
    mut take: impl FnMut(Change, u64, u64) -> Result<(), SampleError>,
) -> Result<Vec<Table>, SampleError> {
    let tables = tables()?;
    let all = tables.iter().map(|(_, text)| text.len() as u64).sum();
    let (weeks, mut behind) = (Weeks::until(now, zone), 0);
    let mut seen = Vec::with_capacity(tables.len());
    for (table, text) in tables {
        let bytes = text.len() as u64;
        let told = |fault| SampleError::Row { table: table.to_string(), fault };
        let mut rows = Rows::of_csv(Cursor::new(text), table, bytes).map_err(told)?;
        while let Some(row) = rows.next() {
            let Entry { id, fact, source, .. } = row.map_err(told)?;
            let change = Change::Put { id, fact: weeks.moved(fact), source };
            take(change, behind + rows.bytes_read(), all)?;
        }
        behind += bytes;
        seen.push(table);
    }
    Ok(seen)
}

/// The tables' CSV texts.
fn tables() -> Result<Vec<(Table, Vec<u8>)>, io::Error> {
    let mut archive = Archive::new(GzDecoder::new(PACKED));
    let mut found = Vec::new();
    for entry in archive.entries()? {
        let entry = entry?;
        let table = table_of(&entry.path()?)?;
        let mut text = Vec::new();
        entry.take(MAX_TABLE_BYTES).read_to_end(&mut text)?;
        found.push((table, text));
    }
    Ok(found)
}

fn table_of(path: &Path) -> Result<Table, io::Error> {
    let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
    name.parse().map_err(io::Error::other)
}

/// How far times are moved.
struct Weeks {
    days: TimeDelta,
    zone: Zone,
}

impl Weeks {
    /// So that the tables' first week is the one of this moment.
    fn until(now: UnixSeconds, zone: Zone) -> Self {
        let today = zone.local(now).date();
        let monday = today - TimeDelta::days(today.weekday().num_days_from_monday().into());
        let days = FIRST_MONDAY.map_or_else(TimeDelta::zero, |first| monday - first);
        Self { days, zone }
    }

    fn moved(&self, mut fact: Fact) -> Fact {
        match &mut fact {
            Fact::Promotion(promotion) => {
                let promotion = Arc::make_mut(promotion);
                promotion.starts = promotion.starts.map(|starts| self.later(starts));
                promotion.ends = promotion.ends.map(|ends| self.later(ends));
            }
            Fact::Stock(stock) => {
                let stock = Arc::make_mut(stock);
                stock.as_of = stock.as_of.map(|at| self.later(at));
            }
            Fact::Recall(recall) => {
                let recall = Arc::make_mut(recall);
                recall.since = self.later(recall.since);
            }
            Fact::Product(_) | Fact::Price(_) | Fact::Hours(_) => {}
        }
        fact
    }

    /// A week begins at midnight on the shop's clock, whatever that is in UTC.
    fn later(&self, at: UnixSeconds) -> UnixSeconds {
        let utc = Zone::Offset(chrono::Offset::fix(&chrono::Utc)).local(at);
        let (day, time) = (utc.date() + self.days, utc.time());
        let midnight = self.zone.moment(day.and_time(NaiveTime::MIN));
        let seconds = (time - NaiveTime::MIN).num_seconds();
        UnixSeconds(midnight.0 + seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::FactsConfig;

    fn loaded(now: &str) -> (Facts, UnixSeconds) {
        let zone = Zone::Offset(chrono::FixedOffset::east_opt(3600).unwrap());
        let facts = Facts::in_memory(FactsConfig { zone, ..FactsConfig::default() }).unwrap();
        let now = now.parse().unwrap();
        load(&facts, now, |_, _| ()).unwrap();
        (facts, now)
    }

    #[test]
    fn it_is_a_whole_shop_whose_offers_are_of_this_week() {
        let (facts, now) = loaded("2026-11-26T12:00:00+01:00");
        let mut reader = facts.reader(now);
        assert_eq!(facts.list(Table::Products, "", 10_000).len(), 5000);
        assert_eq!(facts.list(Table::Prices, "", 10_000).len(), 5000);
        assert_eq!(facts.list(Table::Stock, "", 10_000).len(), 5000);
        let on = reader.promotions(usize::MAX);
        assert!(on.len() > 100, "{}", on.len());
        assert!(reader.hours("store").is_some_and(|hours| reader.is_open(&hours)));
        let starts: Vec<_> = on.iter().filter_map(|promotion| promotion.starts).collect();
        let monday: UnixSeconds = "2026-11-23T00:00:00+01:00".parse().unwrap();
        assert!(!starts.is_empty() && starts.iter().all(|starts| *starts == monday));
    }

    #[test]
    fn every_product_has_a_price_a_place_and_a_name_of_its_own() {
        let (facts, now) = loaded("2026-03-01T12:00:00+01:00");
        let mut reader = facts.reader(now);
        let mut names = std::collections::BTreeSet::new();
        for held in facts.list(Table::Products, "", 10_000) {
            let sku = held.id.id.as_str();
            let Fact::Product(product) = held.fact else { panic!("{sku}") };
            assert!(names.insert(product.names["en"].clone()), "{:?}", product.names);
            assert_eq!(product.names.len(), 4);
            assert_eq!(product.descriptions.len(), 4);
            assert!(product.synthetic.contains("names"));
            assert!(reader.price(sku).unwrap().amount.minor() > 0);
            assert!(reader.stock(sku).unwrap().location.is_some());
            let path = product.category.as_deref().unwrap();
            let food =
                ["dairy", "bakery", "snacks", "breakfast", "drinks", "frozen", "meat", "produce"];
            if food.iter().any(|food| path.starts_with(food)) {
                assert!(product.allergens.is_some(), "{sku} of {path}");
            }
        }
        assert_eq!(facts.list(Table::Recalls, "", 10).len(), 3);
    }

    #[test]
    fn loading_it_again_changes_nothing() {
        let (facts, now) = loaded("2026-03-01T12:00:00+01:00");
        let again = load(&facts, now, |_, _| ()).unwrap();
        assert_eq!((again.outcomes.created, again.outcomes.changed), (0, 0));
        assert!(again.outcomes.unchanged > 15_000);
    }

    #[test]
    fn its_lines_are_the_same_shop() {
        let (facts, now) = loaded("2026-11-26T12:00:00+01:00");
        let lines = lines(now, facts.config().zone).unwrap();
        let mut staged = facts.stage().unwrap();
        for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            staged.push(&Change::parse(line).unwrap()).unwrap();
        }
        let again = staged.commit(None, now).unwrap().outcomes;
        assert_eq!((again.created, again.changed), (0, 0));
        assert!(again.unchanged > 15_000);
    }

    #[test]
    fn progress_ends_at_the_end() {
        let facts = Facts::in_memory(FactsConfig::default()).unwrap();
        let mut last = (0, 1);
        load(&facts, UnixSeconds::now(), |done, all| {
            assert!(done >= last.0);
            last = (done, all);
        })
        .unwrap();
        assert_eq!(last.0, last.1);
    }
}
