//! How deep the stack has been.

use core::ptr::{addr_of, read_volatile, write_volatile};

const PAINT: u32 = 0xa5a5_a5a5;

unsafe extern "C" {
    /// The first byte behind what is in memory from the start on, from the linker.
    static __sheap: u32;
    /// The first byte behind the memory, where the stack begins.
    static _stack_start: u32;
}

fn free() -> impl Iterator<Item = *mut u32> {
    let (from, to) = (addr_of!(__sheap) as usize, addr_of!(_stack_start) as usize);
    (from..to).step_by(4).map(|at| at as *mut u32)
}

/// Fills what the stack has not reached yet.
pub fn paint() {
    let here = 0_u32;
    let deepest = addr_of!(here) as usize - 256;
    for word in free().take_while(|word| (*word as usize) < deepest) {
        // SAFETY: below the stack and above everything else, memory is nobody's.
        unsafe { write_volatile(word, PAINT) };
    }
}

/// Bytes that the stack has taken at most since it was painted.
pub fn used() -> u32 {
    // SAFETY: this is memory, and only read.
    let unpainted = free().skip_while(|word| unsafe { read_volatile(*word) } == PAINT);
    4 * unpainted.count() as u32
}
