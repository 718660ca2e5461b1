//! An open device: memory within a budget, work with an end, faults noticed.
//!
//! A device that failed once is dead: every later call says so, and whoever wants to go on opens
//! another. Nothing here waits without a limit.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::GpuError;
use crate::adapter::{Adapter, Software, best, needed_limits};

/// What a device may have and how long it may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of all buffers together.
    pub memory_bytes: u64,
    /// The most bytes that a kernel sees of one buffer, where that is less than the device's own
    /// limit. Weights are cut into pieces of it.
    pub binding_bytes: Option<u64>,
    /// A step takes no longer, or the device counts as hung.
    pub patience: Duration,
    /// Which adapters may serve.
    pub software: Software,
    /// Only what every device has is used, whatever this one has.
    pub portable: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_bytes: u64::MAX,
            binding_bytes: None,
            patience: Duration::from_secs(10),
            software: Software::Refused,
            portable: false,
        }
    }
}

/// An open device; clones share it.
#[derive(Clone)]
pub struct Device {
    inner: Arc<Inner>,
}

struct Inner {
    device: wgpu::Device,
    queue: wgpu::Queue,
    adapter: Adapter,
    limits: Limits,
    used_bytes: AtomicU64,
    /// What it died of.
    fault: Arc<Mutex<Option<GpuError>>>,
    /// Whether it only pretends to work, for tests of what follows.
    hangs: AtomicBool,
}

impl Drop for Inner {
    fn drop(&mut self) {
        // Closing a device waits for its work, without a limit. One that hangs is never closed.
        let fault = self.fault.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*fault, Some(GpuError::Hung(_))) {
            std::mem::forget((self.device.clone(), self.queue.clone()));
        }
    }
}

/// A buffer that counts against its device's budget as long as it is there.
pub(crate) struct Buffer {
    buffer: wgpu::Buffer,
    bytes: u64,
    device: Arc<Inner>,
}

impl Device {
    /// Opens the best adapter that may serve.
    pub fn open(limits: Limits) -> Result<Self, GpuError> {
        let (adapter, described) = best(limits.software)?;
        let refused = |why: String| GpuError::Open { adapter: described.name.clone(), why };
        let own = adapter.limits();
        let mut wanted = needed_limits();
        if !limits.portable {
            wanted.max_storage_buffer_binding_size = own.max_storage_buffer_binding_size;
            wanted.max_buffer_size = own.max_buffer_size;
        }
        // What faster kernels use where it is there.
        let features = match limits.portable {
            true => wgpu::Features::empty(),
            false => adapter.features() & wgpu::Features::SUBGROUP,
        };
        let descriptor = wgpu::DeviceDescriptor {
            label: Some("endcap"),
            required_features: features,
            required_limits: wanted,
            memory_hints: wgpu::MemoryHints::MemoryUsage,
            ..Default::default()
        };
        let opened = ready(adapter.request_device(&descriptor));
        let (device, queue) = opened
            .ok_or_else(|| refused("it is not ready".to_owned()))?
            .map_err(|error| refused(error.to_string()))?;
        let fault = Arc::new(Mutex::new(None));
        watch(&device, &fault);
        let (used_bytes, hangs) = (AtomicU64::new(0), AtomicBool::new(false));
        let inner = Inner { device, queue, adapter: described, limits, used_bytes, fault, hangs };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// What it is.
    pub fn adapter(&self) -> &Adapter {
        &self.inner.adapter
    }

    /// Bytes that its buffers have.
    pub fn used_bytes(&self) -> u64 {
        self.inner.used_bytes.load(Ordering::Relaxed)
    }

    /// The most bytes that a kernel may see of one buffer.
    pub fn binding_bytes(&self) -> u64 {
        let limits = self.inner.device.limits();
        let own = limits.max_storage_buffer_binding_size.min(limits.max_buffer_size);
        self.inner.limits.binding_bytes.unwrap_or(own).min(own)
    }

    /// Whether invocations that run in step can tell each other what they have.
    pub(crate) fn has_subgroups(&self) -> bool {
        self.inner.device.features().contains(wgpu::Features::SUBGROUP)
    }

    /// The device itself, to make pipelines and bind groups.
    pub(crate) fn raw(&self) -> &wgpu::Device {
        &self.inner.device
    }

    /// What it died of, if it did.
    pub fn fault(&self) -> Option<GpuError> {
        self.inner.fault.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Fails where the device is dead.
    pub(crate) fn alive(&self) -> Result<(), GpuError> {
        self.fault().map_or(Ok(()), Err)
    }

    fn die(&self, fault: GpuError) -> GpuError {
        let mut place = self.inner.fault.lock().unwrap_or_else(PoisonError::into_inner);
        place.get_or_insert(fault).clone()
    }

    /// Takes the device away, as a driver that resets does.
    pub fn lose(&self) {
        self.inner.device.destroy();
        let _polled = self.inner.device.poll(wgpu::PollType::Poll);
        self.die(GpuError::Lost("it was taken away".to_owned()));
    }

    /// From now on nothing that it is given comes to an end, as where a driver hangs.
    pub fn hang(&self) {
        self.inner.hangs.store(true, Ordering::Relaxed);
    }

    /// A buffer of `bytes`, rounded up to whole words; `what` names it where there is no room.
    pub(crate) fn buffer(
        &self,
        what: &str,
        bytes: u64,
        usage: wgpu::BufferUsages,
    ) -> Result<Buffer, GpuError> {
        self.alive()?;
        let bytes = bytes.max(16).next_multiple_of(16);
        let budget_bytes = self.inner.limits.memory_bytes;
        let used = &self.inner.used_bytes;
        let before = used.fetch_add(bytes, Ordering::Relaxed);
        let free_bytes = budget_bytes.saturating_sub(before);
        let refused = || {
            used.fetch_sub(bytes, Ordering::Relaxed);
            GpuError::Memory { what: what.to_owned(), bytes, free_bytes, budget_bytes }
        };
        if bytes > free_bytes || bytes > self.inner.device.limits().max_buffer_size {
            return Err(refused());
        }
        let scope = self.inner.device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let buffer = self.inner.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some(what),
            size: bytes,
            usage,
            mapped_at_creation: false,
        });
        if ready(scope.pop()).flatten().is_some() {
            return Err(refused());
        }
        Ok(Buffer { buffer, bytes, device: Arc::clone(&self.inner) })
    }

