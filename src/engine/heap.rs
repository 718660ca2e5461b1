//! Memory that was freed, given back to the system.

/// Gives back what the allocator keeps of freed memory. It keeps most of what loading and ending a
/// model frees, as pieces that lie between others. Blocks for some milliseconds.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub fn give_back_freed_memory() {
    // SAFETY: declared as in glibc's malloc.h. It takes the allocator's own locks, may be called by
    // any thread at any time, and touches only memory that is free.
    unsafe extern "C" {
        safe fn malloc_trim(pad: usize) -> std::ffi::c_int;
    }
    malloc_trim(0);
}

/// Other allocators give memory back by themselves.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn give_back_freed_memory() {}
