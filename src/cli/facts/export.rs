//! `endcap facts export`.

use reqwest::Method;
use serde_json::{Map, Value};

use crate::cli::output;
use crate::cli::place::Place;
use crate::config::Sources;
use crate::facts::Table;

/// Facts that are asked for at once.
const PAGE: usize = 500;

/// Writes all facts of a table, one a line, page by page.
pub(super) async fn run(table: Table, place: &Place, sources: &Sources) -> anyhow::Result<()> {
    let mut after = String::new();
    loop {
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("after", &after)
            .append_pair("limit", &PAGE.to_string())
            .finish();
        let path = format!("/store/v1/facts/{table}?{query}");
        let page = place.ask(sources, Method::GET, &path, None).await?;
        for fact in page.get("facts").and_then(Value::as_array).into_iter().flatten() {
            output::line(&line(fact).to_string())?;
        }
        match page.get("next").and_then(Value::as_str) {
            Some(next) => next.clone_into(&mut after),
            None => return Ok(()),
        }
    }
}

/// What a file to be loaded has of a fact.
fn line(fact: &Value) -> Value {
    let kept = |name: &str| Some((name.to_owned(), fact.get(name)?.clone()));
    Value::Object(["id", "fact", "source"].into_iter().filter_map(kept).collect::<Map<_, _>>())
}
