//! The board's first UART (CMSDK), polled.

use core::ptr::{read_volatile, write_volatile};

const DATA: *mut u32 = 0x4000_4000 as *mut u32;
const STATE: *const u32 = 0x4000_4004 as *const u32;
const CONTROL: *mut u32 = 0x4000_4008 as *mut u32;
const DIVIDER: *mut u32 = 0x4000_4010 as *mut u32;

const SENDS_STILL: u32 = 1;
const HAS_BYTE: u32 = 2;
const SEND_AND_RECEIVE: u32 = 3;

/// The line to the box.
pub struct Serial;

impl Serial {
    /// At 115200 baud, as far as an emulator cares.
    pub fn open() -> Self {
        // SAFETY: these are the UART's registers on this board, and nobody else uses them.
        unsafe {
            write_volatile(DIVIDER, 217);
            write_volatile(CONTROL, SEND_AND_RECEIVE);
        }
        Self
    }

    /// Sends all of it.
    pub fn send(&mut self, bytes: &[u8]) {
        for byte in bytes {
            // SAFETY: as in `open`.
            unsafe {
                while read_volatile(STATE) & SENDS_STILL != 0 {}
                write_volatile(DATA, u32::from(*byte));
            }
        }
    }

    /// A byte, if there is one.
    pub fn take(&mut self) -> Option<u8> {
        // SAFETY: as in `open`.
        unsafe { (read_volatile(STATE) & HAS_BYTE != 0).then(|| read_volatile(DATA) as u8) }
    }
}
