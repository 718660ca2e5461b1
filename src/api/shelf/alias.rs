//! One name for several packages.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A package's part in an alias.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Share {
    /// Name of the package.
    pub package: String,
    /// Its part of the requests, over the sum of all weights; 1 where it is left out.
    #[serde(default = "one")]
    pub weight: u32,
}

fn one() -> u32 {
    1
}

/// A name and the packages that answer under it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alias {
    /// The name.
    pub name: String,
    /// At least one package.
    pub shares: Vec<Share>,
    /// Set while the server runs; else it stands in the configuration.
    pub set_here: bool,
}

/// Why a name cannot be an alias of these packages.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AliasFault {
    /// Not a name that a request could carry.
    #[error(
        "`{0}` is no name for an alias: 1 to 64 of the characters a-z, 0-9, `.`, `_` and `-`, not \
         led by a dot or a dash"
    )]
    Name(String),
    /// A package has that name.
    #[error("`{0}` is the name of a package")]
    Taken(String),
    /// A package that is not installed, or not served.
    #[error("there is no package `{package}` here")]
    NoPackage {
        /// The package.
        package: String,
    },
    /// An alias of an alias.
    #[error("`{package}` is an alias itself; name its packages")]
    OfAlias {
        /// The other alias.
        package: String,
    },
    /// The same package twice.
    #[error("`{package}` is there twice")]
    Twice {
        /// The package.
        package: String,
    },
    /// A weight outside its range.
    #[error("the weight of `{package}` is {weight}; it must be 1 to {limit}")]
    Weight {
        /// The package.
        package: String,
        /// The weight given.
        weight: u32,
        /// The largest.
        limit: u32,
    },
    /// No package at all.
    #[error("it names no package")]
    Empty,
    /// Too many packages under one name, or too many names.
    #[error("there are {count} {what}; the limit is {limit}")]
    TooMany {
        /// Packages or aliases.
        what: &'static str,
        /// As many as there would be.
        count: usize,
        /// As many as there may be.
        limit: usize,
    },
    /// There is nothing to take back.
    #[error("no alias `{0}` was set while the server ran")]
    NotSet(String),
}
