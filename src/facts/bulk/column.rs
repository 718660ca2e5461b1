//! Which columns a table has, and what they become.

use crate::facts::Table;

/// What a cell's text becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The fact's id.
    Id,
    /// The epoch and the version of the feed's stamp.
    Epoch,
    Version,
    /// The text as it is; also of amounts, so that they stay exact.
    Text,
    /// A whole number.
    Whole,
    /// `true` or `false`.
    Flag,
    /// Texts with `|` between them.
    List,
    /// Such a list, or `none` for one that is empty.
    ListOrNone,
    /// `true`, `false`, a number, or any other text.
    Attribute,
    /// `08:00-20:00`.
    Span,
    /// Such spans with `|` between them, or `closed`.
    Spans,
    /// Days with spans: `2026-12-24 08:00-12:00 13:00-16:00|2026-12-25 closed`.
    Days,
    /// The currency of an offer's amount.
    OfferCurrency,
}

/// A column of a table, and where its cells stand in a fact's JSON. Where both end with `.*`, the
/// rest of a column's name is the field's.
#[derive(Debug, Clone, Copy)]
pub(super) struct Column {
    pub(super) name: &'static str,
    pub(super) path: &'static str,
    pub(super) kind: Kind,
}

const fn column(name: &'static str, path: &'static str, kind: Kind) -> Column {
    Column { name, path, kind }
}

const PRODUCTS: &[Column] = &[
    column("sku", "", Kind::Id),
    column("name.*", "names.*", Kind::Text),
    column("description.*", "descriptions.*", Kind::Text),
    column("attribute.*", "attributes.*", Kind::Attribute),
    column("category", "category", Kind::Text),
    column("brand", "brand", Kind::Text),
    column("size.text", "size.text", Kind::Text),
    column("size.quantity", "size.quantity", Kind::Text),
    column("size.unit", "size.unit", Kind::Text),
    column("allergens", "allergens.contains", Kind::ListOrNone),
    column("may_contain", "allergens.may_contain", Kind::ListOrNone),
    column("images", "images", Kind::List),
    column("synthetic", "synthetic", Kind::List),
];

const PRICES: &[Column] = &[
    column("sku", "", Kind::Id),
    column("amount", "amount", Kind::Text),
    column("currency", "currency", Kind::Text),
    column("per", "per", Kind::Text),
    column("was", "was", Kind::Text),
];

const PROMOTIONS: &[Column] = &[
    column("id", "", Kind::Id),
    column("title.*", "titles.*", Kind::Text),
    column("skus", "skus", Kind::List),
    column("categories", "categories", Kind::List),
    column("everything", "everything", Kind::Flag),
    column("percent_off", "offer.percent_off", Kind::Text),
    column("amount_off", "offer.amount_off.amount", Kind::Text),
    column("fixed_price", "offer.fixed_price.amount", Kind::Text),
    column("currency", "", Kind::OfferCurrency),
    column("take", "offer.n_for_m.take", Kind::Whole),
    column("pay", "offer.n_for_m.pay", Kind::Whole),
    column("starts", "starts", Kind::Text),
    column("ends", "ends", Kind::Text),
    column("min_quantity", "conditions.min_quantity", Kind::Whole),
    column("loyalty_only", "conditions.loyalty_only", Kind::Flag),
    column("weekdays", "conditions.weekdays", Kind::List),
    column("hours", "conditions.hours", Kind::Span),
];

const STOCK: &[Column] = &[
    column("sku", "", Kind::Id),
    column("band", "band", Kind::Text),
    column("quantity", "quantity", Kind::Text),
    column("aisle", "location.aisle", Kind::Text),
    column("bay", "location.bay", Kind::Text),
    column("shelf", "location.shelf", Kind::Text),
    column("as_of", "as_of", Kind::Text),
];

const HOURS: &[Column] = &[
    column("id", "", Kind::Id),
    column("name.*", "names.*", Kind::Text),
    column("monday", "weekly.monday", Kind::Spans),
    column("tuesday", "weekly.tuesday", Kind::Spans),
    column("wednesday", "weekly.wednesday", Kind::Spans),
    column("thursday", "weekly.thursday", Kind::Spans),
    column("friday", "weekly.friday", Kind::Spans),
    column("saturday", "weekly.saturday", Kind::Spans),
    column("sunday", "weekly.sunday", Kind::Spans),
    column("exceptions", "exceptions", Kind::Days),
];

const RECALLS: &[Column] = &[
    column("id", "", Kind::Id),
    column("skus", "skus", Kind::List),
    column("reason.*", "reasons.*", Kind::Text),
    column("since", "since", Kind::Text),
    column("instruction.*", "instructions.*", Kind::Text),
];

/// Columns of every table.
const STAMP: &[Column] = &[column("epoch", "", Kind::Epoch), column("version", "", Kind::Version)];

pub(super) fn of(table: Table) -> impl Iterator<Item = Column> {
    let own = match table {
        Table::Products => PRODUCTS,
        Table::Prices => PRICES,
        Table::Promotions => PROMOTIONS,
        Table::Stock => STOCK,
        Table::Hours => HOURS,
        Table::Recalls => RECALLS,
    };
    own.iter().chain(STAMP).copied()
}

/// Names of a table's columns; `*` stands for a language or for a name of the shop's own.
pub fn columns(table: Table) -> Vec<&'static str> {
    of(table).map(|column| column.name).collect()
}
