//! The computer that emulates the device: its files, and what is said to whoever watches.

use core::ffi::CStr;
use core::panic::PanicInfo;

use cortex_m_semihosting::{debug, syscall};

/// Modes of semihosting's open: as in C, `rb` and `r+b`.
const READ: usize = 1;
const READ_AND_WRITE: usize = 3;
const STANDARD_OUTPUT_MODE: usize = 4;

/// A file of the computer.
#[derive(Debug, Clone, Copy)]
pub struct File(usize);

impl File {
    /// One that is there, for reading and writing.
    pub fn open(name: &CStr) -> Self {
        Self::with_mode(name, READ_AND_WRITE)
    }

    fn with_mode(name: &CStr, mode: usize) -> Self {
        // SAFETY: the name ends with a zero and outlives the call.
        let handle = unsafe { syscall!(OPEN, name.as_ptr(), mode, name.to_bytes().len()) };
        if handle == usize::MAX {
            fail("a file is not there");
        }
        Self(handle)
    }

    /// Its bytes from this one on. What is behind its end stays as it was.
    pub fn read(self, at: usize, bytes: &mut [u8]) {
        // SAFETY: the buffer is ours, and no more than its length is written.
        let unread = unsafe {
            syscall!(SEEK, self.0, at);
            syscall!(READ, self.0, bytes.as_mut_ptr(), bytes.len())
        };
        if unread != 0 {
            fail("a file is too short");
        }
    }

    /// Puts these bytes from this one on.
    pub fn write(self, at: usize, bytes: &[u8]) {
        // SAFETY: the buffer outlives the call, which only reads it.
        let unwritten = unsafe {
            syscall!(SEEK, self.0, at);
            syscall!(WRITE, self.0, bytes.as_ptr(), bytes.len())
        };
        if unwritten != 0 {
            fail("a file cannot be written");
        }
    }

    /// Bytes that it has.
    pub fn len(self) -> usize {
        // SAFETY: this only names the file.
        unsafe { syscall!(FLEN, self.0) }
    }

    fn close(self) {
        // SAFETY: this only names the file.
        unsafe { syscall!(CLOSE, self.0) };
    }
}

/// A whole file.
pub fn read_file(name: &CStr, bytes: &mut [u8]) {
    let file = File::with_mode(name, READ);
    file.read(0, bytes);
    file.close();
}

/// Says something with a number behind it, in one line.
pub fn say(text: &str, number: u32) {
    let mut digits = [b'\n'; 11];
    let mut first = digits.len() - 1;
    let mut rest = number;
    while first > 0 {
        first -= 1;
        digits[first] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    let out = File::with_mode(c":tt", STANDARD_OUTPUT_MODE);
    for part in [text.as_bytes(), b" ", &digits[first..]] {
        // SAFETY: the buffer outlives the call, which only reads it.
        unsafe { syscall!(WRITE, out.0, part.as_ptr(), part.len()) };
    }
    out.close();
}

/// Says why and ends the emulation.
pub fn fail(why: &str) -> ! {
    // SAFETY: what is said has its length.
    unsafe {
        let out = syscall!(OPEN, c":tt".as_ptr(), STANDARD_OUTPUT_MODE, 3);
        syscall!(WRITE, out, why.as_ptr(), why.len());
    }
    loop {
        debug::exit(debug::EXIT_FAILURE);
    }
}

#[panic_handler]
fn panicked(_: &PanicInfo<'_>) -> ! {
    fail("panicked\n")
}
