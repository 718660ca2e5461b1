//! The graphics processors of this machine, and which of them may serve.

use std::sync::OnceLock;

use serde::Serialize;

use crate::GpuError;

/// What kind of thing an adapter is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// With memory of its own.
    Discrete,
    /// Shares the processor's memory.
    Integrated,
    /// Of a virtual machine.
    Virtual,
    /// The processor, pretending.
    Software,
    /// It does not say.
    Other,
}

/// A graphics processor and what its driver promises.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Adapter {
    /// As its maker calls it.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// The driver and its version.
    pub driver: String,
    /// The interface by which it is reached, such as `vulkan`.
    pub interface: String,
    /// PCI numbers of maker and model.
    pub vendor: u32,
    /// See `vendor`.
    pub device: u32,
    /// The most bytes that a kernel sees of one buffer.
    pub binding_bytes: u64,
    /// The most bytes of one buffer.
    pub buffer_bytes: u64,
    /// Bytes that the invocations of a workgroup share.
    pub shared_bytes: u32,
    /// Invocations of a workgroup at most.
    pub invocations: u32,
    /// Whether it has 16-bit floats.
    pub halves: bool,
    /// Invocations that run in step, at least and at most; `None` where they cannot talk.
    pub subgroups: Option<(u32, u32)>,
    /// Why it cannot serve; `None` where it can.
    pub refused: Option<String>,
}

/// Which adapters may serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Software {
    /// A processor that pretends to be a graphics processor is slower than its own kernels.
    #[default]
    Refused,
    /// For tests.
    Allowed,
}

impl Adapter {
    fn of(adapter: &wgpu::Adapter, software: Software) -> Self {
        let (info, limits, features) = (adapter.get_info(), adapter.limits(), adapter.features());
        let subgroups = features.contains(wgpu::Features::SUBGROUP);
        let kind = match info.device_type {
            wgpu::DeviceType::DiscreteGpu => Kind::Discrete,
            wgpu::DeviceType::IntegratedGpu => Kind::Integrated,
            wgpu::DeviceType::VirtualGpu => Kind::Virtual,
            wgpu::DeviceType::Cpu => Kind::Software,
            wgpu::DeviceType::Other => Kind::Other,
        };
        let driver = format!("{} {}", info.driver, info.driver_info);
        let mut this = Self {
            name: info.name,
            kind,
            driver: driver.trim().to_owned(),
            interface: info.backend.to_string(),
            vendor: info.vendor,
            device: info.device,
            binding_bytes: limits.max_storage_buffer_binding_size,
            buffer_bytes: limits.max_buffer_size,
            shared_bytes: limits.max_compute_workgroup_storage_size,
            invocations: limits.max_compute_invocations_per_workgroup,
            halves: features.contains(wgpu::Features::SHADER_F16),
            subgroups: subgroups.then_some((info.subgroup_min_size, info.subgroup_max_size)),
            refused: None,
        };
        this.refused = this.fault(&limits, software);
        this
    }

    /// What stands against it.
    fn fault(&self, limits: &wgpu::Limits, software: Software) -> Option<String> {
        if self.kind == Kind::Software && software == Software::Refused {
            return Some("it is the processor, and slower than the processor's own kernels".into());
        }
        let mut fault = None;
        needed_limits().check_limits_with_fail_fn(limits, true, |name, needed, has| {
            fault = Some(format!("{name} is {has}, and {needed} is needed"));
        });
        fault
    }

    /// Tells it from others, and its driver from earlier ones.
    pub fn identity(&self) -> String {
        let Self { interface, vendor, device, name, driver, .. } = self;
        format!("{interface} {vendor:04x}:{device:04x} {name} {driver}")
    }

    /// How gladly it is taken: the largest is tried first.
    fn rank(&self) -> u8 {
        match self.kind {
            Kind::Discrete => 4,
            Kind::Integrated => 3,
            Kind::Virtual => 2,
            Kind::Other => 1,
            Kind::Software => 0,
        }
    }
}

/// What every kernel of ours gets along with: the portable base.
pub(crate) fn needed_limits() -> wgpu::Limits {
    wgpu::Limits {
        max_storage_buffers_per_shader_stage: 8,
        max_compute_workgroup_storage_size: 16 << 10,
        max_compute_invocations_per_workgroup: 256,
        max_compute_workgroup_size_x: 256,
        max_compute_workgroups_per_dimension: 65_535,
        max_storage_buffer_binding_size: 128 << 20,
        max_buffer_size: 128 << 20,
        ..wgpu::Limits::downlevel_defaults()
    }
}

/// Every adapter of this machine, those that may serve first, and of these the fastest kind.
pub fn adapters(software: Software) -> Vec<Adapter> {
    if software == Software::Refused && !has_hardware() {
        return Vec::new();
    }
    found(software).into_iter().map(|(_, adapter)| adapter).collect()
}

/// Whether there is anything that a driver could drive. Looking for adapters loads every driver there
/// is, a compiler for the processor's pretence among them, and takes tens of megabytes.
fn has_hardware() -> bool {
    const NODES: [&str; 6] = ["nvidiactl", "kgsl-3d0", "mali0", "dxg", "nvhost-gpu", "pvr_sync"];
    let render =
        |entry: std::fs::DirEntry| entry.file_name().to_string_lossy().starts_with("renderD");
    let rendering = std::fs::read_dir("/dev/dri").into_iter().flatten().flatten().any(render);
    let elsewhere = !cfg!(target_os = "linux");
    elsewhere
        || rendering
        || NODES.iter().any(|node| std::path::Path::new("/dev").join(node).exists())
}

/// What reaches the system's drivers. It is never given up: drivers leave handlers for the end of the
/// process, which must find them where they were while other threads let go of their devices.
fn instance() -> &'static wgpu::Instance {
    static INSTANCE: OnceLock<wgpu::Instance> = OnceLock::new();
    INSTANCE.get_or_init(|| {
        wgpu::Instance::new(wgpu::InstanceDescriptor {
            backends: wgpu::Backends::PRIMARY,
            flags: wgpu::InstanceFlags::empty(),
            ..wgpu::InstanceDescriptor::new_without_display_handle()
        })
    })
}

/// [`adapters`], whatever there is to drive.
pub(crate) fn found(software: Software) -> Vec<(wgpu::Adapter, Adapter)> {
    let listed = crate::device::ready(instance().enumerate_adapters(wgpu::Backends::PRIMARY));
    let mut all: Vec<_> = listed
        .unwrap_or_default()
        .into_iter()
        .map(|adapter| {
            let described = Adapter::of(&adapter, software);
            (adapter, described)
        })
        .collect();
    all.sort_by_key(|(_, a)| (a.refused.is_some(), std::cmp::Reverse(a.rank())));
    all
}

/// The adapter that is to serve: the first that may.
pub(crate) fn best(software: Software) -> Result<(wgpu::Adapter, Adapter), GpuError> {
    let mut refused = Vec::new();
    if software == Software::Refused && !has_hardware() {
        return Err(GpuError::NoAdapter { refused });
    }
    for (adapter, described) in found(software) {
        match &described.refused {
            None => return Ok((adapter, described)),
            Some(why) => refused.push(format!("{}: {why}", described.name)),
        }
    }
    Err(GpuError::NoAdapter { refused })
}
