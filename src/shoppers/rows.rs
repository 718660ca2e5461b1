//! What is in the database, and how it is sealed.

use redb::TableDefinition;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::conversation::{Owner, Stage};
use super::error::ShoppersError;
use super::id::{ProfileId, Row};
use super::profile::{Consent, ProfileFields};
use super::seal::Key;

/// Changes whenever what is stored means something else.
pub(super) const SCHEMA: u64 = 1;

/// `schema`.
pub(super) const META: TableDefinition<&str, u64> = TableDefinition::new("shoppers.meta");

/// Conversations: subject, when something last happened, a digest of the device, and the sealed [`Head`].
pub(super) const CONVERSATIONS: TableDefinition<Row, ([u8; 16], u64, Row, &[u8])> =
    TableDefinition::new("shoppers.conversations");

/// Sealed turns by conversation and number.
pub(super) const TURNS: TableDefinition<(Row, u32), &[u8]> = TableDefinition::new("shoppers.turns");

/// Profiles: subject, when it was last used, and the sealed [`Kept`].
pub(super) const PROFILES: TableDefinition<Row, ([u8; 16], u64, &[u8])> =
    TableDefinition::new("shoppers.profiles");

/// Subjects whose rows are gone and of whom other rooms may still keep something.
pub(super) const ERASING: TableDefinition<[u8; 16], ()> = TableDefinition::new("shoppers.erasing");

/// A conversation without its turns.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Head {
    pub(super) owner: Owner,
    pub(super) began: u64,
    pub(super) language: Option<String>,
    pub(super) stage: Stage,
    pub(super) profile: Option<ProfileId>,
    pub(super) memory: serde_json::Value,
    /// The number of the oldest turn that is kept, and of the next.
    pub(super) first: u32,
    pub(super) next: u32,
    /// Bytes of the turns that are kept.
    pub(super) bytes: u64,
}

/// A profile as it is kept.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Kept {
    pub(super) fields: ProfileFields,
    pub(super) consent: Consent,
    pub(super) of_session: bool,
}

/// Fields are added over the years: a value that names them is read by the next version as it is.
pub(super) fn seal(
    key: &Key,
    at: &Place,
    value: &impl Serialize,
) -> Result<Vec<u8>, ShoppersError> {
    let bytes = serde_json::to_vec(value).map_err(|_| ShoppersError::Damaged { what: at.0 })?;
    key.seal(&at.purpose(), &bytes)
}

/// What was sealed for the same place.
pub(super) fn open<T: DeserializeOwned>(
    key: &Key,
    at: &Place,
    sealed: &[u8],
) -> Result<T, ShoppersError> {
    let bytes = key.open(at.0, &at.purpose(), sealed)?;
    serde_json::from_slice(&bytes).map_err(|_| ShoppersError::Damaged { what: at.0 })
}

/// Where a value lies, so that it can be opened nowhere else: its table, row and number there.
pub(super) struct Place(pub(super) &'static str, pub(super) Row, pub(super) u32);

impl Place {
    fn purpose(&self) -> Vec<u8> {
        [self.0.as_bytes(), &[0], &self.1, &self.2.to_be_bytes()].concat()
    }

    pub(super) fn head(row: Row) -> Self {
        Self("a conversation", row, 0)
    }

    pub(super) fn turn(row: Row, number: u32) -> Self {
        Self("a turn", row, number)
    }

    pub(super) fn profile(row: Row) -> Self {
        Self("a profile", row, 0)
    }
}
