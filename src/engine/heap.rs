//! Memory that was freed, given back to the system.

/// Has the allocator keep few arenas. Each thread that allocates gets one of eight for each core where
/// nobody says otherwise, and each keeps up to 64 MiB of what was freed, out of reach of
/// [`give_back_freed_memory`]: with a thread for each model that is more than the models take. To be
/// called before there are threads.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub fn keep_few_arenas() {
    /// `M_ARENA_MAX` in glibc's malloc.h.
    const ARENA_MAX: std::ffi::c_int = -8;
    const MOST: usize = 4;
    // SAFETY: declared as in glibc's malloc.h. It takes the allocator's own locks, and may be called
    // at any time.
    unsafe extern "C" {
        safe fn mallopt(parameter: std::ffi::c_int, value: std::ffi::c_int) -> std::ffi::c_int;
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    mallopt(ARENA_MAX, cores.clamp(1, MOST) as std::ffi::c_int);
}

/// Other allocators keep little.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn keep_few_arenas() {}

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
