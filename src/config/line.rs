//! The section `[line]`.

use std::path::Path;
use std::time::Duration;

use super::kinds;
use super::raw::{Given, Reader};
use super::sections::{bytes, path, seconds};
use crate::protocol::{Label, Place, StoreName};
use crate::state::{Bounds, StateConfig};
use crate::sync::mqtt::{Address, Version};
use crate::sync::{LineConfig, LineSettings};

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

pub(super) fn read(reader: &mut Reader<'_>, data_dir: &Path) -> LineSettings {
    let folder = data_dir.join("identity");
    let default = LineSettings::new(folder.clone());
    let identity = path(reader, "line.identity", Some(folder.clone())).unwrap_or(folder);
    let version = |given: &Given| match kinds::text(given)?.as_str() {
        "5" => Ok(Version::Five),
        "3.1.1" => Ok(Version::ThreeOne),
        other => Err(format!("`{other}` is not \"5\" or \"3.1.1\"")),
    };
    let show = |version: &Version| match version {
        Version::Five => "5".to_owned(),
        Version::ThreeOne => "3.1.1".to_owned(),
    };
    let (alive, tell) = (default.keep_alive, default.telemetry_every);
    LineSettings {
        broker: broker(reader),
        place: place(reader),
        version: reader.read("line.version", default.version, version, show),
        identity,
        keep_alive: seconds(reader, "line.keep_alive_s", alive, 5.0, 3600.0),
        telemetry_every: seconds(reader, "line.telemetry_s", tell, 1.0, 86_400.0),
        line: patience(reader, default.line),
        state: bounds(reader, default.state),
    }
}

fn broker(reader: &mut Reader<'_>) -> Option<Address> {
    let parse = |given: &Given| {
        kinds::parsed::<Address>(given, "an address such as mqtts://hq.example:8883").map(Some)
    };
    let show = |address: &Option<Address>| match address {
        Some(address) => address.to_string(),
        None => "as enrolled".to_owned(),
    };
    reader.read("line.broker", None, parse, show)
}

/// Tenant, store and node: all of them or none.
fn place(reader: &mut Reader<'_>) -> Option<Place> {
    let tenant = name::<Label>(reader, "line.tenant");
    let store = name::<StoreName>(reader, "line.store");
    let node = name::<Label>(reader, "line.node");
    match (tenant, store, node) {
        (Some(tenant), Some(store), Some(node)) => Some(Place { tenant, store, node }),
        (None, None, None) => None,
        _ => {
            let why = "line.tenant, line.store and line.node name this box together";
            reader.refuse("line.node", why);
            None
        }
    }
}

fn name<T: std::str::FromStr + ToString>(
    reader: &mut Reader<'_>,
    setting: &'static str,
) -> Option<T>
where
    T::Err: std::fmt::Display,
{
    let parse = |given: &Given| {
        let text = kinds::text(given)?;
        text.parse().map(Some).map_err(|fault: T::Err| fault.to_string())
    };
    let show = |name: &Option<T>| match name {
        Some(name) => name.to_string(),
        None => "as enrolled".to_owned(),
    };
    reader.read(setting, None, parse, show)
}

fn patience(reader: &mut Reader<'_>, default: LineConfig) -> LineConfig {
    let rate = default.backlog_bytes_per_s;
    let (first, most) = (default.first_retry_ms, default.max_retry_ms);
    let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let first = Duration::from_millis(first);
    let first = seconds(reader, "line.retry_s", first, 0.01, 3600.0);
    let most = seconds(reader, "line.max_retry_s", Duration::from_millis(most), 0.01, 86_400.0);
    if most < first {
        reader.refuse("line.max_retry_s", "it must be at least line.retry_s");
    }
    LineConfig {
        first_retry_ms: millis(first),
        max_retry_ms: millis(most),
        backlog_bytes_per_s: bytes(reader, "line.backlog_per_s", rate, KIB, 1024 * MIB),
        ..default
    }
}

fn bounds(reader: &mut Reader<'_>, default: StateConfig) -> StateConfig {
    let mut bound = |setting, default: Bounds| Bounds {
        max_bytes: bytes(reader, setting, default.max_bytes, 64 * KIB, 1 << 40),
        ..default
    };
    StateConfig {
        audit: bound("line.max_audit", default.audit),
        events: bound("line.max_events", default.events),
        telemetry: bound("line.max_telemetry", default.telemetry),
        log: bound("line.max_log", default.log),
        ..default
    }
}
