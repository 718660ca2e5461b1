//! Seconds, by the processor's own timer.

use cortex_m::Peripherals;
use cortex_m::peripheral::SYST;
use cortex_m::peripheral::syst::SystClkSource;

/// Of the board's clock, in a hundredth of a second.
const TICKS: u32 = 25_000_000 / 100;

/// Counts hundredths of a second while somebody waits.
pub struct Clock(SYST);

impl Clock {
    /// The one that there is.
    pub fn start() -> Self {
        let Some(peripherals) = Peripherals::take() else { crate::host::fail("a second clock") };
        let mut timer = peripherals.SYST;
        timer.set_clock_source(SystClkSource::Core);
        timer.set_reload(TICKS - 1);
        timer.clear_current();
        timer.enable_counter();
        Self(timer)
    }

    /// What `poll` finds within so many seconds.
    pub fn within<T>(&mut self, seconds: u32, mut poll: impl FnMut() -> Option<T>) -> Option<T> {
        let mut left = seconds * 100;
        while left > 0 {
            if let Some(found) = poll() {
                return Some(found);
            }
            left -= u32::from(self.0.has_wrapped());
        }
        None
    }
}
