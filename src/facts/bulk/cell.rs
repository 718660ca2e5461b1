//! One cell's text as JSON.

use serde_json::{Map, Value, json};

use super::column::Kind;
use crate::facts::Decimal;

/// What stands between the items of a list.
const BETWEEN: char = '|';

/// What a cell says; its text is not empty. What was expected comes back where it says something else.
pub(super) fn value(kind: Kind, text: &str) -> Result<Value, String> {
    match kind {
        Kind::Whole | Kind::Epoch | Kind::Version => whole(text),
        Kind::Flag => flag(text).ok_or_else(|| format!("`{text}` is neither `true` nor `false`")),
        Kind::List => Ok(list(text)),
        Kind::ListOrNone if text == "none" => Ok(json!([])),
        Kind::ListOrNone => Ok(list(text)),
        Kind::Attribute => Ok(flag(text).or_else(|| number(text)).unwrap_or_else(|| text.into())),
        Kind::Span => span(text),
        Kind::Spans => spans(text.split(BETWEEN)),
        Kind::Days => days(text),
        Kind::Id | Kind::Text | Kind::OfferCurrency => Ok(text.into()),
    }
}

fn whole(text: &str) -> Result<Value, String> {
    let number: Result<u64, _> = text.parse();
    number.map(Value::from).map_err(|_| format!("`{text}` is not a whole number"))
}

fn flag(text: &str) -> Option<Value> {
    match text {
        "true" => Some(true.into()),
        "false" => Some(false.into()),
        _ => None,
    }
}

/// A number in the form that a number is written in; `0041` and `1e5` are codes.
fn number(text: &str) -> Option<Value> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let whole = digits.split('.').next().unwrap_or_default();
    if whole.len() > 1 && whole.starts_with('0') {
        return None;
    }
    let decimal: Decimal = text.parse().ok()?;
    serde_json::to_value(decimal).ok()
}

fn list(text: &str) -> Value {
    text.split(BETWEEN).map(str::trim).filter(|item| !item.is_empty()).collect()
}

fn span(text: &str) -> Result<Value, String> {
    let parts = text.trim().split_once('-');
    let (opens, closes) =
        parts.ok_or_else(|| format!("`{text}` is not a span of hours such as 08:00-20:00"))?;
    Ok(json!({ "opens": opens.trim(), "closes": closes.trim() }))
}

fn spans<'a>(texts: impl Iterator<Item = &'a str>) -> Result<Value, String> {
    let mut found = Vec::new();
    for text in texts.map(str::trim).filter(|text| !text.is_empty() && *text != "closed") {
        found.push(span(text)?);
    }
    Ok(found.into())
}

fn days(text: &str) -> Result<Value, String> {
    let mut found = Map::new();
    for item in text.split(BETWEEN).map(str::trim).filter(|item| !item.is_empty()) {
        let wanted = || format!("`{item}` is not a day with hours such as 2026-12-24 08:00-12:00");
        let (day, hours) = item.split_once(' ').ok_or_else(wanted)?;
        if found.insert(day.to_owned(), spans(hours.split(' '))?).is_some() {
            return Err(format!("{day} stands there twice"));
        }
    }
    Ok(found.into())
}
