//! Profiles and devices, as a store has them.

use firmware_config::flash::Memory;
use firmware_config::link::{Frame, Message, Standing};
use firmware_config::{Class, Device, Identity, Keys, Next, Own, Running, Settings, Slots};

use super::*;

const CHAIN: &str = r#"
    [chain.common]
    ask_every_s = 600
    power = { low_battery = 25 }
    [chain.shelf_label]
    inverted = false
    [region.north.shelf_label]
    inverted = true
    rotation = "half"
    [store."acme/0042"]
    region = "north"
    [store."acme/0042".common]
    report_every_s = 60
    [store."acme/0043".common]
    report_every_s = 61
"#;

const STORE: &str = r#"
    [zone.produce.common]
    power = { sleep_after_s = 30 }
    [device.label-17]
    class = "shelf_label"
    zone = "produce"
    [device.label-17.shelf_label]
    sku = "4001"
    rotation = "none"
    [device.mirror-1]
    class = "mirror"
"#;

fn profiles() -> Profiles {
    Profiles::parse(CHAIN).unwrap().under(Profiles::parse(STORE).unwrap())
}

fn name(text: &str) -> DeviceName {
    DeviceName::parse(text).unwrap()
}

#[test]
fn a_device_is_told_what_its_layers_say_the_nearest_last() {
    let rendered = profiles().render("acme/0042").unwrap();
    let [label, mirror] = rendered.as_slice() else { panic!("{rendered:?}") };
    let Own::ShelfLabel(own) = &label.settings.own else { panic!("{label:?}") };
    assert_eq!((own.inverted, own.sku.as_str()), (true, "4001"));
    assert_eq!(own.rotation, firmware_config::Rotation::None);
    let common = &label.settings.common;
    assert_eq!((common.ask_every_s, common.report_every_s), (600, 60));
    assert_eq!((common.power.low_battery.get(), common.power.sleep_after_s), (25, 30));
    assert_eq!(common.zone, "produce");
    assert_eq!(mirror.class, Class::Mirror);
    assert_eq!(mirror.settings.common.power.sleep_after_s, 300);
    let elsewhere = profiles().render("acme/0043").unwrap();
    assert_eq!(elsewhere[0].settings.common.report_every_s, 61);
}

#[test]
fn every_fault_of_a_document_is_told_where_it_stands() {
    let faulty = r#"
        colour = 1
        [chain.common]
        ask_evry_s = 1
        [chain.shelf_label]
        rotation = "upside down"
        [zone.produce.mirror.display]
        brightness = 101
        [device.label-17]
        class = "toaster"
        [device."Label 18"]
        class = "mirror"
        [device.label-19]
        zone = "produce"
    "#;
    let Err(FirmwareError::Profiles(faults)) = Profiles::parse(faulty) else { panic!() };
    let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
    for says in [
        "chain.common.ask_evry_s: unknown field",
        "chain.shelf_label.rotation: unknown variant",
        "zone.produce.mirror.display.brightness: more than 100",
        "device.label-17.class: `toaster` is none of kiosk",
        "device.Label 18: a device's name",
        "device.label-19.class: it is missing",
        "colour: there is no such name",
    ] {
        assert!(told.iter().any(|told| told.starts_with(says)), "{says} is not in {told:#?}");
    }
    assert_eq!(told.len(), 7, "{told:#?}");
    assert!(Profiles::parse("[chain").is_err());
    let long = format!("# {}", "x".repeat(MAX_PROFILES_BYTES));
    assert!(Profiles::parse(&long).unwrap_err().to_string().contains("131072"));
}

type Flash = Memory<8, 512>;

/// A device of the store, which talks until it rests.
struct Label {
    flash: Flash,
    identity: Identity,
    keys: Keys,
}

impl Label {
    fn new(firmware: &Firmware) -> Self {
        let flash = Flash::blank(Slots::<Flash>::BYTES);
        let identity = Identity::of(firmware.store(), "label-17", Class::ShelfLabel);
        Self { flash, identity, keys: Keys::new(&[firmware.public_key()]) }
    }

    fn start(&self, settings: &mut Option<Settings>) -> Device<Flash, Keys> {
        Device::start(self.flash.clone(), self.identity, self.keys.clone(), settings).unwrap()
    }

