//! What is noted of a slot's block: each note a mark of its own, written once.
//!
//! A mark is its kind, the block's version, and two numbers, with a check sum; all little endian. One that was
//! cut while it was written is no blank place any more and says nothing either; what that means is
//! said with each mark.

use embedded_storage::nor_flash::ReadNorFlash;

use crate::block::crc32;
use crate::limits::{MAX_TRIES, MAX_WORD_BYTES};

/// Bytes that a slot's marks take.
pub(super) const MARKS_BYTES: usize = PLACES * MAX_WORD_BYTES;

const PLACES: usize = 2 + 2 * MAX_TRIES;
const BLANK: u8 = 0xff;

/// As a mark is written.
pub(super) type Bytes = [u8; MAX_WORD_BYTES];

/// One note.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    /// The block is whole and was verified. One that was cut is none.
    Complete { bytes: u32, floor: u32 },
    /// It was started, counted from 0. One that was cut counts.
    Try(usize),
    /// It is good, said during that try. One that was cut is none; the next try has its own place.
    Confirmed(usize),
    /// It was given up. One that was cut counts.
    Failed,
}

impl Mark {
    /// Where among a slot's marks.
    pub(super) const fn offset(self) -> u32 {
        let place = match self {
            Self::Complete { .. } => 0,
            Self::Try(number) => 1 + number,
            Self::Confirmed(number) => 1 + MAX_TRIES + number,
            Self::Failed => PLACES - 1,
        };
        (place * MAX_WORD_BYTES) as u32
    }

    const fn kind(self) -> &'static [u8; 4] {
        match self {
            Self::Complete { .. } => b"COMP",
            Self::Try(_) => b"TRY ",
            Self::Confirmed(_) => b"GOOD",
            Self::Failed => b"FAIL",
        }
    }

    /// As it is written for this version.
    pub(super) fn to_bytes(self, version: u32) -> Bytes {
        let (bytes, floor) = match self {
            Self::Complete { bytes, floor } => (bytes, floor),
            _ => (0, 0),
        };
        let mut all = [BLANK; MAX_WORD_BYTES];
        let fields =
            [*self.kind(), version.to_le_bytes(), bytes.to_le_bytes(), floor.to_le_bytes()];
        let (places, _) = all.as_chunks_mut::<4>();
        places.iter_mut().zip(fields).for_each(|(to, from)| *to = from);
        let sum = crc32(&[fields.as_flattened()]).to_le_bytes();
        if let Some(place) = places.get_mut(fields.len()) {
            *place = sum;
        }
        all
    }

    /// The version of which these bytes say this, whatever the mark's numbers are.
    fn said_in(self, bytes: &Bytes) -> Option<(u32, u32, u32)> {
        let (fields, _) = bytes.as_chunks::<4>();
        let [kind, version, length, floor, sum, ..] = fields else { return None };
        let summed = crc32(&[kind, version, length, floor]);
        let right = kind == self.kind() && summed == u32::from_le_bytes(*sum);
        right.then_some((
            u32::from_le_bytes(*version),
            u32::from_le_bytes(*length),
            u32::from_le_bytes(*floor),
        ))
    }
}

/// What a slot's marks say together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// There is no block.
    Blank,
    /// A block that was started so many times.
    Trial(usize),
    /// A block that is good.
    Confirmed,
    /// A block that was given up.
    Failed,
}

/// What is noted of one slot.
#[derive(Debug, Clone, Copy)]
pub(super) struct Marks {
    pub(super) stage: Stage,
    /// Of the block, 0 without one.
    pub(super) version: u32,
    pub(super) bytes: u32,
    floor: u32,
}

impl Marks {
    /// Reads the marks of the slot whose marks begin here.
    pub(super) fn read<F: ReadNorFlash>(flash: &mut F, start: u32) -> Result<Self, F::Error> {
        let mut read = |mark: Mark| {
            let mut bytes = [BLANK; MAX_WORD_BYTES];
            flash.read(start + mark.offset(), &mut bytes).map(|()| bytes)
        };
        let complete = Mark::Complete { bytes: 0, floor: 0 };
        let Some((version, bytes, floor)) = complete.said_in(&read(complete)?) else {
            return Ok(Self { stage: Stage::Blank, version: 0, bytes: 0, floor: 0 });
        };
        let (mut tries, mut good) = (0, false);
        for number in 0..MAX_TRIES {
            tries += usize::from(is_written(&read(Mark::Try(number))?));
            let said = Mark::Confirmed(number).said_in(&read(Mark::Confirmed(number))?);
            good |= said.is_some_and(|(of, ..)| of == version);
        }
        let stage = match (good, is_written(&read(Mark::Failed)?)) {
            (true, _) => Stage::Confirmed,
            (false, true) => Stage::Failed,
            (false, false) => Stage::Trial(tries),
        };
        Ok(Self { stage, version, bytes, floor })
    }

    /// Versions up to this one are not taken again, as far as this slot knows.
    pub(super) fn floor(&self) -> u32 {
        match self.stage {
            Stage::Blank => 0,
            Stage::Trial(_) => self.floor,
            Stage::Confirmed | Stage::Failed => self.floor.max(self.version),
        }
    }
}

fn is_written(bytes: &Bytes) -> bool {
    bytes.iter().any(|byte| *byte != BLANK)
}
