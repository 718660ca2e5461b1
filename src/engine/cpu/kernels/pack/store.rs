//! Where packed lines lie: in memory of their own, or in a file that is mapped.

use std::ops::Range;
use std::sync::Arc;

use memmap2::Mmap;

use super::Line;

/// Lines that do not change.
#[derive(Debug)]
pub(in crate::engine::cpu) enum Lines {
    /// In memory.
    Owned(Vec<Line>),
    /// In a mapped file that several matrices share.
    Mapped(MappedLines),
}

/// A part of a mapped file, aligned to lines.
#[derive(Debug)]
pub(in crate::engine::cpu) struct MappedLines {
    map: Arc<Mmap>,
    /// In lines.
    range: Range<usize>,
}

impl Lines {
    /// The part `bytes` of a file; `None` where it lies outside or is not whole lines.
    pub(in crate::engine::cpu) fn mapped(map: &Arc<Mmap>, bytes: Range<usize>) -> Option<Self> {
        let whole = bytes.start.is_multiple_of(64) && bytes.len().is_multiple_of(64);
        (whole && bytes.start <= bytes.end && bytes.end <= map.len()).then(|| {
            let range = bytes.start / 64..bytes.end / 64;
            Self::Mapped(MappedLines { map: Arc::clone(map), range })
        })
    }

    /// The lines.
    #[inline]
    pub(in crate::engine::cpu) fn as_slice(&self) -> &[Line] {
        match self {
            Self::Owned(lines) => lines,
            Self::Mapped(MappedLines { map, range }) => {
                // SAFETY: maps start at a page; `range` was checked to lie inside; any bytes are
                // lines, and the file is not written once it has its name.
                unsafe {
                    let start = map.as_ptr().cast::<Line>().add(range.start);
                    std::slice::from_raw_parts(start, range.len())
                }
            }
        }
    }
}