    fn settle(
        &mut self,
        mut answer: impl FnMut(&Message<'_>) -> Option<Frame>,
    ) -> Option<Settings> {
        let mut settings = None;
        let mut device = self.start(&mut settings);
        for _ in 0..60 {
            let next = match answer(&device.say()) {
                Some(frame) => device.hear(&Frame::parse(frame.bytes()).unwrap()),
                None => device.tick(),
            };
            match next {
                Next::Say => {}
                Next::Rest => {
                    self.flash = device.into_flash();
                    return settings;
                }
                Next::Restart => {
                    self.flash = device.into_flash();
                    settings = None;
                    device = self.start(&mut settings);
                }
            }
        }
        panic!("no rest after 60 messages");
    }

    fn running(&self) -> Running {
        self.start(&mut None).running()
    }
}

fn standing(firmware: &Firmware) -> Standing {
    firmware.devices().into_iter().find(|device| device.name == name("label-17")).unwrap().standing
}

#[test]
fn a_device_follows_its_profiles_and_only_what_changed_is_sent() {
    let folder = tempfile::tempdir().unwrap();
    let firmware = Firmware::open(folder.path(), "acme/0042").unwrap();
    assert_eq!(firmware.apply(&profiles()).unwrap(), 2);
    assert_eq!(standing(&firmware), Standing::Unheard);
    let mut label = Label::new(&firmware);
    let settings = label.settle(|said| firmware.hear(&name("label-17"), said).unwrap()).unwrap();
    assert_eq!(
        (settings.common.zone.as_str(), label.running()),
        ("produce", Running::Confirmed(1))
    );
    assert_eq!(standing(&firmware), Standing::InStep);
    assert_eq!(firmware.apply(&profiles()).unwrap(), 0, "nothing changed");
    let change =
        "[device.label-17]\nclass = \"shelf_label\"\n[device.label-17.shelf_label]\nsku = \"4002\"";
    let changed = profiles().under(Profiles::parse(change).unwrap());
    assert_eq!(firmware.apply(&changed).unwrap(), 1, "the mirror's is as it was");
    assert_eq!(standing(&firmware), Standing::Behind);
    let mut talk = firmware.talk();
    let settings = label.settle(|said| talk.hear(said).unwrap()).unwrap();
    let Own::ShelfLabel(own) = settings.own else { panic!() };
    assert_eq!((own.sku.as_str(), label.running()), ("4002", Running::Confirmed(2)));
}

#[test]
fn a_restart_changes_nothing_and_a_new_box_goes_on_above_what_devices_have_seen() {
    let folder = tempfile::tempdir().unwrap();
    let first = Firmware::open(folder.path(), "acme/0042").unwrap();
    first.apply(&profiles()).unwrap();
    let key = first.public_key();
    let block = first.block(&name("label-17")).unwrap();
    let mut label = Label::new(&first);
    label.settle(|said| first.hear(&name("label-17"), said).unwrap());
    drop(first);
    let again = Firmware::open(folder.path(), "acme/0042").unwrap();
    assert_eq!(again.apply(&profiles()).unwrap(), 0);
    assert_eq!((again.public_key(), again.block(&name("label-17")).unwrap()), (key, block));
    drop(again);
    // Its key was put back from a copy; its database was not, and its profiles are others.
    std::fs::remove_file(folder.path().join("firmware.redb")).unwrap();
    let anew = Firmware::open(folder.path(), "acme/0042").unwrap();
    let change = "[zone.produce.common]\nask_every_s = 5";
    anew.apply(&profiles().under(Profiles::parse(change).unwrap())).unwrap();
    let settings = label.settle(|said| anew.hear(&name("label-17"), said).unwrap()).unwrap();
    assert_eq!((settings.common.ask_every_s, label.running()), (5, Running::Confirmed(2)));
}

#[test]
fn whoever_is_no_device_of_the_store_is_told_that_there_is_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let firmware = Firmware::open(folder.path(), "acme/0042").unwrap();
    firmware.apply(&profiles()).unwrap();
    for identity in [
        Identity::of("acme/0043", "label-17", Class::ShelfLabel),
        Identity::of("acme/0042", "label-99", Class::ShelfLabel),
        Identity::of("acme/0042", "label-17", Class::Kiosk),
    ] {
        let mut stranger = Label { identity, ..Label::new(&firmware) };
        let mut talk = firmware.talk();
        assert_eq!(stranger.settle(|said| talk.hear(said).unwrap()), None);
        assert_eq!(stranger.running(), Running::Nothing);
    }
    let unknown = firmware.hear(&name("label-99"), &Message::Who).unwrap_err();
    assert_eq!(unknown.to_string(), "no profile names a device `label-99`");
}

#[test]
fn a_key_file_that_is_none_is_not_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("firmware.key");
    std::fs::write(&path, "not a key").unwrap();
    assert!(Firmware::open(folder.path(), "acme/0042").is_err());
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "not a key");
}
