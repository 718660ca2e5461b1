//! What is looked for.

use std::collections::BTreeSet;

use super::SearchError;
use crate::facts::{Allergen, Category, Decimal, Lang};

/// Bytes of a query's text.
pub const MAX_QUERY_BYTES: usize = 512;
/// Products that one search gives at most: as many as it looks at.
pub const MAX_HITS: usize = super::CANDIDATES;

/// What is looked for. Without a text, all that pass the filters, by their SKUs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// Words, or an SKU.
    pub text: String,
    /// In which language it is, where that is known; the others are looked through as well.
    pub language: Option<Lang>,
    /// What a product must be besides.
    pub filters: Filters,
    /// Products that are wanted at most.
    pub limit: usize,
}

impl Query {
    /// A text, without filters.
    pub fn of(text: &str, limit: usize) -> Self {
        Self { text: text.to_owned(), language: None, filters: Filters::default(), limit }
    }

    /// Refuses a query that asks for nothing or for more than it may.
    pub fn check(&self) -> Result<(), SearchError> {
        let refuse = |field, why: String| Err(SearchError::Query { field, why });
        let bytes = self.text.len();
        if bytes > MAX_QUERY_BYTES {
            return refuse(
                "q",
                format!("{bytes} bytes are more than the limit of {MAX_QUERY_BYTES}"),
            );
        }
        if self.text.trim().is_empty() && self.filters == Filters::default() {
            return refuse("q", "give words to look for, or a filter".to_owned());
        }
        match self.limit {
            1..=MAX_HITS => Ok(()),
            limit => refuse("limit", format!("{limit} is not from 1 to {MAX_HITS}")),
        }
    }
}

/// What a product must be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filters {
    /// Of this category or below it.
    pub category: Option<Category>,
    /// Costs at least this, without promotions.
    pub min_price: Option<Decimal>,
    /// Costs at most this, without promotions.
    pub max_price: Option<Decimal>,
    /// Is there; a product of which nobody knows is not.
    pub in_stock: bool,
    /// Has a promotion now.
    pub on_promotion: bool,
    /// Is known to be free of these, traces included.
    pub without: BTreeSet<Allergen>,
}
