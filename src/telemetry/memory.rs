//! What this process took of the box's memory.

/// The most bytes this process had in memory so far, mapped files included; `None` where the
/// system does not tell.
pub fn peak_memory_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok()?.checked_mul(1024)
}

/// Lets [`peak_memory_bytes`] count from what the process has now, where the system can.
pub fn forget_peak_memory() {
    // The kernel's own word for it; without it the peak is that since the start.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

#[cfg(test)]
mod tests {
    #[test]
    #[cfg(target_os = "linux")]
    fn the_peak_grows_with_what_is_written() {
        let before = super::peak_memory_bytes().unwrap();
        let bytes = vec![1u8; 64 << 20];
        assert!(bytes.iter().all(|&byte| byte == 1));
        assert!(super::peak_memory_bytes().unwrap() >= before);
        assert!(super::peak_memory_bytes().unwrap() >= 64 << 20);
    }
}
