//! How conversations and profiles end: by erasure, or because nothing happened for too long.

use std::collections::HashSet;

use redb::{Durability, ReadableTable, WriteTransaction};

use super::error::{During, ShoppersError};
use super::events::Event;
use super::id::{ConversationId, ProfileId, Row, SubjectId, random};
use super::keys::Use;
use super::receipt::{Erased, Receipt};
use super::rows::{self, CONVERSATIONS, ERASING, Head, PROFILES, Place, TURNS};
use super::store::Shoppers;

const ENDING: &str = "ending a conversation";
const ERASING_IT: &str = "erasing a subject";
const SWEEPING: &str = "looking for what is over";

/// Rows that were taken out, and whose they were.
#[derive(Default)]
struct TakenOut {
    /// Of the conversation itself.
    subject: Option<SubjectId>,
    /// Of a profile that goes with it.
    profile: Option<SubjectId>,
    what: Erased,
}

impl Shoppers {
    /// Erases a conversation and what other rooms keep of it.
    pub fn end(&self, id: &ConversationId, now: u64) -> Result<Receipt, ShoppersError> {
        let row = id.row();
        let out = self.write(Durability::Immediate, |transaction| {
            let out = self.take_out(transaction, row)?;
            let mut erasing = transaction.open_table(ERASING).during(ENDING)?;
            for subject in out.subject.iter().chain(&out.profile) {
                erasing.insert(subject.to_bytes(), ()).during(ENDING)?;
            }
            Ok(out)
        })?;
        self.0.listeners.tell(row, Event::Ended);
        let mut what = out.what;
        for subject in out.subject.iter().chain(&out.profile) {
            what += self.erase_subject(subject)?;
        }
        Ok(Receipt { what, ..Receipt::new(now)? })
    }

    /// Erases a profile and what other rooms keep of its subject.
    pub fn erase_profile(&self, id: &ProfileId, now: u64) -> Result<Receipt, ShoppersError> {
        let subject = self.write(Durability::Immediate, |transaction| {
            take_profile(transaction, id.row())?.ok_or(ShoppersError::NotFound { what: "profile" })
        })?;
        let mut what = self.erase_subject(&subject)?;
        what.profiles += 1;
        Ok(Receipt { what, ..Receipt::new(now)? })
    }

    /// Ends what is idle, erases what nobody used for too long and keys whose time is over, and
    /// completes erasures that were interrupted. To be called every few seconds. Returns how many
    /// conversations ended.
    pub fn sweep(&self, now: u64) -> Result<usize, ShoppersError> {
        let idle = self.idle(now)?;
        for row in &idle {
            self.close(*row, now)?;
        }
        for row in self.unused_profiles(now)? {
            let gone = self.write(Durability::Immediate, |it| take_profile(it, row))?;
            if let Some(subject) = gone {
                self.erase_subject(&subject)?;
            }
        }
        self.forget_strays(now)?;
        for subject in self.0.keys.due(now) {
            self.let_go(&subject)?;
        }
        for subject in self.unfinished()? {
            self.erase_subject(&subject)?;
        }
        self.flush()?;
        Ok(idle.len())
    }

    /// Ends a conversation without erasing what other rooms keep of it for their time.
    pub(super) fn close(&self, row: Row, now: u64) -> Result<(), ShoppersError> {
        let out = self.write(Durability::Immediate, |transaction| {
            let out = self.take_out(transaction, row)?;
            if let Some(profile) = &out.profile {
                let mut erasing = transaction.open_table(ERASING).during(ENDING)?;
                erasing.insert(profile.to_bytes(), ()).during(ENDING)?;
            }
            Ok(out)
        })?;
        self.0.listeners.tell(row, Event::Ended);
        if let Some(subject) = &out.subject {
            self.0.keys.close(subject, now + self.0.config.keep_sealed.as_secs())?;
            self.reaches().iter().for_each(|room| room.ended(subject));
        }
        out.profile.map_or(Ok(()), |profile| self.erase_subject(&profile).map(drop))
    }

    /// Takes a conversation's rows out.
    fn take_out(
        &self,
        transaction: &WriteTransaction,
        row: Row,
    ) -> Result<TakenOut, ShoppersError> {
        let mut heads = transaction.open_table(CONVERSATIONS).during(ENDING)?;
        let Some(value) = heads.remove(row).during(ENDING)? else {
            return Err(ShoppersError::NotFound { what: "conversation" });
        };
        let (subject, _, _, sealed) = value.value();
        let subject = SubjectId::of_bytes(subject);
        let mut turns = transaction.open_table(TURNS).during(ENDING)?;
        let mut count = 0;
        turns
            .retain_in((row, 0)..=(row, u32::MAX), |_, _| {
                count += 1;
                false
            })
            .during(ENDING)?;
        let mut out = TakenOut { subject: Some(subject), ..TakenOut::default() };
        out.what = Erased { conversations: 1, turns: count, ..Erased::default() };
        // What cannot be opened any more has no profile that could be found.
        let key = self.0.keys.key(&subject, Use::Own).ok();
        let head = key.and_then(|key| rows::open::<Head>(&key, &Place::head(row), sealed).ok());
        if let Some(profile) = head.and_then(|head| head.profile)
            && self.known(&profile)?.is_some_and(|profile| profile.of_session)
        {
            out.profile = take_profile(transaction, profile.row())?;
            out.what.profiles = u64::from(out.profile.is_some());
        }
        Ok(out)
    }