    /// A buffer that holds `words`, for kernels to read.
    pub(crate) fn upload(&self, what: &str, words: &[u32]) -> Result<Buffer, GpuError> {
        let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST;
        let buffer = self.buffer(what, size_of_val(words) as u64, usage)?;
        self.write(&buffer, 0, words);
        Ok(buffer)
    }

    /// Writes `words` from byte `at` on, before whatever is submitted next.
    pub(crate) fn write(&self, buffer: &Buffer, at: u64, words: &[u32]) {
        if !words.is_empty() {
            self.inner.queue.write_buffer(&buffer.buffer, at, bytemuck::cast_slice(words));
        }
    }

    /// Has the device take in what was written, so that the copies in between need no memory.
    pub(crate) fn settle(&self) -> Result<(), GpuError> {
        self.inner.queue.submit([]);
        self.wait()
    }

    /// Runs commands and waits for their end.
    pub(crate) fn run(&self, commands: wgpu::CommandBuffer) -> Result<(), GpuError> {
        self.alive()?;
        self.inner.queue.submit([commands]);
        self.wait()
    }

    fn wait(&self) -> Result<(), GpuError> {
        let patience = self.inner.limits.patience;
        if self.inner.hangs.load(Ordering::Relaxed) {
            std::thread::sleep(patience);
            return Err(self.die(GpuError::Hung(patience)));
        }
        let wait = wgpu::PollType::Wait { submission_index: None, timeout: Some(patience) };
        match self.inner.device.poll(wait) {
            Ok(_) => self.alive(),
            Err(wgpu::PollError::Timeout) => Err(self.die(GpuError::Hung(patience))),
            Err(error) => Err(self.die(GpuError::Lost(error.to_string()))),
        }
    }

    /// Runs commands and gives the first `words` of `from`, into which they copied.
    pub(crate) fn run_and_read(
        &self,
        commands: wgpu::CommandBuffer,
        from: &Buffer,
        words: usize,
    ) -> Result<Vec<u32>, GpuError> {
        self.alive()?;
        self.inner.queue.submit([commands]);
        let slice = from.buffer.slice(..(words.max(1) * 4) as u64);
        let (told, mapped) = mpsc::channel();
        slice.map_async(wgpu::MapMode::Read, move |outcome| {
            let _reader_may_be_gone = told.send(outcome);
        });
        self.wait()?;
        // Another thread that waits for the same device may be the one that is just telling.
        let patience = self.inner.limits.patience;
        match mapped.recv_timeout(patience) {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(self.die(GpuError::Lost(error.to_string()))),
            Err(_) => return Err(self.die(GpuError::Hung(patience))),
        }
        let view =
            slice.get_mapped_range().map_err(|error| GpuError::Internal(error.to_string()))?;
        let all: Vec<u32> = view
            .chunks_exact(4)
            .take(words)
            .map(|word| u32::from_le_bytes(word.try_into().unwrap_or_default()))
            .collect();
        drop(view);
        from.buffer.unmap();
        Ok(all)
    }
}

impl Buffer {
    pub(crate) fn raw(&self) -> &wgpu::Buffer {
        &self.buffer
    }

    /// Its size.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.buffer.destroy();
        self.device.used_bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// Notes the first thing that goes wrong; where nobody did, the library would panic.
fn watch(device: &wgpu::Device, fault: &Arc<Mutex<Option<GpuError>>>) {
    let note = |fault: &Mutex<Option<GpuError>>, why: String| {
        let mut place = fault.lock().unwrap_or_else(PoisonError::into_inner);
        place.get_or_insert(GpuError::Lost(why));
    };
    let [of_errors, of_loss] = [Arc::clone(fault), Arc::clone(fault)];
    device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| {
        note(&of_errors, error.to_string());
    }));
    device.set_device_lost_callback(move |reason, text| {
        note(&of_loss, format!("{reason:?} {text}"));
    });
}

/// The outcome of what this interface does at once, though it is written as if it took time.
pub(crate) fn ready<T>(future: impl Future<Output = T>) -> Option<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(outcome) => Some(outcome),
        Poll::Pending => None,
    }
}
