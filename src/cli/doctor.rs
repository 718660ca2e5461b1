//! `endcap doctor`: what this box has, and what is broken.

use std::net::TcpListener;
use std::path::Path;

use clap::Args;
use serde::Serialize;

use super::arguments::Common;
use super::output;
use crate::app::{self, AppError};
use crate::config::{self, Config};
use crate::engine::{Accelerator, Backend, Model, Network, accelerators};
use crate::facts::FactsError;
use crate::packages::{Package, Task};
use crate::telemetry::with_causes;
use crate::units::Bytes;

const EXAMPLES: &str = "\
Examples:
  endcap doctor
  endcap doctor --json | jq '.[] | select(.state != \"ok\")'

Exit code 1 when something is broken.";

/// Memory below which the default model and its KV cache are tight.
const LITTLE_MEMORY_BYTES: u64 = 1 << 30;
/// Disk below which a pull of the default model would fail.
const LITTLE_DISK_BYTES: u64 = 512 << 20;

/// Arguments of `doctor`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Doctor {
    /// As one JSON array
    #[arg(long)]
    json: bool,
}

/// How something stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Ok,
    /// Works, and a person should know.
    Note,
    /// Does not work.
    Broken,
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Finding {
    what: String,
    state: State,
    text: String,
}

impl Finding {
    fn new(what: impl Into<String>, state: State, text: impl Into<String>) -> Self {
        Self { what: what.into(), state, text: text.into() }
    }
}

pub(super) fn run(common: &Common, doctor: &Doctor) -> anyhow::Result<()> {
    let mut findings = vec![processor(), memory()];
    match config::load(&common.sources()) {
        Err(fault) => {
            findings.push(Finding::new("configuration", State::Broken, fault.to_string()));
        }
        Ok(config) => {
            findings.push(Finding::new("configuration", State::Ok, "sound"));
            findings.extend(data(&config.data_dir));
            findings.push(budget(&config));
            findings.extend(graphics(&config));
            findings.extend(packages(&config));
            findings.push(port(&config));
        }
    }
    let broken = findings.iter().filter(|finding| finding.state == State::Broken).count();
    if doctor.json {
        output::json(&findings)?;
    } else {
        for Finding { what, state, text } in &findings {
            let state = match state {
                State::Ok => "ok    ",
                State::Note => "note  ",
                State::Broken => "BROKEN",
            };
            output::line(&format!("{state}  {what}: {text}"))?;
        }
    }
    anyhow::ensure!(broken == 0, "{broken} of {} things are broken", findings.len());
    Ok(())
}

fn processor() -> Finding {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let features = features();
    let text = format!("{}, {cores} cores, {}", std::env::consts::ARCH, features.join(" "));
    Finding::new("processor", State::Ok, text)
}

#[cfg(target_arch = "x86_64")]
fn features() -> Vec<&'static str> {
    let found = [
        ("sse4.1", std::arch::is_x86_feature_detected!("sse4.1")),
        ("avx2", std::arch::is_x86_feature_detected!("avx2")),
        ("fma", std::arch::is_x86_feature_detected!("fma")),
        ("f16c", std::arch::is_x86_feature_detected!("f16c")),
        ("avx512f", std::arch::is_x86_feature_detected!("avx512f")),
        ("avx512vnni", std::arch::is_x86_feature_detected!("avx512vnni")),
        ("avxvnni", std::arch::is_x86_feature_detected!("avxvnni")),
    ];
    found.into_iter().filter(|(_, has)| *has).map(|(name, _)| name).collect()
}

#[cfg(target_arch = "aarch64")]
fn features() -> Vec<&'static str> {
    let found = [
        ("neon", std::arch::is_aarch64_feature_detected!("neon")),
        ("fp16", std::arch::is_aarch64_feature_detected!("fp16")),
        ("dotprod", std::arch::is_aarch64_feature_detected!("dotprod")),
        ("i8mm", std::arch::is_aarch64_feature_detected!("i8mm")),
        ("sve", std::arch::is_aarch64_feature_detected!("sve")),
    ];
    found.into_iter().filter(|(_, has)| *has).map(|(name, _)| name).collect()
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn features() -> Vec<&'static str> {
    Vec::new()
}

