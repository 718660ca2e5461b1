//! A file's header, and what its rows become.

use serde_json::{Map, Value, json};

use super::Entry;
use super::cell;
use super::column::{self, Kind};
use super::error::{Place, RowFault};
use crate::facts::{Fact, Fault, Source, Table};

/// A file's columns, each with its place in a fact.
#[derive(Debug)]
pub(super) struct Plan {
    table: Table,
    columns: Vec<Bound>,
}

#[derive(Debug)]
struct Bound {
    name: String,
    path: Vec<String>,
    kind: Kind,
}

impl Bound {
    /// Whether a fault of this field is the column's.
    fn is_at(&self, field: &str) -> bool {
        let own = self.path.join(".");
        let within = |outer: &str, inner: &str| {
            let rest = inner.strip_prefix(outer);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        !own.is_empty() && (within(&own, field) || within(field, &own))
    }
}

impl Plan {
    /// Refuses columns that the table does not have, columns that come twice, and a file without ids.
    pub(super) fn new<'a>(
        table: Table,
        header: impl Iterator<Item = &'a str>,
        place: Place,
    ) -> Result<Self, RowFault> {
        let mut columns: Vec<Bound> = Vec::new();
        for name in header {
            let bound = bind(table, name).ok_or_else(|| {
                let known = column::columns(table).join(", ");
                RowFault::of_column(
                    place,
                    name,
                    format!("`{table}` has no such column, but {known}"),
                )
            })?;
            if columns.iter().any(|column| column.name == name) {
                return Err(RowFault::of_column(place, name, "the column stands there twice"));
            }
            columns.push(bound);
        }
        if columns.iter().any(|column| column.kind == Kind::Id) {
            return Ok(Self { table, columns });
        }
        let id = column::of(table).find(|column| column.kind == Kind::Id);
        let id = id.map_or("id", |column| column.name);
        Err(RowFault::of_row(place, format!("there is no column `{id}`")))
    }

    /// The fact of a row's cells, which stand in the order of the header.
    pub(super) fn entry<'a>(
        &self,
        place: Place,
        cells: impl Iterator<Item = &'a str>,
    ) -> Result<Entry, RowFault> {
        let mut row = Row::default();
        for (column, text) in self.columns.iter().zip(cells) {
            let text = text.trim();
            if !text.is_empty() {
                row.put(column, text)
                    .map_err(|why| RowFault::of_column(place, &column.name, why))?;
            }
        }
        let id = self.column_of(Kind::Id);
        let given = row.id.as_deref().unwrap_or_default();
        let at_id = |why: String| RowFault { place, column: id.clone(), why };
        if given.is_empty() {
            return Err(at_id("it is empty; every row needs an id".to_owned()));
        }
        let given = given.parse().map_err(|error| at_id(format!("{error}")))?;
        let source = row.source().map_err(|why| RowFault::of_row(place, why))?;
        let fact = self.fact(row).map_err(|fault| self.fault(place, fault))?;
        Ok(Entry { place, id: given, fact, source })
    }

    fn fact(&self, row: Row) -> Result<Fact, Fault> {
        let value = row.value(self.table)?;
        let json = serde_json::to_vec(&value).map_err(|error| Fault::new("", error.to_string()))?;
        Fact::parse(self.table, &json)
    }

    /// A fault of a field as one of the column that it came from.
    fn fault(&self, place: Place, fault: Fault) -> RowFault {
        let missing =
            fault.why.strip_prefix("missing field `").and_then(|rest| rest.split('`').next());
        let field = match (fault.field.as_str(), missing) {
            ("", Some(missing)) => missing.to_owned(),
            (field, Some(missing)) => format!("{field}.{missing}"),
            (field, None) => field.to_owned(),
        };
        let currency = field.starts_with("offer.") && field.ends_with(".currency");
        let found = self.columns.iter().find(|column| match currency {
            true => column.kind == Kind::OfferCurrency,
            false => column.is_at(&field),
        });
        let known = column::of(self.table).find(|column| match currency {
            true => column.kind == Kind::OfferCurrency,
            false => !field.is_empty() && column.path == field,
        });
        let why = match missing {
            Some(_) => "it is empty, but needed".to_owned(),
            None => fault.why,
        };
        let column = found.map(|column| column.name.clone());
        let column = column.or_else(|| known.map(|column| column.name.to_owned()));
        let why =
            if column.is_none() && !field.is_empty() { format!("{field}: {why}") } else { why };
        RowFault { place, column, why }
    }

    fn column_of(&self, kind: Kind) -> Option<String> {
        self.columns.iter().find(|column| column.kind == kind).map(|column| column.name.clone())
    }
}

