//! Profiles on the disk, to blocks and back.

use super::*;

const PROFILES: &str = "[chain.common]\nask_every_s = 60\n[device.label-1]\nclass = \"shelf_label\"\n\
                        [device.mirror-1]\nclass = \"mirror\"\n";

fn of(device: Option<&str>) -> Of {
    Of { store: "acme/0042".to_owned(), device: device.map(str::to_owned) }
}

#[test]
fn what_is_signed_is_believed_by_its_key_and_by_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let (profiles, key) = (folder.path().join("profiles.toml"), folder.path().join("key"));
    let out = folder.path().join("blocks");
    std::fs::write(&profiles, PROFILES).unwrap();
    sign(&[profiles.clone()], &of(None), &key, 7, &out).unwrap();
    let public = firmware::read_or_make_key(&key).unwrap().verifying_key().to_bytes();
    for name in ["label-1", "mirror-1"] {
        let file = out.join(format!("{name}.block"));
        inspect::inspect(&file, Some(&hex(&public))).unwrap();
        let other = inspect::inspect(&file, Some(&hex(&[9; 32]))).unwrap_err();
        assert!(other.to_string().contains("no believed key signed it"), "{other}");
    }
    let cut = out.join("cut.block");
    std::fs::write(&cut, &read_block(&out.join("label-1.block")).unwrap()[..200]).unwrap();
    assert!(inspect::inspect(&cut, None).unwrap_err().to_string().contains("check sum"));
    assert_eq!(rendered(&[profiles.clone()], &of(Some("label-1"))).unwrap().len(), 1);
    assert!(rendered(&[profiles], &of(Some("label-2"))).is_err());
}

#[test]
fn a_key_as_people_copy_it_is_read() {
    let key = [0xa5; 32];
    assert_eq!(of_hex(&format!(" {}\n", hex(&key).to_uppercase())), Some(key));
    assert_eq!(of_hex("a5"), None);
    assert_eq!(of_hex(&"g".repeat(64)), None);
}
