//! What the assistant can do besides answering from facts: each tool with its arguments.
//!
//! Rules choose a tool by words ([`chosen`]); a model chooses among those that [`schema`] lets it
//! write, so that it can name no product that was not shown or found, and no tool that is not there.
//! What a tool finds is said by sentences of ours.

pub(super) mod chosen;
pub(super) mod goes;
pub(super) mod run;
pub(super) mod schema;
pub(super) mod similar;

use serde::{Deserialize, Serialize};

/// A tool with its arguments.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", content = "arguments", rename_all = "snake_case")]
pub enum Call {
    /// Products by what they are or are for.
    SearchProducts {
        /// Words to look for.
        query: String,
    },
    /// Products of several kinds, for an occasion.
    SuggestProducts {
        /// The kinds.
        find: Vec<String>,
    },
    /// What a product costs, and whether it is there.
    PriceAndStock {
        /// The product.
        sku: String,
    },
    /// Others in its place.
    Alternatives {
        /// The product.
        sku: String,
        /// Only those that cost less.
        #[serde(default)]
        cheaper: bool,
    },
    /// What goes with it.
    Complements {
        /// The product.
        sku: String,
    },
    /// What is on offer.
    Promotions {
        /// For which product; without one in the whole shop.
        #[serde(default)]
        sku: Option<String>,
    },
    /// Where it stands.
    FindInStore {
        /// The product.
        sku: String,
    },
    /// How an order is.
    OrderStatus {
        /// Its number.
        order: String,
    },
    /// Something about an order another way.
    ChangeOrder {
        /// Its number.
        order: String,
        /// What is wanted.
        #[serde(default)]
        change: String,
    },
    /// Something goes back.
    StartReturn {
        /// The order's number.
        order: String,
        /// Why.
        #[serde(default)]
        reason: String,
    },
    /// A person is called.
    CallAssociate {
        /// Why.
        #[serde(default)]
        reason: String,
    },
}

impl Call {
    /// The tool's name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::SearchProducts { .. } => "search_products",
            Self::SuggestProducts { .. } => "suggest_products",
            Self::PriceAndStock { .. } => "price_and_stock",
            Self::Alternatives { .. } => "alternatives",
            Self::Complements { .. } => "complements",
            Self::Promotions { .. } => "promotions",
            Self::FindInStore { .. } => "find_in_store",
            Self::OrderStatus { .. } => "order_status",
            Self::ChangeOrder { .. } => "change_order",
            Self::StartReturn { .. } => "start_return",
            Self::CallAssociate { .. } => "call_associate",
        }
    }

    /// The same for another order.
    pub(super) fn with_order(mut self, number: String) -> Self {
        if let Self::OrderStatus { order }
        | Self::ChangeOrder { order, .. }
        | Self::StartReturn { order, .. } = &mut self
        {
            *order = number;
        }
        self
    }

    /// The number of the order that it is about.
    pub(super) fn order(&self) -> Option<&str> {
        match self {
            Self::OrderStatus { order }
            | Self::ChangeOrder { order, .. }
            | Self::StartReturn { order, .. } => Some(order),
            _ => None,
        }
    }
}

/// A tool that was used, as a client is told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToolUse {
    /// The tool.
    pub name: String,
    /// What it was given.
    pub arguments: serde_json::Value,
    /// What came of it: a word for programs.
    pub outcome: String,
}

impl ToolUse {
    pub(super) fn of(call: &Call, outcome: &str) -> Self {
        let written = serde_json::to_value(call).unwrap_or_default();
        let arguments = written.get("arguments").cloned().unwrap_or_default();
        Self { name: call.name().to_owned(), arguments, outcome: outcome.to_owned() }
    }
}