/// Memory of the box, or of the container where that is less.
fn memory() -> Finding {
    let mut system = sysinfo::System::new();
    system.refresh_memory();
    let (mut total, mut free) = (system.total_memory(), system.available_memory());
    if let Some(limits) = system.cgroup_limits().filter(|limits| limits.total_memory > 0) {
        total = total.min(limits.total_memory);
        free = free.min(limits.free_memory);
    }
    let state = if free < LITTLE_MEMORY_BYTES { State::Note } else { State::Ok };
    Finding::new("memory", state, format!("{} of {} free", Bytes(free), Bytes(total)))
}

fn data(folder: &Path) -> Vec<Finding> {
    let shown = folder.display();
    let mut findings = Vec::new();
    let writable =
        std::fs::create_dir_all(folder).and_then(|()| tempfile::tempfile_in(folder).map(|_| ()));
    findings.push(match writable {
        Ok(()) => Finding::new("data folder", State::Ok, format!("{shown} can be written")),
        Err(fault) => {
            Finding::new("data folder", State::Broken, format!("writing to {shown}: {fault}"))
        }
    });
    findings.push(match rustix::fs::statvfs(folder) {
        Ok(disk) => {
            let free = disk.f_bavail.saturating_mul(disk.f_frsize);
            let total = disk.f_blocks.saturating_mul(disk.f_frsize);
            let state = if free < LITTLE_DISK_BYTES { State::Note } else { State::Ok };
            Finding::new("disk", state, format!("{} of {} free", Bytes(free), Bytes(total)))
        }
        Err(fault) => Finding::new("disk", State::Broken, format!("{shown}: {fault}")),
    });
    findings
}

/// The memory budget, with what facts and search take before models get the rest.
fn budget(config: &Config) -> Finding {
    let what = "memory budget";
    let memory = match app::measure(config) {
        Ok(memory) => memory,
        Err(AppError::Facts(FactsError::InUse { .. })) => {
            let text = "a running Endcap has the facts; `endcap models ps` tells what they take";
            return Finding::new(what, State::Note, text);
        }
        Err(fault) => return Finding::new(what, State::Broken, with_causes(&fault)),
    };
    let held: u64 = memory.held_bytes.values().sum();
    let each = memory.held_bytes.iter().map(|(name, bytes)| format!("{name} {}", Bytes(*bytes)));
    let text = format!(
        "{}, of it {}; models have {}",
        Bytes(memory.budget_bytes),
        each.collect::<Vec<_>>().join(", "),
        Bytes(memory.budget_bytes.saturating_sub(held))
    );
    let state = if held > memory.budget_bytes / 2 { State::Note } else { State::Ok };
    Finding::new(what, state, text)
}

/// The graphics processors, and which of them would run models.
fn graphics(config: &Config) -> Vec<Finding> {
    let (engine, what) = (&config.engine, "graphics processor");
    if engine.backend == Backend::Cpu {
        let text = "not looked for: engine.backend is \"cpu\"";
        return vec![Finding::new(what, State::Ok, text)];
    }
    let all = accelerators(&engine.graphics);
    if all.iter().all(|accelerator| accelerator.refused.is_some()) {
        let demanded = engine.backend == Backend::Gpu;
        let state = if demanded { State::Broken } else { State::Ok };
        let mut findings = vec![Finding::new(what, state, "none can serve; the processor does")];
        findings.extend(all.iter().map(|accelerator| accelerated(what, accelerator, false)));
        return findings;
    }
    let first = all.iter().enumerate();
    first.map(|(at, accelerator)| accelerated(what, accelerator, at == 0)).collect()
}

