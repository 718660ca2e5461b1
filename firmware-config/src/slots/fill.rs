//! A new block into the spare slot, and what becomes of it.

use embedded_storage::nor_flash::NorFlash;

use super::layout::Layout;
use super::marks::Mark;
use super::{Buffer, Slots, SlotsError};
use crate::limits::MAX_WORD_BYTES;
use crate::{Identity, Refusal, Verify};

impl<F: NorFlash> Slots<F> {
    /// Makes the spare slot blank: first its block, then what is noted of it.
    pub(crate) fn begin(&mut self) -> Result<(), SlotsError<F::Error>> {
        let (block, marks) = (Layout::<F>::block_of(self.spare), Layout::<F>::marks_of(self.spare));
        self.flash.erase(block, marks).map_err(SlotsError::Flash)?;
        self.flash.erase(marks, Layout::<F>::end_of(self.spare)).map_err(SlotsError::Flash)?;
        if self.trial.is_some_and(|trial| trial.which == self.spare) {
            self.trial = None;
        }
        Ok(())
    }

    /// Writes a piece of the new block, at a multiple of [`MAX_WORD_BYTES`] and each place once.
    pub(crate) fn write(&mut self, offset: u32, data: &[u8]) -> Result<(), SlotsError<F::Error>> {
        let mut at = Layout::<F>::block_of(self.spare) + offset;
        for piece in data.chunks(MAX_WORD_BYTES) {
            let mut word = [0xff; MAX_WORD_BYTES];
            word.iter_mut().zip(piece).for_each(|(to, from)| *to = *from);
            self.flash.write(at, &word).map_err(SlotsError::Flash)?;
            at += MAX_WORD_BYTES as u32;
        }
        Ok(())
    }

    /// Reads the new block again and, if it may be believed and is what was announced, marks it as
    /// complete: the next start runs it on trial. The inner error tells why it may not.
    pub(crate) fn finish(
        &mut self,
        version: u32,
        bytes: u32,
        identity: &Identity,
        keys: &impl Verify,
        buffer: &mut Buffer,
    ) -> Result<Result<(), Refusal>, SlotsError<F::Error>> {
        let opened = match self.load(self.spare, bytes as usize, identity, keys, buffer)? {
            Ok(opened) => opened,
            Err(refusal) => return Ok(Err(refusal)),
        };
        if opened.version != version || version <= self.floor {
            return Ok(Err(Refusal::Old));
        }
        self.mark(self.spare, Mark::Complete { bytes, floor: self.floor }, version)?;
        Ok(Ok(()))
    }

    /// What is on trial is good.
    pub(crate) fn confirm(&mut self, version: u32) -> Result<(), SlotsError<F::Error>> {
        let trial = self.trial.filter(|trial| trial.version == version);
        let trial = trial.ok_or(SlotsError::NotOnTrial)?;
        self.mark(trial.which, Mark::Confirmed(trial.try_number), version)?;
        self.trial = None;
        self.floor = self.floor.max(version);
        self.spare = trial.which.other();
        Ok(())
    }
}
