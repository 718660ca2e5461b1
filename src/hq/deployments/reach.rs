//! Whom a deployment is for.

use std::fmt;
use std::str::FromStr;

use crate::hq::database::Transaction;
use crate::hq::error::HqError;
use crate::hq::registry::members;
use crate::hq::rows::parsed;
use crate::protocol::{Label, Place, ProtocolError, StoreName, Target};

/// Whom a deployment is for: `tenant/store/node`, `tenant/store`, `tenant/grp/group`, or `tenant` for
/// all of its boxes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// One box, or all of a group.
    Target(Target),
    /// All boxes of a store.
    Store {
        /// Whose.
        tenant: Label,
        /// Which.
        store: StoreName,
    },
    /// All boxes of all stores.
    All(Label),
}

impl Reach {
    /// Whose boxes.
    #[must_use]
    pub fn tenant(&self) -> &Label {
        match self {
            Self::Target(Target::Node(Place { tenant, .. }) | Target::Group { tenant, .. })
            | Self::Store { tenant, .. }
            | Self::All(tenant) => tenant,
        }
    }

    /// The boxes that it means now.
    pub(super) async fn places(&self, change: &mut Transaction) -> Result<Vec<Place>, HqError> {
        let (tenant, store) = match self {
            Self::Target(target) => return members(change, target).await,
            Self::Store { tenant, store } => {
                let select = "SELECT name FROM stores WHERE tenant = $1 AND name = $2";
                let found: Option<(String,)> = sqlx::query_as(select)
                    .bind(tenant.as_str())
                    .bind(store.as_str())
                    .fetch_optional(&mut **change)
                    .await
                    .map_err(HqError::database("looking for a store"))?;
                found.ok_or_else(|| HqError::unknown("store", self))?;
                (tenant, Some(store.as_str()))
            }
            Self::All(tenant) => (tenant, None),
        };
        let select = "SELECT place FROM nodes WHERE tenant = $1 AND revoked_ms IS NULL
             AND (store = $2 OR CAST($2 AS TEXT) IS NULL) ORDER BY place";
        let rows: Vec<(String,)> = sqlx::query_as(select)
            .bind(tenant.as_str())
            .bind(store)
            .fetch_all(&mut **change)
            .await
            .map_err(HqError::database("reading boxes"))?;
        rows.iter().map(|(place,)| parsed("a place", place)).collect()
    }
}

impl FromStr for Reach {
    type Err = ProtocolError;

    fn from_str(text: &str) -> Result<Self, ProtocolError> {
        match text.split('/').collect::<Vec<_>>()[..] {
            [tenant] => Ok(Self::All(tenant.parse()?)),
            [tenant, store] => Ok(Self::Store { tenant: tenant.parse()?, store: store.parse()? }),
            _ => Ok(Self::Target(text.parse()?)),
        }
    }
}

impl fmt::Display for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Target(target) => target.fmt(f),
            Self::Store { tenant, store } => write!(f, "{tenant}/{store}"),
            Self::All(tenant) => tenant.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Reach;

    #[test]
    fn whom_a_deployment_is_for_goes_there_and_back() {
        for text in ["acme", "acme/store-1", "acme/store-1/box-a", "acme/grp/north"] {
            let reach: Reach = text.parse().unwrap();
            assert_eq!((reach.to_string(), reach.tenant().as_str()), (text.to_owned(), "acme"));
        }
        for text in ["", "acme/", "acme/grp", "acme/a/b/c", "acme//b"] {
            assert!(text.parse::<Reach>().is_err(), "{text}");
        }
    }
}
