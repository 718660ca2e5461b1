//! How an answer was come by, as its receiver is told.

use std::fmt;
use std::time::Duration;

use super::Key;

/// Digits of a key that tell an entry apart for people.
const ID_DIGITS: usize = 16;

/// What the cache did for an ask.
#[derive(Debug, Clone, PartialEq)]
pub enum How {
    /// The same was asked before.
    Exact,
    /// The same was asked before, and a fact of the soft kind changed since; it is made anew.
    Stale,
    /// A question of the same meaning was asked before.
    Semantic {
        /// Cosine of the two questions.
        similarity: f32,
    },
    /// The same is being answered for somebody else.
    Joined,
    /// Nothing was there.
    Miss,
    /// What was there may not be given, as the facts it stands on changed.
    Outdated,
    /// The asker wanted it anew.
    Fresh,
    /// Such asks do not go through the cache.
    Bypass,
    /// Nobody asked: it is made ahead while the box is idle.
    Night,
}

impl How {
    /// Every name of what somebody asked for.
    pub const NAMES: [&str; 8] =
        ["exact", "stale", "semantic", "joined", "miss", "outdated", "fresh", "bypass"];

    /// Whether the answer was kept from an earlier one.
    pub fn is_hit(&self) -> bool {
        matches!(self, Self::Exact | Self::Stale | Self::Semantic { .. })
    }

    /// Its name in metrics and reports.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Stale => "stale",
            Self::Semantic { .. } => "semantic",
            Self::Joined => "joined",
            Self::Miss => "miss",
            Self::Outdated => "outdated",
            Self::Fresh => "fresh",
            Self::Bypass => "bypass",
            Self::Night => "night",
        }
    }
}

/// What stands in an answer's head. [`fmt::Display`] writes the value of `Cache-Status` (RFC 9211).
#[derive(Debug, Clone, PartialEq)]
pub struct Status {
    /// What the cache did.
    pub how: How,
    /// The entry, as `why` takes it; a bypass has none.
    pub id: Option<String>,
    /// Of a hit: how long ago it was made.
    pub age: Option<Duration>,
    /// Of a hit: for how many seconds it can be given still, where that is known.
    pub ttl_s: Option<i64>,
    /// Whether it was made elsewhere and came with a pack.
    pub of_pack: bool,
}

impl Status {
    /// Of an answer that the cache has no part in.
    pub const BYPASS: Self =
        Self { how: How::Bypass, id: None, age: None, ttl_s: None, of_pack: false };

    /// Of an answer that is made now.
    pub(super) fn made(how: How, key: &Key) -> Self {
        Self { how, id: Some(id(key)), ..Self::BYPASS }
    }

    /// The value of `Age` (RFC 9111), seconds.
    pub fn age_s(&self) -> Option<u64> {
        self.age.map(|age| age.as_secs())
    }
}

/// By which people call an entry.
pub fn id(key: &Key) -> String {
    let digit = |digit: u8| char::from_digit(digit.into(), 16).unwrap_or('0');
    let bytes = key.bytes().iter().take(ID_DIGITS / 2);
    bytes.flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("endcap; ")?;
        f.write_str(match &self.how {
            How::Exact | How::Stale | How::Semantic { .. } => "hit",
            How::Joined => "fwd=uri-miss; collapsed",
            How::Miss => "fwd=uri-miss",
            How::Outdated | How::Night => "fwd=stale",
            How::Fresh => "fwd=request",
            How::Bypass => "fwd=bypass",
        })?;
        if let Some(ttl_s) = self.ttl_s {
            write!(f, "; ttl={ttl_s}")?;
        }
        if let Some(id) = &self.id {
            write!(f, "; key=\"{id}\"")?;
        }
        match &self.how {
            How::Stale => f.write_str("; detail=stale"),
            How::Semantic { similarity } => {
                write!(f, "; detail=\"semantic {similarity:.3}\"")
            }
            How::Exact => f.write_str("; detail=exact"),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::{KeyBuilder, Scope};

    #[test]
    fn a_status_is_written_as_rfc_9211_has_it() {
        let key = KeyBuilder::new("chat").finish(Scope::Public);
        let id = id(&key);
        assert_eq!(id.len(), ID_DIGITS);
        let hit = |how, ttl_s| {
            let age = Some(Duration::from_millis(3_900));
            Status { how, id: Some(id.clone()), age, ttl_s, of_pack: false }
        };
        let semantic = How::Semantic { similarity: 0.98765 };
        for (status, text) in [
            (hit(How::Exact, Some(60)), format!("endcap; hit; ttl=60; key=\"{id}\"; detail=exact")),
            (hit(How::Stale, Some(-1)), format!("endcap; hit; ttl=-1; key=\"{id}\"; detail=stale")),
            (hit(semantic, None), format!("endcap; hit; key=\"{id}\"; detail=\"semantic 0.988\"")),
            (
                Status::made(How::Joined, &key),
                format!("endcap; fwd=uri-miss; collapsed; key=\"{id}\""),
            ),
            (Status::made(How::Miss, &key), format!("endcap; fwd=uri-miss; key=\"{id}\"")),
            (Status::made(How::Outdated, &key), format!("endcap; fwd=stale; key=\"{id}\"")),
            (Status::made(How::Fresh, &key), format!("endcap; fwd=request; key=\"{id}\"")),
            (Status::BYPASS, "endcap; fwd=bypass".to_owned()),
        ] {
            assert_eq!(status.to_string(), text);
        }
        assert_eq!(hit(How::Exact, None).age_s(), Some(3));
    }
}
