//! What HQ wants, as it was recorded, and what is so, as it is reported.

use redb::{ReadableTable, ReadableTableMetadata};

use super::error::{During, StateError};
use super::store::Store;
use super::tables::{DESIRED, HEADS, REPORTED, document_key};
use super::writing::Writing;
use crate::protocol::{
    Clock, Digest, Document, FactsHead, Floor, Floors, Identity, Message, News, Pointer, Reported,
    Signed, limits,
};

const READING: &str = "reading the documents";
const WRITING: &str = "writing the documents";

/// The schemas under which signed things and reports are stored.
const DESIRED_SCHEMA: u16 = 7;
const REPORTED_SCHEMA: u16 = 8;
const HEAD_SCHEMA: u16 = 14;

impl Writing<'_> {
    /// Records a pointer whose signature was verified, if it is newer than what is recorded, or the same
    /// signed by other keys, of which one will be believed tomorrow. Nothing else happens: whoever makes
    /// the world follow wakes by the commit.
    pub fn record_desired(
        &self,
        who: &Identity,
        clock: Clock,
        signed: &Signed<Pointer>,
        pointer: &Pointer,
    ) -> Result<News, StateError> {
        let news = pointer.judge(who, &self.floors()?, clock)?;
        let bytes = Message::Desired(signed.clone()).body()?;
        if news == News::Newer
            || (news == News::Known && self.is_signed_anew(pointer.document, signed, &bytes)?)
        {
            let mut desired = self.transaction().open_table(DESIRED).during(WRITING)?;
            let row = (pointer.version, pointer.digest.0, &*bytes);
            desired.insert(document_key(pointer.document), row).during(WRITING)?;
            self.raise_floor(pointer.issued)?;
        }
        Ok(news)
    }

    /// Whether a recorded version has come with other signatures, and not with fewer: what a broker kept
    /// from before keys changed takes none away.
    fn is_signed_anew(
        &self,
        document: Document,
        signed: &Signed<Pointer>,
        bytes: &[u8],
    ) -> Result<bool, StateError> {
        let desired = self.transaction().open_table(DESIRED).during(READING)?;
        let Some(row) = desired.get(document_key(document)).during(READING)? else {
            return Ok(false);
        };
        let recorded = row.value().2;
        Ok(match Message::parse(DESIRED_SCHEMA, recorded)? {
            Message::Desired(known) => {
                recorded != bytes && signed.signatures() >= known.signatures().max(2)
            }
            _ => false,
        })
    }

    fn floors(&self) -> Result<Floors, StateError> {
        floors(&self.transaction().open_table(DESIRED).during(READING)?)
    }

    /// Records a head of facts whose signature was verified, if it is newer.
    pub fn record_head(
        &self,
        signed: &Signed<FactsHead>,
        head: &FactsHead,
    ) -> Result<News, StateError> {
        let mut heads = self.transaction().open_table(HEADS).during(WRITING)?;
        let recorded = heads.get(head.catalogue.as_str()).during(READING)?;
        let recorded = recorded.map(|row| (row.value().0, row.value().1));
        match recorded {
            Some((epoch, _)) if head.epoch < epoch => {
                return Ok(News::Older { recorded: epoch });
            }
            Some((epoch, root)) if head.epoch == epoch => {
                let contradiction = crate::protocol::Unfit::Contradiction {
                    document: Document::Facts,
                    version: epoch,
                };
                let same = root == head.root.0;
                return same.then_some(News::Known).ok_or(contradiction.into());
            }
            None if heads.len().during(READING)? >= limits::MAX_LISTED as u64 => {
                let most = limits::MAX_LISTED as u64;
                return Err(StateError::TooMany { what: "catalogues of facts", most });
            }
            _ => {}
        }
        let bytes = Message::FactsHead(signed.clone()).body()?;
        heads
            .insert(head.catalogue.as_str(), (head.epoch, head.root.0, &*bytes))
            .during(WRITING)?;
        drop(heads);
        self.raise_floor(head.issued)?;
        Ok(News::Newer)
    }

    /// Replaces what is reported of a document.
    pub fn report(&self, reported: &Reported) -> Result<(), StateError> {
        let bytes = Message::Reported(reported.clone()).body()?;
        let mut table = self.transaction().open_table(REPORTED).during(WRITING)?;
        table.insert(document_key(reported.document), &*bytes).during(WRITING)?;
        Ok(())
    }
}

fn floors(
    desired: &impl ReadableTable<u8, (u64, [u8; 32], &'static [u8])>,
) -> Result<Floors, StateError> {
    let mut floors = Floors::new();
    for document in Document::ALL {
        if let Some(row) = desired.get(document_key(*document)).during(READING)? {
            let (version, digest, _) = row.value();
            floors.insert(*document, Floor { version, digest: Digest(digest) });
        }
    }
    Ok(floors)
}

impl Store {
    /// The newest recorded version of each document.
    pub fn floors(&self) -> Result<Floors, StateError> {
        floors(&self.read()?.open_table(DESIRED).during(READING)?)
    }

    /// The recorded pointer of a document, to be verified again before it is acted on.
    pub fn desired(&self, document: Document) -> Result<Option<Signed<Pointer>>, StateError> {
        let table = self.read()?.open_table(DESIRED).during(READING)?;
        let Some(row) = table.get(document_key(document)).during(READING)? else {
            return Ok(None);
        };
        match Message::parse(DESIRED_SCHEMA, row.value().2)? {
            Message::Desired(signed) => Ok(Some(signed)),
            _ => Err(damaged("a desired document")),
        }
    }

    /// The recorded head of a catalogue of facts.
    pub fn head(&self, catalogue: &str) -> Result<Option<Signed<FactsHead>>, StateError> {
        let table = self.read()?.open_table(HEADS).during(READING)?;
        let Some(row) = table.get(catalogue).during(READING)? else { return Ok(None) };
        match Message::parse(HEAD_SCHEMA, row.value().2)? {
            Message::FactsHead(signed) => Ok(Some(signed)),
            _ => Err(damaged("a head of facts")),
        }
    }

    /// All that is reported.
    pub fn reported(&self) -> Result<Vec<Reported>, StateError> {
        let table = self.read()?.open_table(REPORTED).during(READING)?;
        let mut all = Vec::new();
        for row in table.iter().during(READING)? {
            match Message::parse(REPORTED_SCHEMA, row.during(READING)?.1.value())? {
                Message::Reported(reported) => all.push(reported),
                _ => return Err(damaged("a reported document")),
            }
        }
        Ok(all)
    }
}

fn damaged(what: &'static str) -> StateError {
    StateError::Damaged { what, why: "it has another schema".to_owned() }
}