fn bind(table: Table, name: &str) -> Option<Bound> {
    column::of(table).find_map(|column| {
        let path = match column.name.strip_suffix('*') {
            Some(start) => {
                let rest = name.strip_prefix(start).filter(|rest| !rest.is_empty())?;
                vec![column.path.trim_end_matches(".*").to_owned(), rest.to_owned()]
            }
            None if column.name == name => {
                column.path.split('.').filter(|part| !part.is_empty()).map(str::to_owned).collect()
            }
            None => return None,
        };
        Some(Bound { name: name.to_owned(), path, kind: column.kind })
    })
}

/// A row on its way to a fact.
#[derive(Debug, Default)]
struct Row {
    id: Option<String>,
    epoch: Option<u64>,
    version: Option<u64>,
    currency: Option<String>,
    fields: Map<String, Value>,
}

impl Row {
    fn put(&mut self, column: &Bound, text: &str) -> Result<(), String> {
        let value = cell::value(column.kind, text)?;
        match column.kind {
            Kind::Id => self.id = Some(text.to_owned()),
            Kind::Epoch => self.epoch = value.as_u64(),
            Kind::Version => self.version = value.as_u64(),
            Kind::OfferCurrency => self.currency = Some(text.to_owned()),
            _ => place(&mut self.fields, &column.path, value),
        }
        Ok(())
    }

    fn source(&self) -> Result<Option<Source>, String> {
        match (self.epoch, self.version) {
            (epoch, Some(version)) => Ok(Some(Source { epoch: epoch.unwrap_or(0), version })),
            (Some(_), None) => Err("an `epoch` needs its `version`".to_owned()),
            (None, None) => Ok(None),
        }
    }

    fn value(mut self, table: Table) -> Result<Value, Fault> {
        if table == Table::Hours {
            self.fields.entry("weekly").or_insert_with(|| json!({}));
        }
        if table == Table::Promotions {
            self.offer()?;
        }
        Ok(self.fields.into())
    }

    /// Gives an offer its currency, and sees that there is one offer.
    fn offer(&mut self) -> Result<(), Fault> {
        let offer = self.fields.get_mut("offer").and_then(Value::as_object_mut);
        let Some(offer) = offer.filter(|offer| offer.len() == 1) else {
            let why = "give one of percent_off, amount_off, fixed_price, or take and pay";
            return Err(Fault::new("", why));
        };
        let amounts = offer.iter_mut().filter(|(name, _)| *name != "n_for_m");
        let mut amounts = amounts.filter_map(|(_, value)| value.as_object_mut());
        if let (Some(amount), Some(currency)) = (amounts.next(), self.currency.take()) {
            amount.insert("currency".to_owned(), currency.into());
        }
        Ok(())
    }
}

/// Puts a value at the end of a path, and the objects on the way there.
fn place(fields: &mut Map<String, Value>, path: &[String], value: Value) {
    match path {
        [] => {}
        [name] => drop(fields.insert(name.clone(), value)),
        [name, rest @ ..] => {
            let inner = fields.entry(name.clone()).or_insert_with(|| json!({}));
            if let Some(inner) = inner.as_object_mut() {
                place(inner, rest, value);
            }
        }
    }
}
