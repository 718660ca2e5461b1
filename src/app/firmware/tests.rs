//! Where profiles come from.

use super::*;

const CHAIN: &str = "[chain.common]\nask_every_s = 600\n";
const STORE: &str = "[device.label-1]\nclass = \"shelf_label\"\n";

fn asks_every(firmware: &Firmware) -> u32 {
    let name = crate::firmware::DeviceName::parse("label-1").unwrap();
    let block = firmware.block(&name).unwrap();
    let block = firmware_config::Block::parse(&block).unwrap();
    block.unverified().unwrap().common.ask_every_s
}

#[test]
fn what_hq_said_last_holds_until_it_says_something_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("profiles.toml");
    std::fs::write(&path, STORE).unwrap();
    let firmware = Firmware::open(folder.path(), "acme/0042").unwrap();
    assert_eq!(apply(&firmware, Some(&path), Some(Some(CHAIN.to_owned()))).unwrap(), 1);
    assert_eq!(asks_every(&firmware), 600);
    drop(firmware);
    let again = Firmware::open(folder.path(), "acme/0042").unwrap();
    assert_eq!(apply(&again, Some(&path), None).unwrap(), 0, "the line is not begun yet");
    assert_eq!(asks_every(&again), 600);
    assert_eq!(apply(&again, Some(&path), Some(None)).unwrap(), 1, "HQ has none any more");
    assert_eq!(asks_every(&again), 300);
}

#[test]
fn a_fault_in_the_stores_profiles_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("profiles.toml");
    std::fs::write(&path, STORE).unwrap();
    let firmware = Firmware::open(folder.path(), "acme/0042").unwrap();
    apply(&firmware, Some(&path), None).unwrap();
    for faulty in ["[device.label-1]\nclass = \"toaster\"\n", "[device", &"#".repeat(200_000)] {
        std::fs::write(&path, faulty).unwrap();
        assert!(apply(&firmware, Some(&path), None).is_err(), "{faulty:.20}");
        assert_eq!(asks_every(&firmware), 300);
    }
    std::fs::remove_file(&path).unwrap();
    let gone = apply(&firmware, Some(&path), None).unwrap_err();
    assert!(gone.to_string().contains("profiles.toml"), "{gone}");
}
