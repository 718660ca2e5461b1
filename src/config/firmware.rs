//! The section `[firmware]`.

use std::path::PathBuf;

use super::kinds;
use super::raw::{Given, Reader};
use super::sections::path;
use crate::firmware::FirmwareConfig;

const STORE: &str = "firmware.store";
const SERIAL: &str = "firmware.serial";
/// Serial ports of one box.
const MAX_PORTS: usize = 16;
const MAX_STORE_BYTES: usize = 64;

/// What small devices are bound to; none without a store's name.
pub(super) fn read(reader: &mut Reader<'_>) -> Option<FirmwareConfig> {
    let store = reader.read(STORE, None, store, |name| name.clone().unwrap_or("none".to_owned()));
    let profiles = path(reader, "firmware.profiles", None);
    let serial = ports(reader);
    if store.is_none() && (profiles.is_some() || !serial.is_empty()) {
        reader.refuse(STORE, "devices are bound to a store; name it, as acme/0042");
    }
    Some(FirmwareConfig { store: store?, profiles, serial })
}

fn store(given: &Given) -> Result<Option<String>, String> {
    let text = kinds::text(given)?;
    let sound =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-/".contains(&byte);
    if (1..=MAX_STORE_BYTES).contains(&text.len()) && text.bytes().all(sound) {
        return Ok(Some(text));
    }
    Err(format!("`{text}` is no name of 1 to {MAX_STORE_BYTES} of a-z, 0-9, - and /"))
}

fn ports(reader: &mut Reader<'_>) -> Vec<PathBuf> {
    let show = |ports: &Vec<PathBuf>| {
        ports.iter().map(|port| port.display().to_string()).collect::<Vec<_>>().join(", ")
    };
    let ports: Vec<PathBuf> = reader.read(
        SERIAL,
        Vec::new(),
        |given| Ok(kinds::list(given)?.iter().map(PathBuf::from).collect()),
        show,
    );
    if ports.len() > MAX_PORTS {
        reader.refuse(SERIAL, format!("{} are more than the limit of {MAX_PORTS}", ports.len()));
    }
    if ports.iter().any(|port| !port.is_absolute()) {
        reader.refuse(SERIAL, "a port is named whole, as /dev/ttyUSB0");
    }
    ports
}
