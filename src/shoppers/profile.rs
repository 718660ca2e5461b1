//! What a shopper agreed to have known.

use serde::{Deserialize, Serialize};

use super::conversation::name;
use super::error::ShoppersError;
use super::id::{ProfileId, SubjectId};

/// Entries of each list.
const MAX_ENTRIES: usize = 16;

/// That the shopper agreed, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consent {
    /// Seconds since 1970.
    pub at: u64,
}

/// What may be known of a shopper; all of it is the shopper's choice.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProfileFields {
    /// Of clothes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<String>,
    /// What is liked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub style: Option<String>,
    /// `vegan`, `vegetarian` and the like; 16 at most.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub diet: Vec<String>,
    /// Allergens that must not be in it; 16 at most.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub avoid_allergens: Vec<String>,
    /// In which to answer, as BCP 47 has them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
}

/// A profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// The shopper's secret: whoever shows it is the shopper. One that goes with its conversation is
    /// shown to nobody.
    pub id: ProfileId,
    /// Whose key seals it.
    pub subject: SubjectId,
    /// Whether it goes with its conversation.
    pub of_session: bool,
    /// That the shopper agreed.
    pub consent: Consent,
    /// What to.
    pub fields: ProfileFields,
}

impl ProfileFields {
    pub(super) fn check(&self) -> Result<(), ShoppersError> {
        let texts = [("size", &self.size), ("style", &self.style), ("language", &self.language)];
        for (field, text) in texts {
            text.as_deref().map_or(Ok(()), |text| name(field, text))?;
        }
        for (field, list) in [("diet", &self.diet), ("avoid_allergens", &self.avoid_allergens)] {
            if list.len() > MAX_ENTRIES {
                return Err(ShoppersError::TooLarge { field, most: MAX_ENTRIES, unit: "entries" });
            }
            list.iter().try_for_each(|entry| name(field, entry))?;
        }
        Ok(())
    }
}
