//! What a question is about, by rule.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::signature::signature;
use super::vocabulary::Section;

/// What a question is about. Thresholds and the switch are per category.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Category {
    /// What something costs, offers. Never answered by similarity.
    Price,
    /// Allergens, ingredients, what is safe for whom, recalls. Never answered by similarity.
    Allergen,
    /// Whether something is there. Never answered by similarity.
    Stock,
    /// The asker's own orders, points and data. Never answered by similarity.
    Account,
    /// When the shop or a part of it is open.
    Hours,
    /// Where something stands.
    Location,
    /// What the shop does: returns, payment, parking, delivery.
    Service,
    /// Keeping, cooking, serving.
    Usage,
    /// Which of several, and what sets them apart.
    Comparison,
    /// What a product is like.
    Product,
    /// Anything else in a language that is read: no vocabulary knows what is asked. Never answered by
    /// similarity.
    Other,
}

impl Category {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Price,
        Self::Allergen,
        Self::Stock,
        Self::Account,
        Self::Hours,
        Self::Location,
        Self::Service,
        Self::Usage,
        Self::Comparison,
        Self::Product,
        Self::Other,
    ];

    /// Whether an answer to another question may be given at all.
    pub fn may_share(self) -> bool {
        !matches!(self, Self::Price | Self::Allergen | Self::Stock | Self::Account | Self::Other)
    }

    /// Its name, as settings and metrics have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Price => "price",
            Self::Allergen => "allergen",
            Self::Stock => "stock",
            Self::Account => "account",
            Self::Hours => "hours",
            Self::Location => "location",
            Self::Service => "service",
            Self::Usage => "usage",
            Self::Comparison => "comparison",
            Self::Product => "product",
            Self::Other => "other",
        }
    }

    /// The category of a question with concepts of these sections. What must not be shared goes before
    /// what may.
    pub(super) fn of(sections: &[Section]) -> Self {
        let has = |section| sections.contains(&section);
        let service = has(Section::Service) || has(Section::Hours);
        match () {
            () if has(Section::Account) => Self::Account,
            () if has(Section::Price) => Self::Price,
            () if has(Section::Allergen) => Self::Allergen,
            () if has(Section::Stock) || (has(Section::Existence) && !service) => Self::Stock,
            () if has(Section::Comparison) => Self::Comparison,
            () if has(Section::Hours) => Self::Hours,
            () if has(Section::Service) => Self::Service,
            () if has(Section::Usage) => Self::Usage,
            () if has(Section::Location) => Self::Location,
            () if has(Section::Product) || has(Section::Quality) => Self::Product,
            () => Self::Other,
        }
    }
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a question is about; `None` where its language is not read.
pub fn category(question: &str) -> Option<Category> {
    signature(question).category()
}
