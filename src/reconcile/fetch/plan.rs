//! Which chunks are there, and what to ask for next. Nothing here does I/O.

use std::ops::Range;

use crate::protocol::documents::Artefact;

/// One bit for each chunk of a file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Chunks {
    have: Vec<bool>,
    missing: usize,
}

impl Chunks {
    /// None of them.
    pub(super) fn none(artefact: &Artefact) -> Self {
        Self { have: vec![false; artefact.chunks.len()], missing: artefact.chunks.len() }
    }

    /// From bytes of which nobody knows whether they are right: they only say what to look at.
    pub(super) fn parse(artefact: &Artefact, bytes: &[u8]) -> Self {
        let mut chunks = Self::none(artefact);
        for index in 0..artefact.chunks.len() {
            let byte = bytes.get(index / 8).copied().unwrap_or(0);
            if byte >> (index % 8) & 1 == 1 {
                chunks.set(index as u32, true);
            }
        }
        chunks
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let byte =
            |bits: &[bool]| bits.iter().rev().fold(0, |byte: u8, bit| byte << 1 | u8::from(*bit));
        self.have.chunks(8).map(byte).collect()
    }

    pub(super) fn set(&mut self, index: u32, there: bool) {
        if let Some(bit) = self.have.get_mut(index as usize)
            && *bit != there
        {
            *bit = there;
            if there { self.missing -= 1 } else { self.missing += 1 }
        }
    }

    pub(super) fn has(&self, index: u32) -> bool {
        self.have.get(index as usize).copied().unwrap_or(false)
    }

    /// How many are not there.
    pub(super) fn missing(&self) -> usize {
        self.missing
    }

    pub(super) fn missing_bytes(&self, artefact: &Artefact) -> u64 {
        let missing = artefact.chunks().filter(|chunk| !self.has(chunk.index));
        missing.map(|chunk| u64::from(chunk.bytes)).sum()
    }

    /// The first run of missing chunks, of at most so many bytes, though at least one chunk.
    pub(super) fn next_run(&self, artefact: &Artefact, max_bytes: u64) -> Option<Range<u32>> {
        let first = self.have.iter().position(|there| !there)?;
        let run = self.have.iter().skip(first).take_while(|there| !**there).count();
        let most = (max_bytes / u64::from(artefact.chunk_bytes)).max(1);
        let run = run.min(usize::try_from(most).unwrap_or(usize::MAX));
        Some(first as u32..(first + run) as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{Digest, List};

    fn artefact(chunks: usize) -> Artefact {
        let digests = List::new(vec![Digest([0; 32]); chunks]).unwrap();
        let (size_bytes, digest) = (chunks as u64 * 10, Digest([0; 32]));
        Artefact { size_bytes, digest, chunk_bytes: 10, chunks: digests }
    }

    #[test]
    fn what_is_noted_is_read_as_it_was() {
        bolero::check!().with_type::<Vec<bool>>().for_each(|bits| {
            let artefact = artefact(bits.len());
            let mut chunks = Chunks::none(&artefact);
            for (index, bit) in bits.iter().enumerate() {
                chunks.set(index as u32, *bit);
            }
            assert_eq!(Chunks::parse(&artefact, &chunks.to_bytes()), chunks);
            assert_eq!(chunks.missing(), bits.iter().filter(|bit| !**bit).count());
        });
    }

    #[test]
    fn runs_ask_for_each_missing_chunk_once_and_for_no_other() {
        bolero::check!().with_type::<(Vec<bool>, u8)>().for_each(|(bits, most)| {
            let artefact = artefact(bits.len());
            let mut chunks = Chunks::none(&artefact);
            bits.iter().enumerate().for_each(|(index, bit)| chunks.set(index as u32, *bit));
            while let Some(run) = chunks.next_run(&artefact, u64::from(*most)) {
                assert!(!run.is_empty() && (run.len() as u64 * 10 <= u64::from(*most).max(10)));
                for index in run {
                    assert!(!chunks.has(index) && (index as usize) < bits.len());
                    chunks.set(index, true);
                }
            }
            assert_eq!(chunks.missing(), 0);
        });
    }
}
