//! CSV files.

use std::io::{self, BufRead, BufReader, Read};

use csv::{ByteRecord, ErrorKind, ReaderBuilder};

use super::error::{Place, RowFault};
use super::plan::Plan;
use super::{Entry, MAX_ROW_BYTES, RowSource};
use crate::facts::Table;

/// Bytes in which the header is looked at for what stands between cells.
const LOOK_AHEAD: usize = 64 << 10;
const MARK: &[u8] = b"\xef\xbb\xbf";

/// The rows of a CSV file.
pub(super) struct CsvFile<R: Read> {
    reader: csv::Reader<Bounded<BufReader<R>>>,
    record: ByteRecord,
    plan: Plan,
    over: bool,
}

impl<R: Read> CsvFile<R> {
    pub(super) fn open(file: R, table: Table) -> Result<Self, RowFault> {
        let first = Place::Line(1);
        let unread = |error: &dyn std::fmt::Display| RowFault::of_row(first, error.to_string());
        let mut text = BufReader::with_capacity(LOOK_AHEAD, file);
        let begin = text.fill_buf().map_err(|error| unread(&error))?;
        let mark = if begin.starts_with(MARK) { MARK.len() } else { 0 };
        let between = between(begin);
        text.consume(mark);
        let bounded = Bounded { text, left: MAX_ROW_BYTES, read: mark as u64 };
        let mut reader =
            ReaderBuilder::new().delimiter(between).has_headers(true).from_reader(bounded);
        let header = reader.byte_headers().map_err(|error| fault(&error, first))?.clone();
        let mut names = Vec::new();
        for name in &header {
            let name = std::str::from_utf8(name).map_err(|_| unread(&"the header is not UTF-8"))?;
            names.push(name.trim());
        }
        let plan = Plan::new(table, names.into_iter(), first)?;
        Ok(Self { reader, record: ByteRecord::new(), plan, over: false })
    }

    fn entry(&self) -> Result<Entry, RowFault> {
        let place = Place::Line(self.record.position().map_or(0, csv::Position::line));
        let mut cells = Vec::with_capacity(self.record.len());
        for (index, cell) in self.record.iter().enumerate() {
            let cell = std::str::from_utf8(cell);
            let why = || format!("cell {} is not UTF-8", index + 1);
            cells.push(cell.map_err(|_| RowFault::of_row(place, why()))?);
        }
        self.plan.entry(place, cells.into_iter())
    }
}

impl<R: Read + Send> RowSource for CsvFile<R> {
    fn next(&mut self) -> Option<Result<Entry, RowFault>> {
        if self.over {
            return None;
        }
        let begins = Place::Line(self.reader.position().line());
        self.reader.get_mut().left = MAX_ROW_BYTES;
        match self.reader.read_byte_record(&mut self.record) {
            Ok(true) => Some(self.entry()),
            Ok(false) => None,
            Err(error) => {
                // A row with too few cells is followed by others; a file that fails is not.
                self.over = matches!(error.kind(), ErrorKind::Io(_));
                Some(Err(fault(&error, begins)))
            }
        }
    }

    fn bytes_read(&self) -> u64 {
        self.reader.position().byte()
    }
}

/// What stands between cells: what the header has most of.
fn between(begin: &[u8]) -> u8 {
    let header = begin.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let count = |wanted: &u8| header.iter().filter(|byte| *byte == wanted).count();
    // Of equals the last one counts.
    b"\t;,".iter().copied().max_by_key(|byte| count(byte)).unwrap_or(b',')
}

fn fault(error: &csv::Error, begins: Place) -> RowFault {
    let place = error.position().map_or(begins, |position| Place::Line(position.line()));
    match error.kind() {
        ErrorKind::UnequalLengths { expected_len, len, .. } => {
            RowFault::of_row(place, format!("{len} cells, but the header has {expected_len}"))
        }
        ErrorKind::Io(error) => RowFault::of_row(begins, error.to_string()),
        _ => RowFault::of_row(place, error.to_string()),
    }
}

/// Text that ends with an error where a row is longer than it may be.
struct Bounded<R> {
    text: R,
    left: u64,
    read: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            let why = format!("the row has more than {MAX_ROW_BYTES} bytes; is a quote left open?");
            return Err(io::Error::new(io::ErrorKind::InvalidData, why));
        }
        let read = self.text.read(buffer)?;
        self.left = self.left.saturating_sub(read as u64);
        self.read += read as u64;
        Ok(read)
    }
}
