//! What small devices should run: profiles in TOML, rendered and signed for each device, offered to it,
//! and what became of that.
//!
//! [`Profiles`] are layers, from the chain down to one device, and make settings. [`Firmware`] keeps a
//! signed block for each device of its store, under a version that only rises, and answers devices
//! ([`Firmware::hear`] where it is known who speaks, [`Firmware::talk`] on a line where anybody may).
//! [`Firmware::devices`] tells which devices run what they should. Blocks, slots and the link itself are
//! `firmware-config`'s.
//!
//! **Invariants**
//! - A block is kept on the disk before it is offered: a version never stands for two blocks.
//! - Only what changed for a device gets another version; a restart changes nothing.
//! - Profiles with a fault change nothing, and every fault is told with its path.
//! - Devices, profiles and names have limits. A device is offered its own block only.
//!
//! **Not here**: HTTP, serial ports and brokers, where profiles come from, who may ask.

mod error;
mod keeper;
mod key;
mod limits;
mod profiles;
mod store;
mod talk;
#[cfg(test)]
mod tests;

pub use error::FirmwareError;
pub use keeper::{DeviceState, Firmware, FirmwareConfig};
pub use key::{PublicKey, SigningKey, hex, of_hex, read_or_make as read_or_make_key};
pub use limits::{MAX_DEVICES, MAX_PROFILES_BYTES};
pub use profiles::{DeviceName, Fault, Profiles, Rendered};
pub use talk::Talk;
