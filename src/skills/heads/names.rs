//! Lists of names: of classes, of characters.

use serde::Deserialize;

use super::fault::{HeadError, within};

/// Names that a list has at most.
const MAX_NAMES: usize = 200_000;

/// A list of names, or where in the package it is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged, expecting = "a list of names, {\"file\": NAME} or {\"metadata\": KEY} is needed")]
pub enum Names {
    /// The names.
    List(Vec<String>),
    /// In another place.
    Elsewhere(Elsewhere),
}

/// Where in a package a list is, one name in a line.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Elsewhere {
    /// A file of the package.
    File(String),
    /// The graph's metadata under this key.
    Metadata(String),
}

impl Names {
    /// The names; none before they have been brought from elsewhere.
    pub fn list(&self) -> &[String] {
        match self {
            Self::List(list) => list,
            Self::Elsewhere(_) => &[],
        }
    }

    pub(super) fn check(&self, path: &str) -> Result<(), HeadError> {
        match self {
            Self::List(list) => within(path, list.len(), 1, MAX_NAMES),
            Self::Elsewhere(_) => Ok(()),
        }
    }

    /// Brings the names here. Lines are taken as they are: a character may be a space.
    pub(super) fn bring(
        &mut self,
        path: &str,
        read: impl FnOnce(&Elsewhere) -> Result<String, String>,
    ) -> Result<(), HeadError> {
        if let Self::Elsewhere(place) = self {
            let text = read(place).map_err(|why| HeadError::at(path, why))?;
            *self = Self::List(text.lines().map(str::to_owned).collect());
        }
        self.check(path)
    }
}
