//! Every kernel against a scalar reference, over shapes that fit its tiles and shapes that do not.
//!
//! They run on whatever adapter is first, the processor's own pretence included, and fail where
//! there is none.

mod attention;
pub(crate) mod matrix;
mod mutual;
mod products;
mod rows;

use std::sync::{Mutex, OnceLock, PoisonError};

use self::matrix::Matrix;
use super::{Bound, Kernel, Pipelines, Reduction, bind};
use crate::device::Buffer;
use crate::graph::Function;
use crate::{Device, Kind, Limits, Software};

/// What a result may be off by, as a share of the largest number of the reference: sums of some
/// hundred numbers in another order.
const TOLERANCE: f32 = 2e-5;

/// The device of most of these tests, with nothing but what every device has.
pub(crate) fn device() -> Device {
    static DEVICE: OnceLock<Device> = OnceLock::new();
    DEVICE.get_or_init(|| open(true)).clone()
}

/// The same with all that it has.
pub(crate) fn device_with_all() -> Device {
    static DEVICE: OnceLock<Device> = OnceLock::new();
    DEVICE.get_or_init(|| open(false)).clone()
}

/// The ways to add up that there are here; a processor that pretends has them all.
fn reductions() -> Vec<Reduction> {
    let device = device_with_all();
    assert!(device.has_subgroups() || device.adapter().kind != Kind::Software);
    let all = [Reduction::Shared, Reduction::Subgroups].into_iter();
    all.filter(|way| *way == Reduction::Shared || device.has_subgroups()).collect()
}

fn open(portable: bool) -> Device {
    let limits = Limits { software: Software::Allowed, portable, ..Limits::default() };
    Device::open(limits).unwrap_or_else(|error| {
        panic!("{error}; on Debian `apt-get install mesa-vulkan-drivers libvulkan1` gives one")
    })
}

/// Numbers that look like chance, the same each time.
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn word(&mut self) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as u32
    }

    /// In -1..1.
    pub(crate) fn float(&mut self) -> f32 {
        self.word() as f32 / u32::MAX as f32 * 2.0 - 1.0
    }

    pub(crate) fn floats(&mut self, count: usize) -> Vec<f32> {
        (0..count).map(|_| self.float()).collect()
    }
}

/// The function in exact arithmetic, but for the error function's own series.
pub(crate) fn exact(function: Function, x: f32) -> f32 {
    let x = f64::from(x);
    // (Abramowitz and Stegun 7.1.5), summed until nothing is added.
    let erf = |x: f64| {
        let (mut sum, mut term) = (x, x);
        for n in 1..200 {
            term *= -x * x / f64::from(n);
            sum += term / f64::from(2 * n + 1);
        }
        if x.abs() > 5.0 { x.signum() } else { sum * std::f64::consts::FRAC_2_SQRT_PI }
    };
    let value = match function {
        Function::None => x,
        Function::Relu => x.max(0.0),
        Function::Gelu => 0.5 * x * (1.0 + erf(x * std::f64::consts::FRAC_1_SQRT_2)),
        Function::GeluTanh => {
            let inner = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x.powi(3));
            0.5 * x * (1.0 + inner.tanh())
        }
        Function::Tanh => x.tanh(),
        Function::Sigmoid => 1.0 / (1.0 + (-x).exp()),
    };
    value as f32
}

fn bits(floats: &[f32]) -> Vec<u32> {
    floats.iter().map(|f| f.to_bits()).collect()
}

/// Runs a kernel once; gives the words of the buffers named in `results`.
fn run(
    kernel: &Kernel,
    buffers: &[(usize, Vec<u32>)],
    uniforms: [[u32; 4]; 2],
    groups: [u32; 3],
    results: &[usize],
) -> Vec<Vec<u32>> {
    static PIPELINES: OnceLock<Mutex<Pipelines>> = OnceLock::new();
    static FASTER: OnceLock<Mutex<Pipelines>> = OnceLock::new();
    let (device, pipelines) = match kernel.text.contains("subgroup") {
        true => (device_with_all(), &FASTER),
        false => (device(), &PIPELINES),
    };
    let pipelines = pipelines.get_or_init(Mutex::default);
    let pipeline =
        pipelines.lock().unwrap_or_else(PoisonError::into_inner).get(&device, kernel).unwrap();
    let uses = wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::COPY_SRC;
    let make = |words: &[u32], usage| {
        let buffer = device.buffer("test", size_of_val(words) as u64, usage | uses).unwrap();
        device.write(&buffer, 0, words);
        buffer
    };
    let stored: Vec<(usize, Buffer)> = buffers
        .iter()
        .map(|(binding, words)| (*binding, make(words, wgpu::BufferUsages::STORAGE)))
        .collect();
    let uniform = uniforms.map(|words| make(&words, wgpu::BufferUsages::UNIFORM));
    let mut bound: Vec<_> = stored.iter().map(|(at, buffer)| Bound::whole(*at, buffer)).collect();
    for (at, buffer) in uniform.iter().enumerate() {
        if kernel.text.contains(&format!("@binding({at})")) {
            bound.push(Bound::whole(at, buffer));
        }
    }
    let group = bind(&device, &pipeline, &bound).unwrap();
    let mut encoder = device.raw().create_command_encoder(&Default::default());
    let mut pass = encoder.begin_compute_pass(&Default::default());
    pass.set_pipeline(&pipeline);
    pass.set_bind_group(0, &group, &[]);
    pass.dispatch_workgroups(groups[0], groups[1], groups[2]);
    drop(pass);
    device.run(encoder.finish()).unwrap();
    let read = |wanted: &usize| {
        let (_, buffer) = stored.iter().find(|(at, _)| at == wanted).unwrap();
        let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
        let staging = device.buffer("staging", buffer.bytes(), usage).unwrap();
        let mut encoder = device.raw().create_command_encoder(&Default::default());
        encoder.copy_buffer_to_buffer(buffer.raw(), 0, staging.raw(), 0, buffer.bytes());
        device.run_and_read(encoder.finish(), &staging, (buffer.bytes() / 4) as usize).unwrap()
    };
    results.iter().map(read).collect()
}

fn floats(words: &[u32]) -> Vec<f32> {
    words.iter().map(|&word| f32::from_bits(word)).collect()
}

/// Fails where a number is further from its reference than [`TOLERANCE`].
pub(crate) fn near(have: &[f32], want: &[f32], what: &str) {
    assert_eq!(have.len(), want.len(), "{what}");
    let largest = want.iter().fold(1e-3f32, |most, w| most.max(w.abs()));
    for (at, (have, want)) in have.iter().zip(want).enumerate() {
        let off = (have - want).abs() / largest;
        assert!(off <= TOLERANCE, "{what}: number {at} is {have} and not {want}");
    }
}
