//! Whether a pointer that is believed is for us, and news.

use std::collections::BTreeMap;

use super::label::Label;
use super::messages::{Contents, Pointer};
use super::octets::Digest;
use super::place::{Place, Target};
use super::stream::Document;
use super::time::{Clock, UnixMillis};

/// The newest version of each document that was recorded; nothing below it is ever taken.
pub type Floors = BTreeMap<Document, Floor>;

/// A version and what it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Floor {
    /// Which.
    pub version: u64,
    /// Of which bytes.
    pub digest: Digest,
}

/// What a pointer is to a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    /// Newer than what is recorded.
    Newer,
    /// What is recorded already.
    Known,
    /// Older than what is recorded: late, doubled, or replayed.
    Older {
        /// What is recorded.
        recorded: u64,
    },
}

/// Why a pointer must not be recorded, though its signature is right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// It is for others.
    #[error("it is for {0}")]
    NotForUs(Target),
    /// One version with two contents: HQ, or who has its key, contradicts itself.
    #[error("version {version} of {document} has another digest than the one recorded")]
    Contradiction {
        /// Which document.
        document: Document,
        /// Which version.
        version: u64,
    },
    /// Its time is over.
    #[error("it expired at {0}")]
    Expired(UnixMillis),
    /// Its own bytes are others than it says.
    #[error("the {0} document it carries is not the one it names")]
    Contents(Document),
}

/// Who we are to those who send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Our name.
    pub place: Place,
    /// The groups we belong to.
    pub groups: Vec<Label>,
}

impl Identity {
    fn is(&self, target: &Target) -> bool {
        match target {
            Target::Node(place) => *place == self.place,
            Target::Group { tenant, group } => {
                *tenant == self.place.tenant && self.groups.contains(group)
            }
        }
    }
}

impl Pointer {
    /// What this pointer is to a node that has recorded `floors`.
    pub fn judge(&self, who: &Identity, floors: &Floors, clock: Clock) -> Result<News, Unfit> {
        if !who.is(&self.target) {
            return Err(Unfit::NotForUs(self.target.clone()));
        }
        if let Some(floor) = floors.get(&self.document) {
            let (document, version) = (self.document, self.version);
            if version < floor.version {
                return Ok(News::Older { recorded: floor.version });
            }
            if version == floor.version {
                let same = self.digest == floor.digest;
                let known = same.then_some(News::Known);
                return known.ok_or(Unfit::Contradiction { document, version });
            }
        }
        let (Clock::Known(now) | Clock::Unknown { at_least: now }) = clock;
        if let Some(expired) = self.expires.filter(|expires| now >= *expires) {
            return Err(Unfit::Expired(expired));
        }
        self.carried()?;
        Ok(News::Newer)
    }

    /// The document, where the pointer carries it and it is the one that the pointer names.
    pub fn carried(&self) -> Result<Option<&[u8]>, Unfit> {
        let Contents::Inline(bytes) = &self.contents else { return Ok(None) };
        if bytes.len() as u64 != self.size_bytes || Digest::of(bytes) != self.digest {
            return Err(Unfit::Contents(self.document));
        }
        Ok(Some(bytes))
    }
}
