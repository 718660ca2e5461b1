//! Flash in a file, with words of 8 bytes and pages of 2 KiB, as small controllers have.

use core::convert::Infallible;
use core::ffi::CStr;

use embedded_storage::nor_flash::{ErrorType, NorFlash, ReadNorFlash};

use crate::host::File;

const WORD: usize = 8;

/// Each word is in the file as soon as it is written, and outlasts the emulator.
#[derive(Debug)]
pub struct FileFlash(File);

impl FileFlash {
    /// All of a file that is there.
    pub fn open(name: &CStr) -> Self {
        Self(File::open(name))
    }
}

impl ErrorType for FileFlash {
    type Error = Infallible;
}

impl ReadNorFlash for FileFlash {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.0.read(offset as usize, bytes);
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.0.len()
    }
}

impl NorFlash for FileFlash {
    const WRITE_SIZE: usize = WORD;
    const ERASE_SIZE: usize = 2048;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), Infallible> {
        for at in (from..to).step_by(WORD) {
            self.0.write(at as usize, &[0xff; WORD]);
        }
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Infallible> {
        for (number, word) in bytes.chunks(WORD).enumerate() {
            self.0.write(offset as usize + number * WORD, word);
        }
        Ok(())
    }
}
