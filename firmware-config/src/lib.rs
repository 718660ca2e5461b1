//! Configuration of the small devices around the box: shelf labels, scanners, mirrors, sensors.
//!
//! Without `std` and without an allocator this is what runs on a device: a [`Device`] keeps two
//! [`Slots`] in flash, starts with the newest [`Block`] that it may believe, and speaks [`link`] with
//! the box. With the feature `std` it is also the box's side: [`seal`] makes and signs blocks,
//! [`link::Host`] answers devices, and [`flash`] is flash in memory.
//!
//! **Invariants**
//! - Everything has a limit that is known when this is compiled ([`limits`]); nothing allocates.
//! - A block is believed only with its check sum, its signature, for this device of this store, and
//!   above the version floor; it counts as good only after it was confirmed while it ran.
//! - A power cut at any word leaves the last confirmed block or the new one on trial, never neither.
//! - What a device was once sent stays readable: each schema has its golden bytes in `tests/wire/`,
//!   and none of them changes.
//!
//! **Not here**: sockets and serial ports, where keys are kept, what a device does with its settings.
//!
//! # How it evolves
//!
//! [`SCHEMA`] numbers the form of a block. Its body is postcard, which has neither names nor skipping,
//! so *nothing* in a schema's types may change: no field, no variant, no limit, no order. What is new
//! makes the next schema: the old types stay as they are, the new ones stand beside them, and
//! golden bytes are added. A device says in its hello which schemas it reads, and the box writes
//! the newest of those, so old devices go on with what they know. The header and the link's
//! messages are older than any schema: fields of theirs never move, and messages are added at the end.

#![no_std]

#[cfg(feature = "std")]
extern crate std;

mod block;
mod device;
#[cfg(feature = "std")]
pub mod flash;
mod kinds;
pub mod limits;
pub mod link;
mod provision;
#[cfg(feature = "std")]
pub mod seal;
mod settings;
mod sizes;
mod slots;
mod trust;

pub use block::{Block, Header, Identity, MIN_SCHEMA, Opened, Refusal, SCHEMA};
pub use device::{Device, Next};
pub use kinds::{List, Minute, NotInRange, Percent, Text};
pub use provision::Provision;
pub use settings::{
    Align, Class, Common, Days, Display, Element, Endpoint, Features, Field, Handheld, Kiosk,
    Layout, Mirror, Own, Power, Rotation, Sensor, SensorGateway, SensorKind, Settings, ShelfLabel,
    Transport, Window,
};
pub use sizes::MaxBytes;
pub use slots::{Running, Slots, SlotsError, Started};
#[cfg(feature = "ed25519")]
pub use trust::Keys;
pub use trust::Verify;
