//! What to run after a start.

use embedded_storage::nor_flash::NorFlash;

use super::layout::Which;
use super::marks::{Mark, Marks, Stage};
use super::{Buffer, Running, Slots, SlotsError, Started, Trial};
use crate::limits::MAX_TRIES;
use crate::{Identity, Opened, Settings, Verify};

#[derive(Debug, Clone, Copy)]
struct Slot {
    which: Which,
    marks: Marks,
}

impl<F: NorFlash> Slots<F> {
    /// Finds what to run: what is on trial and may be tried once more, else the newest confirmed
    /// block that is whole, else nothing. What it says goes to `settings`.
    pub(crate) fn start(
        &mut self,
        identity: &Identity,
        keys: &impl Verify,
        buffer: &mut Buffer,
        settings: &mut Option<Settings>,
    ) -> Result<Started, SlotsError<F::Error>> {
        let first = self.look(Which::First)?;
        let second = self.look(Which::Second)?;
        let (newer, older) = if first.marks.version >= second.marks.version {
            (first, second)
        } else {
            (second, first)
        };
        self.floor = first.marks.floor().max(second.marks.floor());
        self.trial = None;
        self.spare = older.which;
        let failed = [newer, older].into_iter().find(|slot| slot.marks.stage == Stage::Failed);
        let mut started = Started {
            running: Running::Nothing,
            crc: 0,
            floor: self.floor,
            failed: failed.map(|slot| slot.marks.version),
        };
        for (slot, other) in [(newer, older), (older, newer)] {
            if let Some(opened) = self.open(slot, identity, keys, buffer)? {
                *settings = Some(opened.settings);
                started.crc = opened.crc;
                started.running = self.run(slot, other)?;
                break;
            }
        }
        Ok(started)
    }

    /// The notes of a slot, after what was tried often enough was given up.
    fn look(&mut self, which: Which) -> Result<Slot, SlotsError<F::Error>> {
        let mut marks = self.marks(which)?;
        if matches!(marks.stage, Stage::Trial(tries) if tries >= MAX_TRIES) {
            self.mark(which, Mark::Failed, marks.version)?;
            marks.stage = Stage::Failed;
        }
        Ok(Slot { which, marks })
    }

    /// A slot's block, if it may run and is whole.
    fn open(
        &mut self,
        slot: Slot,
        identity: &Identity,
        keys: &impl Verify,
        buffer: &mut Buffer,
    ) -> Result<Option<Opened>, SlotsError<F::Error>> {
        let Marks { stage, version, bytes, .. } = slot.marks;
        let may_run = match stage {
            Stage::Confirmed => true,
            Stage::Trial(_) => version > self.floor,
            Stage::Blank | Stage::Failed => false,
        };
        if !may_run {
            return Ok(None);
        }
        let opened = self.load(slot.which, bytes as usize, identity, keys, buffer)?;
        Ok(opened.ok().filter(|opened| opened.version == version))
    }

    /// Runs a slot's block, and says where the next block goes then.
    fn run(&mut self, slot: Slot, other: Slot) -> Result<Running, SlotsError<F::Error>> {
        let (which, version) = (slot.which, slot.marks.version);
        let Stage::Trial(try_number) = slot.marks.stage else {
            self.spare = which.other();
            return Ok(Running::Confirmed(version));
        };
        self.mark(which, Mark::Try(try_number), version)?;
        self.trial = Some(Trial { which, version, try_number });
        // What was confirmed is never overwritten while it may have to run again.
        let has_fallback = other.marks.stage == Stage::Confirmed;
        self.spare = if has_fallback { which } else { which.other() };
        Ok(Running::Trial(version))
    }
}
