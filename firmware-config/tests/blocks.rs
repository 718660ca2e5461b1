//! What is believed, and what is not.

use ed25519_dalek::SigningKey;
use firmware_config::limits::{HEADER_BYTES, MAX_BLOCK_BYTES, MAX_BODY_BYTES};
use firmware_config::seal::{body, seal};
use firmware_config::*;

use crate::support::{block, identity, key, keys, settings};

fn open(bytes: &[u8], identity: &Identity) -> Result<Opened, Refusal> {
    Block::parse(bytes).and_then(|block| block.open(identity, &keys()))
}

#[test]
fn settings_of_every_class_come_through_as_they_were() {
    for class in Class::ALL {
        let (settings, identity) = (settings(class), identity(class));
        let bytes = seal(&settings, &identity, 3, &key()).unwrap();
        let opened = open(&bytes, &identity).unwrap();
        assert_eq!((opened.version, opened.settings), (3, settings), "{class:?}");
        assert_eq!(Class::of_name(class.name()), Some(class));
        assert_eq!(serde_json::to_value(class).unwrap(), class.name());
    }
}

#[test]
fn the_largest_settings_of_every_class_fit_into_a_block() {
    fn fill<const N: usize>() -> Text<N> {
        core::iter::repeat_n('x', N).collect()
    }
    fn all<T: Clone, const N: usize>(one: T) -> List<T, N> {
        core::iter::repeat_n(one, N).collect()
    }
    let window = Window { from_minute: Minute::new(1440), ..Window::default() };
    let common = Common {
        endpoints: all(Endpoint { transport: Transport::Serial, address: fill() }),
        zone: fill(),
        windows: all(window),
        ask_every_s: u32::MAX,
        report_every_s: u32::MAX,
        power: Power { sleep_after_s: u16::MAX, listen_every_s: u16::MAX, ..Power::default() },
        features: Features::default(),
    };
    let far = u16::MAX;
    let element = Element { x: far, y: far, width: far, height: far, ..Element::default() };
    let layout = Layout { name: fill(), elements: all(element) };
    let sensor = Sensor { every_s: far, zone: fill(), ..Sensor::default() };
    for own in [
        Own::ShelfLabel(ShelfLabel { sku: fill(), layouts: all(layout), ..Default::default() }),
        Own::SensorGateway(SensorGateway { channel: 255, sensors: all(sensor) }),
        Own::Mirror(Mirror { idle_scene: fill(), near_cm: far, ..Default::default() }),
    ] {
        let settings = Settings { common: common.clone(), own };
        let bytes = body(&settings).unwrap();
        assert!(bytes.len() <= Settings::MAX_BYTES && Settings::MAX_BYTES <= MAX_BODY_BYTES);
        let (class, version) = (settings.own.class(), u32::MAX);
        let block = seal(&settings, &identity(class), version, &key()).unwrap();
        assert!(block.len() <= MAX_BLOCK_BYTES);
        assert_eq!(open(&block, &identity(class)).unwrap().settings, settings);
    }
}

#[test]
fn every_changed_bit_is_noticed() {
    let bytes = block(7);
    let identity = identity(Class::ShelfLabel);
    for place in 0..bytes.len() {
        for bit in 0..8 {
            let mut changed = bytes.clone();
            changed[place] ^= 1 << bit;
            assert!(open(&changed, &identity).is_err(), "byte {place}, bit {bit}");
        }
        assert_eq!(open(&bytes[..place], &identity), Err(Refusal::Damaged), "cut at {place}");
    }
    assert_eq!(open(&[bytes.as_slice(), &[0]].concat(), &identity), Err(Refusal::Damaged));
}

#[test]
fn a_block_of_another_store_device_class_or_key_is_refused_by_name() {
    let (class, wanted) = (Class::ShelfLabel, identity(Class::ShelfLabel));
    let settings = settings(class);
    let sealed = |identity: &Identity, key: &SigningKey| seal(&settings, identity, 7, key).unwrap();
    let foreign = Identity::of("acme/store-0043", "label-17", class);
    let other = Identity::of("acme/store-0042", "label-18", class);
    for (bytes, refusal) in [
        (sealed(&foreign, &key()), Refusal::OtherStore),
        (sealed(&other, &key()), Refusal::OtherDevice),
        (sealed(&wanted, &SigningKey::from_bytes(&[8; 32])), Refusal::Forged),
    ] {
        assert_eq!(open(&bytes, &wanted), Err(refusal));
    }
    let asked = Identity { class: Class::Mirror, ..wanted };
    assert_eq!(open(&sealed(&wanted, &key()), &asked), Err(Refusal::OtherClass));
    assert_eq!(seal(&settings, &asked, 7, &key()), Err(Refusal::OtherClass));
}

#[test]
fn whoever_mends_the_check_sum_has_not_mended_the_signature() {
    let bytes = block(7);
    let block = Block::parse(&bytes).unwrap();
    let header = Header { version: 8, ..*block.header() };
    let summed = [&header.to_bytes()[..48], &bytes[HEADER_BYTES..bytes.len() - 64]].concat();
    let crc = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC).checksum(&summed);
    let mut forged = bytes.clone();
    forged[..HEADER_BYTES].copy_from_slice(&Header { crc, ..header }.to_bytes());
    assert_eq!(open(&forged, &identity(Class::ShelfLabel)), Err(Refusal::Forged));
}

#[test]
fn while_keys_change_the_old_and_the_new_are_believed() {
    let new = SigningKey::from_bytes(&[9; 32]);
    let both = Keys::new(&[key().verifying_key().to_bytes(), new.verifying_key().to_bytes()]);
    let identity = identity(Class::Kiosk);
    for signer in [key(), new] {
        let bytes = seal(&settings(Class::Kiosk), &identity, 1, &signer).unwrap();
        assert!(Block::parse(&bytes).unwrap().open(&identity, &both).is_ok());
    }
    // A key of small order would have anything be signed.
    let bytes = seal(&settings(Class::Kiosk), &identity, 1, &key()).unwrap();
    let weak = Keys::new(&[[0; 32]]);
    assert_eq!(Block::parse(&bytes).unwrap().open(&identity, &weak), Err(Refusal::Forged));
}

#[test]
fn a_value_out_of_range_is_no_value() {
    assert!(Percent::try_from(101).is_err() && Minute::try_from(1441).is_err());
    let too_bright = r#"{"lamp_brightness": 101}"#;
    let told = serde_json::from_str::<Kiosk>(too_bright).unwrap_err().to_string();
    assert!(told.contains("more than 100"), "{told}");
    let unknown = serde_json::from_str::<Kiosk>(r#"{"lamp": 1}"#).unwrap_err().to_string();
    assert!(unknown.contains("unknown field `lamp`"), "{unknown}");
}
