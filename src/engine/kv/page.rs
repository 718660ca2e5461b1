//! The bytes of one page.

/// Bytes that a processor fetches at once; strips start at a multiple of it.
const LINE: usize = 64;

/// Bytes that begin at a cache line.
#[derive(Debug)]
pub(super) struct Page {
    bytes: Box<[u8]>,
    from: usize,
    len: usize,
}

impl Page {
    /// `len` zeros.
    pub(super) fn new(len: usize) -> Self {
        let bytes = vec![0; len + LINE].into_boxed_slice();
        let from = bytes.as_ptr().align_offset(LINE).min(LINE);
        Self { bytes, from, len }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes.get(self.from..self.from + self.len).unwrap_or_default()
    }

    pub(super) fn bytes_mut(&mut self) -> &mut [u8] {
        self.bytes.get_mut(self.from..self.from + self.len).unwrap_or_default()
    }
}
