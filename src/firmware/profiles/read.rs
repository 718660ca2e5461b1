//! A document of profiles, read with all its faults at once.

use toml::{Table, Value};

use super::{DeviceLayer, DeviceName, Fault, Layer, Profiles, StoreLayer};
use crate::error::FirmwareError;
use crate::limits::{MAX_DEVICES, MAX_FAULTS, MAX_NAME_BYTES, MAX_PROFILES_BYTES};
use firmware_config::Class;

impl DeviceName {
    /// The name, if it is one.
    pub fn parse(text: &str) -> Result<Self, String> {
        let sound = |byte: u8| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_' | b'.')
        };
        if (1..=MAX_NAME_BYTES).contains(&text.len()) && text.bytes().all(sound) {
            return Ok(Self(text.to_owned()));
        }
        Err(format!(
            "a device's name has 1 to {MAX_NAME_BYTES} lower-case letters, digits, `-`, `_` and `.`"
        ))
    }
}

impl Profiles {
    /// Reads a document, or tells all that is wrong with it.
    pub fn parse(text: &str) -> Result<Self, FirmwareError> {
        let mut faults = Vec::new();
        let profiles = read(text, &mut faults);
        if faults.is_empty() {
            return Ok(profiles);
        }
        faults.truncate(MAX_FAULTS);
        Err(FirmwareError::Profiles(faults))
    }
}

fn fault(path: impl Into<String>, why: impl Into<String>) -> Fault {
    Fault { path: path.into(), why: why.into() }
}

fn read(text: &str, faults: &mut Vec<Fault>) -> Profiles {
    if text.len() > MAX_PROFILES_BYTES {
        let why = format!("{} bytes are more than the limit of {MAX_PROFILES_BYTES}", text.len());
        faults.push(fault("document", why));
        return Profiles::default();
    }
    let mut written: Table = match text.parse() {
        Ok(table) => table,
        Err(error) => {
            faults.push(fault("document", toml::de::Error::to_string(&error).trim_end()));
            return Profiles::default();
        }
    };
    let mut profiles = Profiles::default();
    if let Some(mut chain) = table(&mut written, "chain", "chain", faults) {
        profiles.chain = Layer::take(&mut chain, "chain", faults);
        nothing_else(&chain, "chain", faults);
    }
    each(&mut written, "region", faults, |name, table, path, faults| {
        profiles.regions.insert(name, Layer::take(table, path, faults));
    });
    each(&mut written, "store", faults, |name, table, path, faults| {
        let region = text_of(table, "region", path, faults);
        profiles
            .stores
            .insert(name, StoreLayer { region, layer: Layer::take(table, path, faults) });
    });
    each(&mut written, "zone", faults, |name, table, path, faults| {
        profiles.zones.insert(name, Layer::take(table, path, faults));
    });
    each(&mut written, "device", faults, |name, table, path, faults| {
        match (device(table, path, faults), DeviceName::parse(&name)) {
            (_, Err(why)) => faults.push(fault(path, why)),
            (Some(device), Ok(name)) => drop(profiles.devices.insert(name, device)),
            (None, Ok(_)) => {}
        }
    });
    nothing_else(&written, "", faults);
    if profiles.devices.len() > MAX_DEVICES {
        let found = profiles.devices.len();
        faults.push(fault("device", format!("{found} are more than the limit of {MAX_DEVICES}")));
    }
    profiles
}

fn device(table: &mut Table, path: &str, faults: &mut Vec<Fault>) -> Option<DeviceLayer> {
    let class = text_of(table, "class", path, faults);
    let zone = text_of(table, "zone", path, faults);
    let layer = Layer::take(table, path, faults);
    let known = || Class::ALL.map(Class::name).join(", ");
    let Some(name) = class else {
        faults.push(fault(format!("{path}.class"), format!("it is missing: one of {}", known())));
        return None;
    };
    let class = Class::of_name(&name);
    if class.is_none() {
        faults.push(fault(format!("{path}.class"), format!("`{name}` is none of {}", known())));
    }
    Some(DeviceLayer { class: class?, zone, layer })
}

/// Hands over each table below a name, and refuses what is left of it.
fn each(
    written: &mut Table,
    kind: &str,
    faults: &mut Vec<Fault>,
    mut take: impl FnMut(String, &mut Table, &str, &mut Vec<Fault>),
) {
    let Some(tables) = table(written, kind, kind, faults) else { return };
    for (name, value) in tables {
        let path = format!("{kind}.{name}");
        match value {
            _ if name.is_empty() || name.len() > MAX_NAME_BYTES => {
                faults.push(fault(path, format!("a name has 1 to {MAX_NAME_BYTES} bytes")));
            }
            Value::Table(mut table) => {
                take(name, &mut table, &path, faults);
                nothing_else(&table, &path, faults);
            }
            _ => faults.push(fault(path, "this is a table")),
        }
    }
}

fn table(written: &mut Table, name: &str, path: &str, faults: &mut Vec<Fault>) -> Option<Table> {
    match written.remove(name)? {
        Value::Table(table) => Some(table),
        _ => {
            faults.push(fault(path, "this is a table"));
            None
        }
    }
}

fn text_of(table: &mut Table, name: &str, path: &str, faults: &mut Vec<Fault>) -> Option<String> {
    match table.remove(name)? {
        Value::String(text) if (1..=MAX_NAME_BYTES).contains(&text.len()) => Some(text),
        _ => {
            let why = format!("this is a text of 1 to {MAX_NAME_BYTES} bytes");
            faults.push(fault(format!("{path}.{name}"), why));
            None
        }
    }
}

fn nothing_else(left: &Table, path: &str, faults: &mut Vec<Fault>) {
    for name in left.keys() {
        let at = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        faults.push(fault(at, "there is no such name"));
    }
}
