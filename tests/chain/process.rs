//! A process, and what the system says that it takes.

use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Ticks of the processor's time in a second, on every Linux there is.
const TICKS_PER_S: f64 = 100.0;

/// A child whose output goes to a file, which ends with its value.
pub(super) struct Process {
    child: Child,
}

/// What a process has taken so far.
#[derive(Debug, Clone, Copy)]
pub(super) struct Taken {
    pub(super) cpu_s: f64,
    pub(super) memory_bytes: u64,
    pub(super) most_memory_bytes: u64,
}

impl Process {
    /// Starts it; what it says is added to `log`.
    pub(super) fn start(command: &mut Command, log: &Path) -> Self {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(log).unwrap();
        let child = command
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        Self { child }
    }

    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(super) fn taken(&self) -> Taken {
        taken(&self.id().to_string())
    }

    /// Ends it at once, as a power cut does.
    pub(super) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a process has taken, by its number or `self`.
pub(super) fn taken(process: &str) -> Taken {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    // Behind the name, which may have spaces; user and system time are the 12th and 13th field.
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks = |at: usize| fields[at].parse::<f64>().unwrap();
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let bytes = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
    };
    Taken {
        cpu_s: (ticks(11) + ticks(12)) / TICKS_PER_S,
        memory_bytes: bytes("VmRSS"),
        most_memory_bytes: bytes("VmHWM"),
    }
}
