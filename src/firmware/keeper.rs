//! All devices of a store: what each should run, and how it stands to that.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use firmware_config::link::{Answer, Desired, Frame, Host, Message, Offer, Standing, Status};
use firmware_config::seal::{body, seal};
use firmware_config::{Block, Class, Identity};
use tokio::sync::watch;

use super::error::FirmwareError;
use super::key::{self, PublicKey, SigningKey};
use super::limits::MAX_DEVICES;
use super::profiles::{DeviceName, Profiles, Rendered};
use super::store::Store;

/// Which store this is, and where its profiles lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirmwareConfig {
    /// As devices are bound to it, tenant and all: `acme/0042`.
    pub store: String,
    /// The store's own profiles; none where all come from HQ.
    pub profiles: Option<PathBuf>,
    /// Serial ports with devices behind them.
    pub serial: Vec<PathBuf>,
}

/// The devices of a store. A clone is the same. Calls may wait for the disk.
#[derive(Clone)]
pub struct Firmware(Arc<Shared>);

struct Shared {
    store: Store,
    name: String,
    key: SigningKey,
    devices: Mutex<BTreeMap<DeviceName, Device>>,
    /// Counts what changed of devices.
    changes: watch::Sender<u64>,
}

struct Device {
    rendered: Rendered,
    block: Vec<u8>,
    host: Host,
    heard_ms: Option<u64>,
}

/// How one device stands to what it should run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceState {
    /// Its name.
    pub name: DeviceName,
    /// What it is.
    pub class: Class,
    /// Where it stands in the shop.
    pub zone: Option<String>,
    /// The version that it should run.
    pub desired: u32,
    /// What it said last that it has.
    pub reported: Option<Status>,
    /// What follows of both.
    pub standing: Standing,
    /// When it was heard last since the server started, in milliseconds since 1970.
    pub heard_ms: Option<u64>,
}

impl std::fmt::Debug for Firmware {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Firmware").field("store", &self.0.name).finish_non_exhaustive()
    }
}

impl Firmware {
    /// Opens what is kept of a store's devices in a folder, and its key, which is made where there is none.
    /// Nothing is offered before [`Firmware::apply`].
    pub fn open(folder: &Path, store: &str) -> Result<Self, FirmwareError> {
        let key = key::read_or_make(&folder.join("firmware.key"))?;
        Ok(Self(Arc::new(Shared {
            store: Store::open(folder)?,
            name: store.to_owned(),
            key,
            devices: Mutex::default(),
            changes: watch::Sender::new(0),
        })))
    }

    /// The store that devices are bound to.
    #[must_use]
    pub fn store(&self) -> &str {
        &self.0.name
    }

    /// What devices have to believe.
    #[must_use]
    pub fn public_key(&self) -> PublicKey {
        self.0.key.verifying_key().to_bytes()
    }

