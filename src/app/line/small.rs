//! HQ is told how small devices stand to what they should run: how many there are with what is measured, and
//! each that would not take its block when that happens.

use std::collections::BTreeSet;

use super::notes::Notes;
use crate::firmware::{DeviceName, DeviceState, Firmware};
use firmware_config::link::Standing;

/// Tells until it is dropped.
pub(super) async fn tell(firmware: Firmware, notes: Notes) {
    let mut changes = firmware.changes();
    let mut refused: BTreeSet<(DeviceName, u32)> = BTreeSet::new();
    loop {
        let devices = firmware.devices();
        let is_refused = |device: &&DeviceState| matches!(device.standing, Standing::Refused(_));
        let now: BTreeSet<_> = devices
            .iter()
            .filter(is_refused)
            .map(|device| (device.name.clone(), device.desired))
            .collect();
        let new = |device: &&DeviceState| !refused.contains(&(device.name.clone(), device.desired));
        devices.iter().filter(is_refused).filter(new).for_each(|device| one(device, &notes));
        refused = now;
        if changes.changed().await.is_err() {
            return;
        }
    }
}

fn one(device: &DeviceState, notes: &Notes) {
    let Standing::Refused(why) = device.standing else { return };
    let running = device.reported.map_or(0, |status| status.running.version());
    notes.event(
        "device.refused",
        [
            ("device", device.name.as_str().into()),
            ("class", device.class.name().into()),
            ("desired", i64::from(device.desired).into()),
            ("running", i64::from(running).into()),
            ("why", why.to_string().as_str().into()),
        ],
    );
}

/// How many devices there are, and how they stand; nothing where there are none.
pub(super) fn counts(firmware: &Firmware) -> Vec<(&'static str, f64)> {
    let devices = firmware.devices();
    if devices.is_empty() {
        return Vec::new();
    }
    let count = |is: fn(Standing) -> bool| {
        devices.iter().filter(|device| is(device.standing)).count() as f64
    };
    vec![
        ("small_devices", devices.len() as f64),
        ("small_devices_in_step", count(|standing| standing == Standing::InStep)),
        ("small_devices_unheard", count(|standing| standing == Standing::Unheard)),
        ("small_devices_refused", count(|standing| matches!(standing, Standing::Refused(_)))),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::firmware::Profiles;

    #[test]
    fn devices_are_counted_by_how_they_stand() {
        let folder = tempfile::tempdir().unwrap();
        let firmware = Firmware::open(folder.path(), "acme/0042").unwrap();
        assert!(counts(&firmware).is_empty());
        let profiles = "[device.a]\nclass = \"kiosk\"\n[device.b]\nclass = \"mirror\"\n";
        firmware.apply(&Profiles::parse(profiles).unwrap()).unwrap();
        let counted = counts(&firmware);
        assert_eq!(counted.first(), Some(&("small_devices", 2.0)));
        assert!(counted.contains(&("small_devices_unheard", 2.0)), "{counted:?}");
        assert!(counted.contains(&("small_devices_in_step", 0.0)), "{counted:?}");
    }
}
