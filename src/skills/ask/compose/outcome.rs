//! What came of a question, told from the sentences that answer it.

use crate::skills::wording::Say;

/// What facts could say to a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(in crate::skills) enum Outcome {
    /// Nothing was said.
    #[default]
    Silent,
    /// No product was named.
    Unnamed,
    /// Nothing fits what was named.
    NotFound,
    /// Some products come near what was named.
    Near,
    /// Several products fit, and one has to be chosen.
    Which,
    /// The product is known, and what was asked is not.
    Unknown,
    /// What is known is too old to be told.
    Old,
    /// The question was answered.
    Answered,
}

impl Outcome {
    /// As routes and metrics call it.
    pub(in crate::skills) fn name(self) -> &'static str {
        match self {
            Self::Silent => "no_rule",
            Self::Unnamed => "no_product_named",
            Self::NotFound => "not_found",
            Self::Near => "similar_only",
            Self::Which => "several_fit",
            Self::Unknown => "not_in_facts",
            Self::Old => "facts_too_old",
            Self::Answered => "facts_answer",
        }
    }

    /// Of two sentences the one that says more counts.
    pub(super) fn and(self, other: Self) -> Self {
        self.max(other)
    }

    /// Of one sentence; those that go with any answer say nothing of it.
    pub(super) fn of(say: &Say<'_>) -> Self {
        match say {
            Say::CheckLabel | Say::More { .. } | Say::MoreRecalls { .. } | Say::OffersOnlyNow => {
                Self::Silent
            }
            Say::WhichProduct => Self::Unnamed,
            Say::NotFound { .. } | Say::WithoutNone { .. } => Self::NotFound,
            Say::DidYouMean { .. } => Self::Near,
            Say::Which { .. } => Self::Which,
            Say::NoPrice { .. }
            | Say::NoPlace { .. }
            | Say::NoHours
            | Say::NoSize { .. }
            | Say::NoBrand { .. }
            | Say::StockUnknown { .. }
            | Say::AllergensUnknown { .. }
            | Say::AttributeUnknown { .. } => Self::Unknown,
            Say::PricesOld | Say::OffersOld | Say::RecallsUnknown | Say::StockOld { .. } => {
                Self::Old
            }
            _ => Self::Answered,
        }
    }
}
