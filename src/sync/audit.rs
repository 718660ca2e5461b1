//! HQ's word on the audit log. A broker may say what it likes of it: nothing is forgotten without a
//! head that HQ signed and that is the one of the log written here.

use super::error::LineError;
use super::machine::{Input, Standing};
use super::session::Session;
use crate::protocol::{Ack, AuditStored, Stream};
use crate::state::Acknowledged;

/// What an ack of the audit log is worth.
enum Word {
    /// HQ signed it.
    Signed(AuditStored),
    /// It says nothing that is not known, so nothing hangs on who said it.
    Nothing,
    /// It claims something, and no key that is believed vouches for it.
    Unbelieved,
}

impl Session {
    pub(super) fn acknowledge_audit(&mut self, ack: &Ack) -> Result<Vec<Input>, LineError> {
        let Word::Signed(said) = self.word(ack)? else { return Ok(Vec::new()) };
        let known = self.store.write(|writing| writing.acknowledge_audit(ack, &said))?;
        if !self.takes_audit(known) {
            return Ok(Vec::new());
        }
        let (stream, through, above) = (Stream::Audit, said.through, ack.above.to_vec());
        Ok(vec![Input::Acked { stream, through, above }])
    }

    /// Where the log stands by HQ's answer: by this box's own record where that is not believed; none
    /// where HQ has more than was ever written here.
    pub(super) fn standing_of_audit(
        &mut self,
        ack: Option<&Ack>,
    ) -> Result<Option<Standing>, LineError> {
        let mut said = None;
        if let Some(ack) = ack
            && let Word::Signed(stored) = self.word(ack)?
        {
            let known = self.store.write(|writing| writing.resume_audit(ack, &stored))?;
            if known == Acknowledged::Ahead {
                return Ok(None);
            }
            said = self.takes_audit(known).then(|| (stored.through, ack.above.to_vec()));
        }
        let at = self.store.position(Stream::Audit)?;
        let (through, above) = said.unwrap_or((at.acked, Vec::new()));
        Ok(Some(Standing { stream: Stream::Audit, next: at.next, through, above }))
    }

    fn word(&mut self, ack: &Ack) -> Result<Word, LineError> {
        let signed = ack.audit.as_ref();
        match signed.map(|signed| self.trust.keys.verify(signed, self.at_least())) {
            Some(Ok(said)) => Ok(Word::Signed(said)),
            Some(Err(error)) => {
                self.refuse_audit("audit signature", &error.to_string());
                Ok(Word::Unbelieved)
            }
            None if ack.through <= self.store.position(Stream::Audit)?.acked => Ok(Word::Nothing),
            None => {
                self.refuse_audit("audit unsigned", "HQ's signature is missing");
                Ok(Word::Unbelieved)
            }
        }
    }

    /// Whether an ack that HQ signed is about what was written here; counted where it is not.
    fn takes_audit(&mut self, known: Acknowledged) -> bool {
        match known {
            Acknowledged::Forgotten(_) | Acknowledged::Known => return true,
            Acknowledged::Foreign => self.refuse("ledger"),
            // Only an answer to our own question may make us count anew.
            Acknowledged::Ahead => self.refuse("ahead"),
            Acknowledged::OtherLog | Acknowledged::Unsigned => {
                self.refuse_audit("audit log", "HQ has another audit log under this box's name");
            }
        }
        false
    }

    /// Counts what is not believed; the first of its kind is worth a warning.
    fn refuse_audit(&mut self, reason: &'static str, why: &str) {
        if !self.refused.contains_key(reason) {
            tracing::warn!(
                why,
                "an acknowledgement of the audit log is not believed: nothing leaves"
            );
        }
        self.refuse(reason);
    }
}
