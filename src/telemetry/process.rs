//! What the operating system says of this process, read when the metrics are.

use std::sync::atomic::AtomicU64;

use prometheus_client::metrics::counter::{Atomic, Counter};
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use sysinfo::{ProcessRefreshKind, ProcessesToUpdate, System};

use super::names::Metric;

#[derive(Debug)]
pub(super) struct Process {
    start: Gauge,
    memory: Gauge,
    cpu: Counter<f64, AtomicU64>,
    files: Gauge,
}

impl Process {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let process = Self {
            start: Gauge::default(),
            memory: Gauge::default(),
            cpu: Counter::default(),
            files: Gauge::default(),
        };
        Metric::ProcessStart.register(registry, process.start.clone());
        Metric::ProcessMemory.register(registry, process.memory.clone());
        Metric::ProcessCpu.register(registry, process.cpu.clone());
        Metric::ProcessFiles.register(registry, process.files.clone());
        process
    }

    pub(super) fn refresh(&self) {
        let Ok(pid) = sysinfo::get_current_pid() else { return };
        let mut system = System::new();
        let kind = ProcessRefreshKind::nothing().with_memory().with_cpu();
        system.refresh_processes_specifics(ProcessesToUpdate::Some(&[pid]), false, kind);
        let Some(process) = system.process(pid) else { return };
        self.start.set(process.start_time() as i64);
        self.memory.set(process.memory() as i64);
        let cpu_s = process.accumulated_cpu_time() as f64 / 1000.0;
        // Two scrapes at once may meet here: a counter never goes back.
        self.cpu.inner().inc_by((cpu_s - self.cpu.get()).max(0.0));
        if let Some(files) = process.open_files() {
            self.files.set(files as i64);
        }
    }
}