    /// Wakes when something changed of the devices or of what they should run.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.0.changes.subscribe()
    }

    fn devices_now(&self) -> MutexGuard<'_, BTreeMap<DeviceName, Device>> {
        self.0.devices.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn changed(&self) {
        self.0.changes.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// From now on devices should run what these say. Returns how many get another block.
    pub fn apply(&self, profiles: &Profiles) -> Result<usize, FirmwareError> {
        let rendered = profiles.render(self.store())?;
        if rendered.len() > MAX_DEVICES {
            return Err(FirmwareError::TooMany { found: rendered.len(), most: MAX_DEVICES });
        }
        let mut devices = self.devices_now();
        let kept = self.0.store.blocks()?;
        let (mut next, mut new) = (BTreeMap::new(), Vec::new());
        for rendered in rendered {
            let name = rendered.name.clone();
            let (block, is_new) = self.block_of(&rendered, kept.get(&name))?;
            if is_new {
                new.push((name.clone(), block.clone()));
            }
            let before = devices.get(&name);
            let mut device = Device {
                host: before.map(|before| before.host.clone()).unwrap_or_default(),
                heard_ms: before.and_then(|before| before.heard_ms),
                rendered,
                block,
            };
            self.want(&mut device);
            next.insert(name, device);
        }
        let named = new.iter().map(|(name, block)| (name, block.as_slice()));
        let stays = |name: &str| DeviceName::parse(name).is_ok_and(|name| next.contains_key(&name));
        self.0.store.keep(named, stays)?;
        *devices = next;
        drop(devices);
        self.changed();
        Ok(new.len())
    }

    /// A device's block as it is kept, or a new one under the next version where it says something else.
    fn block_of(
        &self,
        rendered: &Rendered,
        kept: Option<&Vec<u8>>,
    ) -> Result<(Vec<u8>, bool), FirmwareError> {
        let of = |why| FirmwareError::Block { device: rendered.name.to_string(), why };
        let identity = self.identity(rendered);
        let block = kept.and_then(|kept| Block::parse(kept).ok());
        let keys = firmware_config::Keys::new(&[self.public_key()]);
        let says_so = block.as_ref().is_some_and(|block| {
            block.open(&identity, &keys).is_ok_and(|opened| opened.settings == rendered.settings)
        });
        match (kept, says_so) {
            (Some(kept), true) => Ok((kept.clone(), false)),
            _ => {
                body(&rendered.settings).map_err(of)?;
                let version = block.map_or(0, |block| block.header().version);
                Ok((self.seal(rendered, version)?, true))
            }
        }
    }

    /// A device's block under the version after this one.
    fn seal(&self, rendered: &Rendered, after: u32) -> Result<Vec<u8>, FirmwareError> {
        let device = || rendered.name.to_string();
        let version = after.checked_add(1).ok_or_else(|| FirmwareError::NoVersion(device()))?;
        seal(&rendered.settings, &self.identity(rendered), version, &self.0.key)
            .map_err(|why| FirmwareError::Block { device: device(), why })
    }

    fn identity(&self, rendered: &Rendered) -> Identity {
        Identity::of(self.store(), rendered.name.as_str(), rendered.class)
    }

    fn want(&self, device: &mut Device) {
        let identity = self.identity(&device.rendered);
        let header = Block::parse(&device.block).ok().map(|block| *block.header());
        let desired = header.map(|header| Desired {
            identity,
            schema: header.schema,
            offer: Offer {
                version: header.version,
                bytes: u16::try_from(device.block.len()).unwrap_or(u16::MAX),
                crc: header.crc,
            },
        });
        device.host.want(desired);
    }

    /// Takes a device's message. None where it needs no answer.
    pub fn hear(
        &self,
        name: &DeviceName,
        message: &Message<'_>,
    ) -> Result<Option<Frame>, FirmwareError> {
        let mut devices = self.devices_now();
        let device =
            devices.get_mut(name).ok_or_else(|| FirmwareError::Unknown(name.to_string()))?;
        let before = device.host.standing();
        let mut answer = device.host.hear(message);
        if let Standing::BelowFloor(floor) = device.host.standing() {
            // Versions of a box that was set up anew begin below what its devices have seen.
            let block = self.seal(&device.rendered, floor)?;
            self.0.store.keep([(name, block.as_slice())], |_| true)?;
            device.block = block;
            self.want(device);
            answer = device.host.hear(message);
        }
        let is_other = device.host.standing() != before || device.heard_ms.is_none();
        device.heard_ms = Some(now_ms());
        let frame = frame(&answer, &device.block);
        drop(devices);
        if is_other {
            self.changed();
        }
        Ok(frame)
    }

    /// What HQ said last of profiles.
    pub fn of_hq(&self) -> Result<Option<String>, FirmwareError> {
        self.0.store.of_hq()
    }

    /// Keeps what HQ says of profiles, for as long as it says nothing else.
    pub fn keep_of_hq(&self, text: Option<&str>) -> Result<(), FirmwareError> {
        if self.of_hq()?.as_deref() == text { Ok(()) } else { self.0.store.keep_of_hq(text) }
    }

    /// Whether a device is to be told something that it does not have.
    #[must_use]
    pub fn is_behind(&self, name: &DeviceName) -> bool {
        let devices = self.devices_now();
        devices.get(name).is_some_and(|device| device.host.standing() == Standing::Behind)
    }

    /// The device of this digest, if it is one of the store's.
    pub(super) fn named(&self, digest: &[u8; 16]) -> Option<DeviceName> {
        let devices = self.devices_now();
        let is_it = |device: &Device| self.identity(&device.rendered).device == *digest;
        devices.iter().find(|(_, device)| is_it(device)).map(|(name, _)| name.clone())
    }

    /// How every device stands to what it should run, by name.
    #[must_use]
    pub fn devices(&self) -> Vec<DeviceState> {
        let devices = self.devices_now();
        let state = |(name, device): (&DeviceName, &Device)| DeviceState {
            name: name.clone(),
            class: device.rendered.class,
            zone: device.rendered.zone.clone(),
            desired: Block::parse(&device.block).map_or(0, |block| block.header().version),
            reported: device.host.hello().map(|hello| hello.status),
            standing: device.host.standing(),
            heard_ms: device.heard_ms,
        };
        devices.iter().map(state).collect()
    }

    /// A device's block, to be looked at or carried there by hand.
    pub fn block(&self, name: &DeviceName) -> Result<Vec<u8>, FirmwareError> {
        let devices = self.devices_now();
        let device = devices.get(name).ok_or_else(|| FirmwareError::Unknown(name.to_string()))?;
        Ok(device.block.clone())
    }
}

/// An answer with the bytes of the block that it is about.
fn frame(answer: &Answer, block: &[u8]) -> Option<Frame> {
    let message = match *answer {
        Answer::Nothing => return None,
        Answer::Who => Message::Who,
        Answer::Offer(offer) => Message::Offer(offer),
        Answer::Chunk { version, offset, bytes } => {
            let from = usize::from(offset);
            Message::Chunk { version, offset, data: block.get(from..from + usize::from(bytes))? }
        }
        Answer::Confirm(version) => Message::Confirm { version },
        Answer::Settled(version) => Message::Settled { version },
    };
    Frame::new(&message).ok()
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
