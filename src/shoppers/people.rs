//! Profiles: kept with consent, changed, and forgotten.

use redb::{Durability, ReadableTableMetadata, WriteTransaction};

use super::error::{During, ShoppersError};
use super::id::{ConversationId, ProfileId, Row, SubjectId};
use super::keys::Use;
use super::profile::{Consent, Profile, ProfileFields};
use super::receipt::Receipt;
use super::rows::{self, CONVERSATIONS, Kept, PROFILES, Place};
use super::store::Shoppers;
use super::talk::{self, Found};

const READING: &str = "reading a profile";
const WRITING: &str = "writing a profile";
/// A use is noted once a day: nobody needs it more exactly.
const NOTED_S: u64 = 24 * 60 * 60;

impl Shoppers {
    /// Keeps a profile that outlives conversations. Its id is the shopper's to show.
    pub fn keep_profile(
        &self,
        fields: ProfileFields,
        consent: Consent,
        now: u64,
    ) -> Result<Profile, ShoppersError> {
        fields.check()?;
        self.write(Durability::Immediate, |transaction| {
            let most = self.0.config.max_profiles;
            let count = transaction.open_table(PROFILES).during(READING)?.len().during(READING)?;
            // Those of conversations are as many as these.
            if count >= most + self.0.config.max_conversations {
                return Err(ShoppersError::Full { what: "profiles", most });
            }
            self.new_profile(transaction, Kept { fields, consent, of_session: false }, now)
        })
    }

    /// Keeps what a shopper agrees to in a conversation: in the profile that it goes by where it has
    /// one, else in one that goes with the conversation.
    pub fn keep_profile_of(
        &self,
        conversation: &ConversationId,
        fields: ProfileFields,
        consent: Consent,
        now: u64,
    ) -> Result<Profile, ShoppersError> {
        fields.check()?;
        let row = conversation.row();
        self.write(Durability::Immediate, |transaction| {
            let mut found = self.in_conversation(transaction, row, now)?;
            if let Some(profile) =
                found.head.profile.map(|id| self.known(&id)).transpose()?.flatten()
            {
                return self.put_profile(transaction, Profile { fields, consent, ..profile }, now);
            }
            let kept = Kept { fields, consent, of_session: true };
            let profile = self.new_profile(transaction, kept, now)?;
            found.head.profile = Some(profile.id);
            talk::put(transaction, row, &found)?;
            Ok(profile)
        })
    }

    /// Has a conversation go by a profile that outlives it, whose id the shopper shows. What was told in the
    /// conversation before, and goes with it, is erased.
    pub fn bring_profile(
        &self,
        conversation: &ConversationId,
        profile: &ProfileId,
        now: u64,
    ) -> Result<Profile, ShoppersError> {
        let brought = self.profile(profile, now)?;
        if brought.of_session {
            return Err(ShoppersError::NotFound { what: "profile" });
        }
        let row = conversation.row();
        let before = self.write(Durability::Immediate, |transaction| {
            let mut found = self.in_conversation(transaction, row, now)?;
            let before = found.head.profile.replace(*profile);
            talk::put(transaction, row, &found)?;
            Ok(before)
        })?;
        let before = before.filter(|before| before != profile);
        if let Some(before) = before.map(|id| self.known(&id)).transpose()?.flatten()
            && before.of_session
        {
            self.erase_profile(&before.id, now)?;
        }
        Ok(brought)
    }

    /// Has a conversation go on without a profile. One that goes with the conversation is erased;
    /// another stays, as other conversations may go by it.
    pub fn leave_profile(
        &self,
        conversation: &ConversationId,
        now: u64,
    ) -> Result<Receipt, ShoppersError> {
        let row = conversation.row();
        let left = self.write(Durability::Immediate, |transaction| {
            let mut found = self.in_conversation(transaction, row, now)?;
            let left = found.head.profile.take();
            talk::put(transaction, row, &found)?;
            Ok(left)
        })?;
        match left.map(|id| self.known(&id)).transpose()?.flatten() {
            Some(profile) if profile.of_session => self.erase_profile(&profile.id, now),
            _ => Receipt::new(now),
        }
    }

    /// A profile by the id that a shopper shows.
    pub fn profile(&self, id: &ProfileId, now: u64) -> Result<Profile, ShoppersError> {
        let profile = self.known(id)?.ok_or(ShoppersError::NotFound { what: "profile" })?;
        let used = {
            let profiles = self.read()?.open_table(PROFILES).during(READING)?;
            profiles.get(id.row()).during(READING)?.map(|row| row.value().1)
        };
        if used.is_some_and(|used| now.saturating_sub(used) > NOTED_S) {
            self.write(Durability::None, |transaction| {
                self.put_profile(transaction, profile.clone(), now)
            })?;
        }
        Ok(profile)
    }

    /// Changes all of what a profile has.
    pub fn change_profile(
        &self,
        id: &ProfileId,
        fields: ProfileFields,
        consent: Consent,
        now: u64,
    ) -> Result<Profile, ShoppersError> {
        fields.check()?;
        let profile = self.known(id)?.ok_or(ShoppersError::NotFound { what: "profile" })?;
        self.write(Durability::Immediate, |transaction| {
            self.put_profile(transaction, Profile { fields, consent, ..profile }, now)
        })
    }

    /// A profile where it is there.
    pub(super) fn known(&self, id: &ProfileId) -> Result<Option<Profile>, ShoppersError> {
        let row = id.row();
        let profiles = self.read()?.open_table(PROFILES).during(READING)?;
        let Some(value) = profiles.get(row).during(READING)? else { return Ok(None) };
        let (subject, _, sealed) = value.value();
        let subject = SubjectId::of_bytes(subject);
        let key = match self.0.keys.key(&subject, Use::Own) {
            Err(ShoppersError::Erased) => return Ok(None),
            key => key?,
        };
        let Kept { fields, consent, of_session } = rows::open(&key, &Place::profile(row), sealed)?;
        Ok(Some(Profile { id: *id, subject, of_session, consent, fields }))
    }

    fn new_profile(
        &self,
        transaction: &WriteTransaction,
        kept: Kept,
        now: u64,
    ) -> Result<Profile, ShoppersError> {
        let (id, subject) = (ProfileId::new()?, SubjectId::new()?);
        self.0.keys.make(&subject, None)?;
        let Kept { fields, consent, of_session } = kept;
        self.put_profile(transaction, Profile { id, subject, of_session, consent, fields }, now)
    }

    fn put_profile(
        &self,
        transaction: &WriteTransaction,
        profile: Profile,
        now: u64,
    ) -> Result<Profile, ShoppersError> {
        let row = profile.id.row();
        let Profile { subject, of_session, consent, .. } = profile;
        let key = self.0.keys.key(&subject, Use::Own)?;
        let kept = Kept { fields: profile.fields.clone(), consent, of_session };
        let sealed = rows::seal(&key, &Place::profile(row), &kept)?;
        let mut profiles = transaction.open_table(PROFILES).during(WRITING)?;
        profiles.insert(row, (subject.to_bytes(), now, &*sealed)).during(WRITING)?;
        Ok(profile)
    }

    fn in_conversation(
        &self,
        transaction: &WriteTransaction,
        row: Row,
        now: u64,
    ) -> Result<Found, ShoppersError> {
        let heads = transaction.open_table(CONVERSATIONS).during(READING)?;
        self.found(&heads, row, now)
    }
}
