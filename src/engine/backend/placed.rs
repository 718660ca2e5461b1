//! An encoder on a graphics processor.

use endcap_gpu as gpu;

use super::super::budget::{Account, Budget};
use super::super::cpu::NetworkState;
use super::super::{Config, Derived};
use super::Accelerator;
use super::graphics::{Opened, accelerator, hold, tuning};
use super::texts::TextTimes;

/// Tokens that a device computes together: the longest text that it takes. Longer ones are the
/// processor's.
const ROWS: usize = 1024;
/// The same on a processor that pretends to be one.
const SOFTWARE_ROWS: usize = 128;

/// What is known of an encoder on a device; the encoder itself is with the plan around it.
pub(super) struct Placed {
    device: gpu::Device,
    accelerator: Accelerator,
    identity: String,
    tuning: gpu::Tuning,
    was_tried: bool,
    /// What it has of the budget, where the device's memory is the processor's.
    _account: Account,
}

impl Placed {
    /// Puts an encoder on the best device; the sentence says why it cannot be there.
    pub(super) fn new(
        state: &mut NetworkState,
        derived: Option<&Derived>,
        config: &Config,
        budget: &Budget,
    ) -> Result<Self, String> {
        let graph = state.graph().map_err(|unfit| unfit.to_string())?;
        let Opened { device, identity, found } = Opened::<TextTimes>::of(derived, config)?;
        let kind = device.adapter().kind;
        let tuning = tuning(&device, &graph, found.as_ref())?;
        let rows = if kind == gpu::Kind::Software { SOFTWARE_ROWS } else { ROWS };
        let encoder = gpu::Encoder::new(&device, &graph, rows, tuning);
        let encoder = encoder.map_err(|error| error.to_string())?;
        let mut account = budget.open();
        if kind != gpu::Kind::Discrete {
            hold(&mut account, encoder.bytes(), budget)?;
        }
        state.put(encoder)?;
        Ok(Self {
            accelerator: accelerator(device.adapter().clone()),
            device,
            identity,
            tuning,
            was_tried: found.is_some(),
            _account: account,
        })
    }

    /// What it is on.
    pub(super) fn accelerator(&self) -> &Accelerator {
        &self.accelerator
    }

    /// Device and driver.
    pub(super) fn identity(&self) -> &str {
        &self.identity
    }

    /// Whether a trial at an earlier start found something that holds.
    pub(super) fn was_tried(&self) -> bool {
        self.was_tried
    }

    /// Which kernels it runs.
    pub(super) fn tuning(&self) -> String {
        self.tuning.name()
    }

    /// What the device died of, if it did.
    pub(super) fn fault(&self) -> Option<String> {
        self.device.fault().map(|fault| fault.to_string())
    }

    /// Takes it from the device, and gives back what it has of the budget.
    pub(super) fn end(self, state: &mut NetworkState) {
        state.take_back();
    }

    /// The device, for tests of what follows when it breaks.
    #[cfg(test)]
    pub(super) fn device(&self) -> &gpu::Device {
        &self.device
    }
}
