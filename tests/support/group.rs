//! A control group with a limit of memory, beyond which the system ends who is in it.

use std::path::{Path, PathBuf};

/// Where groups are made: of version 1 and version 2.
const ROOTS: [(&str, &str, &str); 2] = [
    ("/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.max_usage_in_bytes"),
    ("/sys/fs/cgroup", "memory.max", "memory.peak"),
];

/// A group of its own, taken away when dropped.
pub(crate) struct Limit {
    folder: PathBuf,
    peak: &'static str,
}

impl Limit {
    /// `None` where this process may not make one.
    pub(crate) fn of(bytes: u64) -> Option<Self> {
        ROOTS.into_iter().find_map(|(root, limit, peak)| {
            let folder = Path::new(root).join(format!("endcap-test-{}", std::process::id()));
            std::fs::create_dir(&folder).ok()?;
            let made = Self { folder, peak };
            std::fs::write(made.folder.join(limit), bytes.to_string()).ok()?;
            Some(made)
        })
    }

    /// What a process writes its number into to be in the group.
    pub(crate) fn members(&self) -> PathBuf {
        self.folder.join("cgroup.procs")
    }

    /// What the group took at most, for people.
    pub(crate) fn told(&self) -> String {
        let peak = std::fs::read_to_string(self.folder.join(self.peak)).unwrap_or_default();
        let peak = peak.trim().parse::<u64>().unwrap_or(0) >> 20;
        format!("{peak} MiB in its group at most")
    }
}

impl Drop for Limit {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir(&self.folder);
    }
}
