//! Profiles: settings of devices as people write them, in layers that lie over each other.
//!
//! ```toml
//! [chain.common]                    # every device of the chain
//! ask_every_s = 600
//! [region.north.shelf_label]        # shelf labels of the stores of a region
//! inverted = true
//! [store."acme/0042"]
//! region = "north"
//! [store."acme/0042".common]        # every device of one store
//! [zone.produce.common]             # of one zone of the store that reads this
//! [device.label-17]
//! class = "shelf_label"
//! zone = "produce"
//! [device.label-17.shelf_label]     # one device
//! sku = "4001"
//! ```
//!
//! A layer has a table `common` and one for each class; tables are joined name by name, everything else is
//! replaced as a whole. Names of settings are those of `firmware-config`.

use std::collections::BTreeMap;
use std::fmt;

use firmware_config::{Class, Settings};
use toml::{Table, Value};

mod layer;
mod read;
mod render;

use layer::Layer;

/// A device's name within its store: 1 to 64 lower-case letters, digits, `-`, `_` and `.`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceName(String);

impl DeviceName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DeviceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What is wrong with profiles, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// As `device.label-17.shelf_label.sku`.
    pub path: String,
    /// What is wrong.
    pub why: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.why)
    }
}

/// All layers of one document.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Profiles {
    chain: Layer,
    regions: BTreeMap<String, Layer>,
    stores: BTreeMap<String, StoreLayer>,
    zones: BTreeMap<String, Layer>,
    devices: BTreeMap<DeviceName, DeviceLayer>,
}

#[derive(Debug, Clone, Default, PartialEq)]
struct StoreLayer {
    region: Option<String>,
    layer: Layer,
}

#[derive(Debug, Clone, PartialEq)]
struct DeviceLayer {
    class: Class,
    zone: Option<String>,
    layer: Layer,
}

/// What one device should run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// Which device.
    pub name: DeviceName,
    /// What it is.
    pub class: Class,
    /// Where it stands.
    pub zone: Option<String>,
    /// What it is told.
    pub settings: Settings,
}

/// Tables are joined name by name, everything else is replaced.
fn lay_over(below: &mut Table, above: &Table) {
    for (name, value) in above {
        match (below.get_mut(name), value) {
            (Some(Value::Table(below)), Value::Table(above)) => lay_over(below, above),
            _ => drop(below.insert(name.clone(), value.clone())),
        }
    }
}
