use std::path::{Path, PathBuf};

use crate::facts::Table;
use crate::facts::bulk::{BulkError, Entry, Format, Place, Rows, columns};

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/tables").join(name)
}

fn read(name: &str, table: Table) -> Vec<Entry> {
    Rows::open(&file(name), table).unwrap().collect::<Result<_, _>>().unwrap()
}

fn refused(name: &str, table: Table) -> String {
    match Rows::open(&file(name), table) {
        Err(error) => error.to_string().rsplit("parquet: ").next().unwrap().to_owned(),
        Ok(rows) => rows.filter_map(Result::err).next().unwrap().to_string(),
    }
}

#[test]
fn rows_of_a_parquet_file_are_those_of_the_same_csv_file() {
    for table in [Table::Products, Table::Prices, Table::Promotions] {
        let mut text = read(&format!("{table}.csv"), table);
        let mut columns = read(&format!("{table}.parquet"), table);
        for entry in text.iter_mut().chain(&mut columns) {
            entry.place = Place::Row(0);
        }
        assert_eq!(text, columns, "{table}");
        assert!(text.len() >= 2);
    }
}

#[test]
fn a_parquet_fault_names_row_and_column() {
    for (name, table, says) in [
        (
            "refused-naive-time.parquet",
            Table::Stock,
            "row 0, column `as_of`: its times have no time zone",
        ),
        (
            "refused-struct.parquet",
            Table::Prices,
            "row 0, column `amount`: it is neither a value nor a list",
        ),
        ("refused-value.parquet", Table::Prices, "row 2: 2.005 is no amount in EUR"),
        ("refused-brotli.parquet", Table::Prices, "row 1: the file is damaged"),
        ("prices.parquet", Table::Stock, "row 0, column `amount`: `stock` has no such column"),
    ] {
        let told = refused(name, table);
        assert!(told.starts_with(says), "{name}: {told}");
    }
}

#[test]
fn ndjson_lines_are_facts_with_their_ids() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("prices.ndjson");
    let text = "{\"id\": \"1\", \"fact\": {\"amount\": 1.25, \"currency\": \"EUR\"}, \"source\": {\"version\": 4}}\n\n\
                {\"id\": \"2\", \"fact\": {\"amount\": 1.255, \"currency\": \"EUR\"}}\n\
                {\"id\": \"3\", \"price\": 1}\n{\"id\"\n\
                {\"id\": \"4\", \"fact\": {\"amount\": 9, \"currency\": \"EUR\"}}";
    std::fs::write(&path, text).unwrap();
    let told: Vec<String> = Rows::open(&path, Table::Prices)
        .unwrap()
        .map(|row| match row {
            Ok(entry) => {
                format!("{} {} {:?}", entry.place, entry.id, entry.source.map(|s| s.version))
            }
            Err(fault) => fault.to_string(),
        })
        .collect();
    assert_eq!(told[0], "line 1 1 Some(4)");
    assert!(told[1].starts_with("line 3: 1.255 is no amount"), "{told:?}");
    assert!(told[2].starts_with("line 4: unknown field `price`"), "{told:?}");
    assert!(told[3].starts_with("line 5: EOF while parsing"), "{told:?}");
    assert_eq!(told[4], "line 6 4 None");
}

#[test]
fn the_ending_says_what_a_file_is() {
    assert_eq!(Format::of(Path::new("a/prices.CSV")).unwrap(), Format::Csv);
    assert_eq!(Format::of(Path::new("prices.jsonl")).unwrap(), Format::Ndjson);
    for name in ["prices", "prices.xlsx", "prices.csv.gz"] {
        assert!(matches!(Format::of(Path::new(name)), Err(BulkError::Format { .. })), "{name}");
    }
    let missing = Rows::open(Path::new("/nowhere/prices.csv"), Table::Prices);
    assert!(matches!(missing, Err(BulkError::Read { .. })));
}

#[test]
fn every_table_has_an_id_and_a_stamp() {
    for table in Table::ALL {
        let columns = columns(table);
        assert!(columns.contains(&"id") ^ columns.contains(&"sku"), "{table}");
        assert!(columns.contains(&"version"), "{table}");
    }
}
