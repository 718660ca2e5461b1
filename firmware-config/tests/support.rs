//! A device's identity, keys and settings for tests.

use ed25519_dalek::SigningKey;
use firmware_config::flash::Memory;
use firmware_config::seal::seal;
use firmware_config::*;

/// The store's key.
pub(crate) fn key() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

pub(crate) fn keys() -> Keys {
    Keys::new(&[key().verifying_key().to_bytes()])
}

pub(crate) fn identity(class: Class) -> Identity {
    Identity::of("acme/store-0042", "label-17", class)
}

pub(crate) fn text<const N: usize>(text: &str) -> Text<N> {
    text.try_into().unwrap()
}

/// Settings in which nothing is as it is where nobody says anything.
pub(crate) fn settings(class: Class) -> Settings {
    let address = text("http://box.local:8080");
    let endpoint = Endpoint { transport: Transport::Http, address };
    let window = Window {
        days: Days { sunday: false, ..Days::default() },
        from_minute: Minute::new(1320),
        until_minute: Minute::new(360),
    };
    let common = Common {
        endpoints: [endpoint].into_iter().collect(),
        zone: text("produce"),
        windows: [window].into_iter().collect(),
        ask_every_s: 600,
        report_every_s: 7200,
        power: Power { sleep_after_s: 60, listen_every_s: 30, low_battery: Percent::new(20) },
        features: Features { lamp: true, nfc: true, ..Features::default() },
    };
    Settings { common, own: own(class) }
}

fn own(class: Class) -> Own {
    let display = Display { brightness: Percent::new(70), ..Display::default() };
    match class {
        Class::Kiosk => Own::Kiosk(Kiosk { printer_dots: 576, ..Kiosk::default() }),
        Class::Mirror => {
            Own::Mirror(Mirror { display, camera: true, idle_scene: text("autumn"), near_cm: 90 })
        }
        Class::Handheld => {
            Own::Handheld(Handheld { display, lock_after_s: 45, ..Handheld::default() })
        }
        Class::ShelfLabel => Own::ShelfLabel(ShelfLabel {
            sku: text("4001"),
            layouts: [layout("regular", 4), layout("promotion", 6)].into_iter().collect(),
            ..ShelfLabel::default()
        }),
        Class::SensorGateway => {
            let sensor =
                Sensor { address: [1, 2, 3, 4, 5, 6], low: 20, high: 70, ..Sensor::default() };
            Own::SensorGateway(SensorGateway {
                channel: 20,
                sensors: [sensor].into_iter().collect(),
            })
        }
    }
}

fn layout(name: &str, elements: u16) -> Layout {
    let fields = [Field::Name, Field::Price, Field::Barcode, Field::Promotion];
    let element = |number: u16| Element {
        field: fields[usize::from(number) % fields.len()],
        x: 4,
        y: 20 * number,
        width: 240,
        height: 18,
        font: 2,
        align: Align::Right,
    };
    Layout { name: text(name), elements: (0..elements).map(element).collect() }
}

/// A block for the shelf label, which differs by its version.
pub(crate) fn block(version: u32) -> Vec<u8> {
    let mut settings = settings(Class::ShelfLabel);
    settings.common.ask_every_s = version;
    seal(&settings, &identity(Class::ShelfLabel), version, &key()).unwrap()
}

/// Small flash: eight bytes in a word, half a kibibyte in a sector.
pub(crate) type Flash = Memory<8, 512>;

pub(crate) fn blank() -> Flash {
    Flash::blank(Slots::<Flash>::BYTES)
}

pub(crate) fn start<const W: usize, const S: usize>(
    flash: Memory<W, S>,
) -> (Device<Memory<W, S>, Keys>, Option<Settings>) {
    let mut settings = None;
    let device = Device::start(flash, identity(Class::ShelfLabel), keys(), &mut settings);
    (device.unwrap(), settings)
}
