//! Search over the products: `GET /store/v1/search`.

use std::collections::BTreeSet;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use schemars::JsonSchema;
use serde::Serialize;

use crate::api::error::out_of_range;
use crate::api::query::Query;
use crate::api::routes::QueryField;
use crate::api::service::Service;
use crate::facts::search::{self, Filters, Hit, MAX_HITS, SearchError};
use crate::facts::{Allergen, Lang, Location, Price, Reader, Size, Stock, UnixSeconds};
use crate::http::Problem;

const DEFAULT_LIMIT: usize = 10;
/// A query waits this long for its meaning; then words alone count.
const PATIENCE: Duration = Duration::from_secs(2);

pub(in crate::api) const FIND: &[QueryField] = &[
    QueryField {
        name: "q",
        about: "Words in any language, or an SKU; may be left out beside a filter",
    },
    QueryField {
        name: "language",
        about: "The language of `q` and of the names in the answer, as de",
    },
    QueryField { name: "category", about: "Of this category or below it, as drinks/coffee" },
    QueryField { name: "min_price", about: "Costs at least this, promotions aside" },
    QueryField { name: "max_price", about: "Costs at most this, promotions aside" },
    QueryField { name: "in_stock", about: "true: only what is there" },
    QueryField { name: "on_promotion", about: "true: only what has a promotion now" },
    QueryField {
        name: "without",
        about: "Allergens with commas between them: only what is known to be free of them and of traces",
    },
    QueryField { name: "limit", about: "Products at most: 1 to 100, 10 where it is left out" },
];

/// Products that fit, best first.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::api) struct Found {
    products: Vec<FoundProduct>,
    /// Whether their meaning was compared, too, or their words alone.
    by_meaning: bool,
}

/// A product with what a shopper wants to know of it first.
#[derive(Debug, Serialize, JsonSchema)]
struct FoundProduct {
    sku: String,
    /// In the language that was asked for, else in English, else in any.
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    brand: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    category: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<Size>,
    /// Promotions aside; null where none is known.
    price: Option<Price>,
    /// Promotions that hold now, by id.
    promotions: Vec<String>,
    /// Null where nothing is known.
    stock: Option<Stock>,
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<Location>,
    /// It must not be sold any more.
    recalled: bool,
    /// How well it fits, to be compared within one answer only.
    score: f32,
}

/// `GET /store/v1/search`.
pub(in crate::api) async fn find(
    State(service): State<Arc<Service>>,
    uri: Uri,
) -> Result<Json<Found>, Problem> {
    let query = parse(&Query::parse(uri.query(), FIND)?)?;
    query.check().map_err(of_search)?;
    let meaning = match query.text.trim() {
        "" => None,
        text => service.meaning.vectors(&[text.to_owned()], PATIENCE).await,
    };
    let meaning = meaning.and_then(|vectors| vectors.into_iter().next());
    let look = move || answer(&service, &query, meaning.as_deref());
    let found = tokio::task::spawn_blocking(look).await.map_err(Problem::internal)?;
    found.map(Json).map_err(of_search)
}

fn answer(
    service: &Service,
    query: &search::Query,
    meaning: Option<&[f32]>,
) -> Result<Found, SearchError> {
    let mut reader = service.search.facts().reader(UnixSeconds::now());
    let hits = service.search.find(&mut reader, query, meaning)?;
    let language = query.language.as_deref().unwrap_or("en");
    let product = |hit: Hit| shown(&mut reader, language, hit);
    let products = hits.into_iter().map(product).collect();
    let by_meaning = meaning.is_some() && service.search.coverage().0 > 0;
    Ok(Found { products, by_meaning })
}

fn shown(reader: &mut Reader, language: &str, hit: Hit) -> FoundProduct {
    let Hit { product, score, .. } = hit;
    let sku = product.id().id.to_string();
    let name = [language, "en"].iter().find_map(|language| product.names.get(*language));
    let name = name.or_else(|| product.names.values().next()).cloned().unwrap_or_default();
    let promotions = reader.promotions_of(&sku);
    let stock = reader.stock(&sku).map(|stock| Stock::clone(&stock));
    FoundProduct {
        name,
        brand: product.brand.clone(),
        category: product.category.as_ref().map(ToString::to_string),
        size: product.size.clone(),
        price: reader.price(&sku).map(|price| Price::clone(&price)),
        promotions: promotions.iter().map(|promotion| promotion.id().id.to_string()).collect(),
        location: stock.as_ref().and_then(|stock| stock.location.clone()),
        stock: stock.map(|stock| Stock { location: None, ..stock }),
        recalled: !reader.recalls_of(&sku).is_empty(),
        sku,
        score,
    }
}

fn parse(query: &Query) -> Result<search::Query, Problem> {
    let filters = Filters {
        category: parsed(query, "category", "a category such as drinks/coffee")?,
        min_price: parsed(query, "min_price", "a number such as 3.49")?,
        max_price: parsed(query, "max_price", "a number such as 3.49")?,
        in_stock: flag(query, "in_stock")?,
        on_promotion: flag(query, "on_promotion")?,
        without: without(query)?,
    };
    let limit = query.number("limit", 1, MAX_HITS, "1 to 100")?.unwrap_or(DEFAULT_LIMIT);
    let language: Option<Lang> = parsed(query, "language", "a language such as de")?;
    let text = query.text("q").unwrap_or_default().to_owned();
    Ok(search::Query { text, language, filters, limit })
}

fn parsed<T: FromStr>(query: &Query, name: &str, wanted: &str) -> Result<Option<T>, Problem> {
    let Some(text) = query.text(name) else { return Ok(None) };
    let shown: String = text.chars().take(100).collect();
    text.parse().map(Some).map_err(|_| out_of_range(name, format!("`{shown}`"), wanted))
}

fn flag(query: &Query, name: &str) -> Result<bool, Problem> {
    query.word(name, &[("false", false), ("true", true)])
}

fn without(query: &Query) -> Result<BTreeSet<Allergen>, Problem> {
    let names = query.text("without").unwrap_or_default();
    let names = names.split(',').map(str::trim).filter(|name| !name.is_empty());
    let allergen = |name: &str| {
        let found = Allergen::ALL.into_iter().find(|allergen| allergen.as_str() == name);
        let allowed = || Allergen::ALL.map(Allergen::as_str).join(", ");
        let shown: String = name.chars().take(100).collect();
        found.ok_or_else(|| out_of_range("without", format!("`{shown}`"), &allowed()))
    };
    names.map(allergen).collect()
}

fn of_search(error: SearchError) -> Problem {
    match error {
        SearchError::Query { field, why } => {
            Problem::invalid(format!("{field}: {why}")).param(field).code("invalid_value")
        }
        error => Problem::internal(error),
    }
}
