//! Parquet files. Their cells are written down as they would stand in CSV, so that both kinds of
//! file are read by the same rules.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};

use chrono::{DateTime, NaiveDate, SecondsFormat, TimeDelta};
use parquet::basic::{ConvertedType, LogicalType, TimeUnit, Type as Physical};
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::reader::RowIter;
use parquet::record::{Field, Row};
use parquet::schema::types::Type;

use super::error::{Place, RowFault};
use super::plan::Plan;
use super::{Entry, RowSource};
use crate::facts::Table;

/// The rows of a Parquet file.
pub(super) struct ParquetFile {
    rows: RowIter<'static>,
    kinds: Vec<CellKind>,
    plan: Plan,
    bytes: u64,
    row: u64,
    all: u64,
    over: bool,
}

/// What the library does not tell of a cell by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CellKind {
    Plain,
    Nanoseconds,
}

impl ParquetFile {
    pub(super) fn open(file: File, table: Table, bytes: u64) -> Result<Self, RowFault> {
        let header = Place::Row(0);
        let damaged = |why: String| RowFault::of_row(header, why);
        let opened = guarded(|| SerializedFileReader::new(file)).map_err(damaged)?;
        let metadata = opened.metadata().file_metadata();
        let all = u64::try_from(metadata.num_rows()).unwrap_or(0);
        let fields = metadata.schema().get_fields().to_vec();
        let plan = Plan::new(table, fields.iter().map(|field| field.name()), header)?;
        let kinds: Result<_, _> = fields.iter().map(|field| kind_of(field, header)).collect();
        let kinds = kinds?;
        let rows = guarded(|| Ok(RowIter::from_file_into(Box::new(opened)))).map_err(damaged)?;
        Ok(Self { rows, kinds, plan, bytes, row: 0, all, over: false })
    }

    fn entry(&self, row: &Row) -> Result<Entry, RowFault> {
        let place = Place::Row(self.row);
        let mut cells = Vec::with_capacity(self.kinds.len());
        for ((name, field), kind) in row.get_column_iter().zip(&self.kinds) {
            cells.push(text(field, *kind).map_err(|why| RowFault::of_column(place, name, why))?);
        }
        self.plan.entry(place, cells.iter().map(String::as_str))
    }
}

impl RowSource for ParquetFile {
    fn next(&mut self) -> Option<Result<Entry, RowFault>> {
        if self.over {
            return None;
        }
        let rows = &mut self.rows;
        match guarded(|| rows.next().transpose()) {
            Ok(Some(row)) => {
                self.row += 1;
                Some(self.entry(&row))
            }
            Ok(None) => None,
            Err(why) => {
                self.over = true;
                Some(Err(RowFault::of_row(Place::Row(self.row + 1), why)))
            }
        }
    }

    fn bytes_read(&self) -> u64 {
        let share = self.row as f64 / self.all.max(1) as f64;
        (self.bytes as f64 * share) as u64
    }
}

/// The library gives up on some damaged files.
fn guarded<T>(read: impl FnOnce() -> Result<T, ParquetError>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(read)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(format!("the file is damaged, or no Parquet file: {error}")),
        Err(_) => Err("the file is damaged".to_owned()),
    }
}

/// Refuses columns of a type that has no text here.
fn kind_of(field: &Type, place: Place) -> Result<CellKind, RowFault> {
    let refuse = |why: &str| RowFault::of_column(place, field.name(), why);
    if field.is_group() {
        return match list_element(field) {
            Some(element) => kind_of(element, place).map_err(|fault| refuse(&fault.why)),
            None => Err(refuse("it is neither a value nor a list of values")),
        };
    }
    let info = field.get_basic_info();
    match info.logical_type_ref() {
        Some(LogicalType::Timestamp(timestamp)) if !timestamp.is_adjusted_to_u_t_c => {
            Err(refuse("its times have no time zone; write them in UTC"))
        }
        Some(LogicalType::Timestamp(timestamp)) if timestamp.unit == TimeUnit::NANOS => {
            Ok(CellKind::Nanoseconds)
        }
        _ if is_plain(field.get_physical_type(), info.converted_type()) => Ok(CellKind::Plain),
        _ => Err(refuse("it is neither text, number, true or false, date nor time")),
    }
}

fn is_plain(physical: Physical, converted: ConvertedType) -> bool {
    use ConvertedType as C;
    match physical {
        Physical::BOOLEAN | Physical::FLOAT | Physical::DOUBLE | Physical::INT96 => true,
        Physical::INT32 => !matches!(converted, C::TIME_MILLIS),
        Physical::INT64 => !matches!(converted, C::TIME_MICROS),
        Physical::BYTE_ARRAY => matches!(converted, C::UTF8 | C::ENUM | C::JSON | C::DECIMAL),
        Physical::FIXED_LEN_BYTE_ARRAY => matches!(converted, C::DECIMAL),
    }
}

/// The `element` of `optional group X (LIST) { repeated group list { optional T element; } }`.
fn list_element(field: &Type) -> Option<&Type> {
    let is_list = field.get_basic_info().converted_type() == ConvertedType::LIST;
    let [repeated] = field.get_fields() else { return None };
    let [element] = repeated.is_group().then(|| repeated.get_fields())? else { return None };
    (is_list && element.is_primitive()).then_some(element)
}

/// A cell as it would stand in a CSV file.
fn text(field: &Field, kind: CellKind) -> Result<String, String> {
    Ok(match field {
        Field::Null => String::new(),
        Field::Bool(flag) => flag.to_string(),
        Field::Byte(number) => number.to_string(),
        Field::Short(number) => number.to_string(),
        Field::Int(number) => number.to_string(),
        Field::Long(number) if kind == CellKind::Nanoseconds => {
            moment(number.div_euclid(1_000_000_000))?
        }
        Field::Long(number) => number.to_string(),
        Field::UByte(number) => number.to_string(),
        Field::UShort(number) => number.to_string(),
        Field::UInt(number) => number.to_string(),
        Field::ULong(number) => number.to_string(),
        Field::Float(number) => number.to_string(),
        Field::Double(number) => number.to_string(),
        Field::Decimal(_) => field.to_string(),
        Field::Str(text) => text.clone(),
        Field::Date(days) => date(*days)?,
        Field::TimestampMillis(at) => moment(at.div_euclid(1_000))?,
        Field::TimestampMicros(at) => moment(at.div_euclid(1_000_000))?,
        // An empty list says that there is nothing, which an empty cell does not.
        Field::ListInternal(list) if list.elements().is_empty() => "|".to_owned(),
        Field::ListInternal(list) => {
            let items: Result<Vec<_>, _> =
                list.elements().iter().map(|item| text(item, kind)).collect();
            items?.join("|")
        }
        _ => return Err("it is no value that a fact can have".to_owned()),
    })
}

fn moment(seconds: i64) -> Result<String, String> {
    let time = DateTime::from_timestamp(seconds, 0);
    let time = time.ok_or_else(|| format!("{seconds} s since 1970 is no time"))?;
    Ok(time.to_rfc3339_opts(SecondsFormat::Secs, true))
}

fn date(days: i32) -> Result<String, String> {
    let date = NaiveDate::default().checked_add_signed(TimeDelta::days(days.into()));
    date.map(|date| date.to_string()).ok_or_else(|| format!("{days} days since 1970 is no date"))
}