fn accelerated(what: &str, accelerator: &Accelerator, first: bool) -> Finding {
    let Accelerator { name, kind, driver, binding_bytes, shared_bytes, invocations, .. } =
        accelerator;
    let subgroups = match accelerator.subgroups {
        Some((least, most)) if least == most => format!(", subgroups of {least}"),
        Some((least, most)) => format!(", subgroups of {least} to {most}"),
        None => String::new(),
    };
    let halves = if accelerator.halves { ", 16-bit floats" } else { "" };
    let does = match &accelerator.refused {
        Some(why) => format!("left alone: {why}"),
        None if first => "runs language models and encoders of texts".to_owned(),
        None => "not needed".to_owned(),
    };
    let text = format!(
        "{name} ({kind}, {driver}): {does}; {} of a buffer, {} shared by {invocations} invocations\
         {subgroups}{halves}",
        Bytes(*binding_bytes),
        Bytes(u64::from(*shared_bytes)),
    );
    Finding::new(what, State::Ok, text)
}

/// Where a model can run, besides the processor.
fn device_of(package: &Package) -> String {
    match Model::device_fault(&package.decoder()) {
        Ok(None) => "a graphics processor can run it".to_owned(),
        Ok(Some(why)) => format!("only the processor runs it ({why})"),
        Err(fault) => with_causes(&fault),
    }
}

/// Every folder of the store, those that do not open included.
fn packages(config: &Config) -> Vec<Finding> {
    let folder = config.data_dir.join("models");
    let Ok(entries) = std::fs::read_dir(&folder) else {
        return vec![nothing_installed()];
    };
    let mut names: Vec<_> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| !name.starts_with('.'))
        .collect();
    names.sort();
    if names.is_empty() {
        return vec![nothing_installed()];
    }
    names.iter().map(|name| package(config, &folder.join(name), name)).collect()
}

fn nothing_installed() -> Finding {
    let text = "none is installed; `endcap demo` or `endcap models pull NAME` fetches one";
    Finding::new("models", State::Note, text)
}

fn package(config: &Config, folder: &Path, name: &str) -> Finding {
    let what = format!("model {name}");
    output::progress_note(&format!("checking {name}"));
    let checked = Package::open(folder).and_then(|package| {
        package.verify()?;
        Ok(package)
    });
    let package = match checked {
        Ok(package) => package,
        Err(fault) => return Finding::new(what, State::Broken, with_causes(&fault)),
    };
    if package.manifest().task == Task::Tensors {
        return network(what, config, &package);
    }
    match Model::check(&package.decoder()) {
        Ok(report) => {
            let text = format!(
                "complete; kernel {}, weights {}, {} of KV memory for each token; {}",
                report.kernel,
                Bytes(report.weight_bytes),
                Bytes(report.kv_bytes_per_token),
                device_of(&package)
            );
            Finding::new(what, State::Ok, text)
        }
        Err(fault) => Finding::new(what, State::Broken, with_causes(&fault)),
    }
}

fn network(what: String, config: &Config, package: &Package) -> Finding {
    match Network::check(&config.engine.budget(), &package.network()) {
        Ok(report) => {
            let device = match &report.device_fault {
                None => "a graphics processor can run its texts".to_owned(),
                Some(why) => format!("only the processor runs it ({why})"),
            };
            let weights = Bytes(report.weight_bytes);
            let text = format!("complete; kernel {}, weights {weights}; {device}", report.kernel);
            Finding::new(what, State::Ok, text)
        }
        Err(fault) => Finding::new(what, State::Broken, with_causes(&fault)),
    }
}

fn port(config: &Config) -> Finding {
    let listen = config.server.listen;
    match TcpListener::bind(listen) {
        Ok(_) => Finding::new("port", State::Ok, format!("{listen} is free")),
        Err(fault) if fault.kind() == std::io::ErrorKind::AddrInUse => {
            let text = format!("{listen} is taken, by a running Endcap or by another program");
            Finding::new("port", State::Note, text)
        }
        Err(fault) => Finding::new("port", State::Broken, format!("{listen}: {fault}")),
    }
}
