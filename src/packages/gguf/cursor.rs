//! Reading forward through a file without ever leaving it.

use super::GgufError;

/// A position in a file; each read names the field it reads for.
#[derive(Debug)]
pub(super) struct Cursor<'a> {
    file: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(file: &'a [u8]) -> Self {
        Self { file, at: 0 }
    }

    pub(super) fn position(&self) -> u64 {
        self.at as u64
    }

    pub(super) fn file(&self) -> &'a [u8] {
        self.file
    }

    pub(super) fn left(&self) -> u64 {
        (self.file.len() - self.at) as u64
    }

    pub(super) fn take(&mut self, field: &str, length: u64) -> Result<&'a [u8], GgufError> {
        let taken = usize::try_from(length)
            .ok()
            .and_then(|length| self.file.get(self.at..)?.get(..length))
            .ok_or_else(|| GgufError::Short {
                field: field.to_owned(),
                at: self.at as u64,
                wanted: length,
                left: self.left(),
            })?;
        self.at += taken.len();
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self, field: &str) -> Result<[u8; N], GgufError> {
        let mut bytes = [0; N];
        bytes.copy_from_slice(self.take(field, N as u64)?);
        Ok(bytes)
    }

    pub(super) fn u32(&mut self, field: &str) -> Result<u32, GgufError> {
        self.array(field).map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self, field: &str) -> Result<u64, GgufError> {
        self.array(field).map(u64::from_le_bytes)
    }

    /// A string with its length before it.
    pub(super) fn string(&mut self, field: &str, max_bytes: u64) -> Result<&'a str, GgufError> {
        let length = self.u64(field)?;
        if length > max_bytes {
            let field = format!("the length of {field}");
            return Err(GgufError::TooMany { field, value: length, limit: max_bytes });
        }
        let bytes = self.take(field, length)?;
        std::str::from_utf8(bytes).map_err(|fault| GgufError::Bad {
            field: field.to_owned(),
            value: format!("{} bytes with a fault at {}", bytes.len(), fault.valid_up_to()),
            allowed: "UTF-8",
        })
    }

    /// Checks a count of things that take at least `least_bytes` each from here on.
    pub(super) fn count(
        &self,
        field: &str,
        count: u64,
        max: u64,
        least_bytes: u64,
    ) -> Result<usize, GgufError> {
        let limit = max.min(self.left() / least_bytes);
        usize::try_from(count).ok().filter(|_| count <= limit).ok_or_else(|| GgufError::TooMany {
            field: field.to_owned(),
            value: count,
            limit,
        })
    }
}