    /// Erases keys, then what other rooms have, and then the note that this is to be done.
    fn erase_subject(&self, subject: &SubjectId) -> Result<Erased, ShoppersError> {
        self.0.keys.forget(subject)?;
        let mut what = Erased::default();
        for room in self.reaches() {
            what += room
                .erase(subject)
                .map_err(|why| ShoppersError::Reach { room: room.room(), why })?;
        }
        self.write(Durability::None, |transaction| {
            let mut erasing = transaction.open_table(ERASING).during(ERASING_IT)?;
            erasing.remove(subject.to_bytes()).during(ERASING_IT)?;
            Ok(())
        })?;
        Ok(what)
    }

    /// Lets go what other rooms keep of a subject whose time is over.
    fn let_go(&self, subject: &SubjectId) -> Result<(), ShoppersError> {
        // They first: while the key is there, the next sweep comes back to it.
        for room in self.reaches() {
            let reached = room.over(subject);
            reached.map_err(|why| ShoppersError::Reach { room: room.room(), why })?;
        }
        self.0.keys.forget(subject)
    }

    fn idle(&self, now: u64) -> Result<Vec<Row>, ShoppersError> {
        let idle_s = self.0.config.idle.as_secs();
        let mut idle = Vec::new();
        let heads = self.read()?.open_table(CONVERSATIONS).during(SWEEPING)?;
        for row in heads.iter().during(SWEEPING)? {
            let (row, value) = row.during(SWEEPING)?;
            if now.saturating_sub(value.value().1) > idle_s {
                idle.push(row.value());
            }
        }
        Ok(idle)
    }

    fn unused_profiles(&self, now: u64) -> Result<Vec<Row>, ShoppersError> {
        let keep_s = self.0.config.keep_profiles.as_secs();
        let mut unused = Vec::new();
        let profiles = self.read()?.open_table(PROFILES).during(SWEEPING)?;
        for row in profiles.iter().during(SWEEPING)? {
            let (row, value) = row.during(SWEEPING)?;
            if now.saturating_sub(value.value().1) > keep_s {
                unused.push(row.value());
            }
        }
        Ok(unused)
    }

    fn unfinished(&self) -> Result<Vec<SubjectId>, ShoppersError> {
        let mut unfinished = Vec::new();
        let erasing = self.read()?.open_table(ERASING).during(SWEEPING)?;
        for row in erasing.iter().during(SWEEPING)? {
            unfinished.push(SubjectId::of_bytes(row.during(SWEEPING)?.0.value()));
        }
        Ok(unfinished)
    }

    /// Keys of conversations that a power cut took before they were on the disk.
    fn forget_strays(&self, now: u64) -> Result<(), ShoppersError> {
        self.write(Durability::None, |transaction| {
            let mut held = HashSet::new();
            for row in
                transaction.open_table(CONVERSATIONS).during(SWEEPING)?.iter().during(SWEEPING)?
            {
                held.insert(SubjectId::of_bytes(row.during(SWEEPING)?.1.value().0));
            }
            for row in transaction.open_table(PROFILES).during(SWEEPING)?.iter().during(SWEEPING)? {
                held.insert(SubjectId::of_bytes(row.during(SWEEPING)?.1.value().0));
            }
            let open = self.0.keys.open_subjects();
            for stray in open.iter().filter(|subject| !held.contains(subject)) {
                self.0.keys.close(stray, now + self.0.config.keep_sealed.as_secs())?;
            }
            Ok(())
        })
    }
}

impl Receipt {
    /// A receipt of nothing yet.
    pub(super) fn new(now: u64) -> Result<Self, ShoppersError> {
        let id = u128::from_be_bytes(random()?);
        Ok(Self { id: format!("{id:032x}"), at: now, what: Erased::default() })
    }
}

/// Takes a profile's row out and notes that its subject is to be erased.
fn take_profile(
    transaction: &WriteTransaction,
    row: Row,
) -> Result<Option<SubjectId>, ShoppersError> {
    let mut profiles = transaction.open_table(PROFILES).during(ERASING_IT)?;
    let Some(value) = profiles.remove(row).during(ERASING_IT)? else { return Ok(None) };
    let subject = value.value().0;
    let mut erasing = transaction.open_table(ERASING).during(ERASING_IT)?;
    erasing.insert(subject, ()).during(ERASING_IT)?;
    Ok(Some(SubjectId::of_bytes(subject)))
}
