//! What is erased is gone from the files too, whenever the power fails.

use std::sync::{Arc, Mutex};

use endcap_testing::power_cut::Disk;

use super::{kiosk, said, shoppers};
use crate::shoppers::*;

const BOX: [u8; 32] = [7; 32];
const WORDS: &str = "an umbrella as tall as a heron";

fn on(database: &Disk, keys: &Disk) -> Result<Shoppers, ShoppersError> {
    Shoppers::on(database.clone(), keys.clone(), BOX, ShoppersConfig::default())
}

/// A room that notes whom it was told of.
#[derive(Default)]
struct Noting(Mutex<Vec<SubjectId>>);

impl Reach for Noting {
    fn room(&self) -> &'static str {
        "noting"
    }

    fn erase(&self, subject: &SubjectId) -> Result<Erased, String> {
        self.0.lock().unwrap().push(*subject);
        Ok(Erased { handoffs: 2, ..Erased::default() })
    }
}

#[test]
fn a_receipt_says_what_went_and_other_rooms_are_told() {
    let held = shoppers(ShoppersConfig::default());
    let noting = Arc::new(Noting::default());
    held.reach(Arc::<Noting>::clone(&noting));
    let begun = held.begin(kiosk(), None, None, 100).unwrap();
    held.append(&begun.id, said(WORDS), 101).unwrap();
    let fields = ProfileFields { style: Some("plain".to_owned()), ..ProfileFields::default() };
    let profile = held.keep_profile_of(&begun.id, fields, Consent { at: 101 }, 101).unwrap();
    let sealed = held.seal(&begun.subject, b"handoff", b"text").unwrap();
    let mut events = held.events(&begun.id);
    let receipt = held.end(&begun.id, 102).unwrap();
    let Erased { conversations, turns, profiles, handoffs, .. } = receipt.what;
    assert_eq!((receipt.at, conversations, turns, profiles, handoffs), (102, 1, 1, 1, 4));
    assert_eq!(*noting.0.lock().unwrap(), [begun.subject, profile.subject]);
    assert_eq!(events.try_recv().unwrap(), Event::Ended);
    let opened = held.open_sealed(&begun.subject, b"handoff", &sealed);
    assert!(matches!(opened, Err(ShoppersError::Erased)));
    assert!(matches!(held.end(&begun.id, 103), Err(ShoppersError::NotFound { .. })));
}

#[test]
fn a_profile_outlives_its_conversations_until_it_is_erased() {
    let held = shoppers(ShoppersConfig::default());
    let fields = ProfileFields { size: Some("M".to_owned()), ..ProfileFields::default() };
    let kept = held.keep_profile(fields.clone(), Consent { at: 90 }, 90).unwrap();
    let begun = held.begin(kiosk(), None, Some(&kept.id), 100).unwrap();
    assert_eq!(begun.profile.unwrap().fields, fields);
    assert_eq!(held.end(&begun.id, 101).unwrap().what.profiles, 0);
    assert_eq!(held.profile(&kept.id, 102).unwrap(), kept);
    assert_eq!(held.erase_profile(&kept.id, 103).unwrap().what.profiles, 1);
    assert!(matches!(held.profile(&kept.id, 104), Err(ShoppersError::NotFound { .. })));
}

#[test]
fn neither_words_nor_ids_nor_an_erased_key_are_in_the_files() {
    let (database, keys) = (Disk::default(), Disk::default());
    let held = on(&database, &keys).unwrap();
    let begun = held.begin(kiosk(), Some("en".to_owned()), None, 100).unwrap();
    held.append(&begun.id, said(WORDS), 101).unwrap();
    let sealed = held.seal(&begun.subject, b"c", b"text").unwrap();
    held.flush().unwrap();
    let written: Vec<Vec<u8>> = database.images(0).into_iter().chain(keys.images(0)).collect();
    let place = place_of(&keys, &begun.subject);
    assert!(holds(&written, &place), "the key lies there, sealed");
    held.end(&begun.id, 102).unwrap();
    held.flush().unwrap();
    drop(held);
    let images: Vec<Vec<u8>> = database.images(1).into_iter().chain(keys.images(1)).collect();
    for plain in [WORDS.as_bytes(), begun.id.to_string().as_bytes(), b"kiosk"] {
        assert!(!holds(&written, plain) && !holds(&images, plain));
    }
    assert!(!holds(&images, &place), "the sealed key is nowhere any more");
    // Whoever has the box's key and all files opens nothing of it.
    let held = on(&database, &keys).unwrap();
    let opened = held.open_sealed(&begun.subject, b"c", &sealed);
    assert!(matches!(opened, Err(ShoppersError::Erased)));
}

/// The bytes of a subject's keys as they lie.
fn place_of(keys: &Disk, subject: &SubjectId) -> Vec<u8> {
    let image = keys.images(0).remove(1);
    let places = image.chunks(256);
    let mut own = places.filter(|place| place[16..32] == subject.to_bytes());
    own.next().unwrap()[32..152].to_vec()
}

fn holds(images: &[Vec<u8>], part: &[u8]) -> bool {
    images.iter().any(|image| image.windows(part.len()).any(|found| found == part))
}

/// What a box does: two talk, one of them asks to be erased.
fn story(held: &Shoppers) -> Result<(Conversation, Vec<u8>, Option<Receipt>), ShoppersError> {
    let stays = held.begin(kiosk(), None, None, 100)?;
    held.append(&stays.id, said(WORDS), 101)?;
    let goes = held.begin(kiosk(), None, None, 102)?;
    held.append(&goes.id, said(WORDS), 103)?;
    held.flush()?;
    let sealed = held.seal(&goes.subject, b"c", WORDS.as_bytes())?;
    let receipt = held.end(&goes.id, 104).ok();
    Ok((goes, sealed, receipt))
}

#[test]
fn a_power_cut_at_any_write_leaves_all_or_nothing_and_completes_an_erasure() {
    let (database, keys) = (Disk::default(), Disk::default());
    story(&on(&database, &keys).unwrap()).unwrap();
    let (acts, key_acts) = (database.acts(), keys.acts());
    assert!(acts > 20 && key_acts > 6, "{acts}, {key_acts}");
    let cuts = (0..acts).map(|cut| (cut, usize::MAX));
    for (cut, key_cut) in cuts.chain((0..key_acts).map(|cut| (usize::MAX, cut))) {
        let (database, keys) = (Disk::default(), Disk::default());
        database.cut_at(cut);
        keys.cut_at(key_cut);
        let told = on(&database, &keys).ok().and_then(|held| story(&held).ok());
        let seed = (cut.min(key_cut)) as u64;
        for (image, key_image) in database.images(seed).into_iter().zip(keys.images(seed)) {
            after(image, key_image, told.as_ref(), (cut, key_cut));
        }
    }
}

fn after(
    image: Vec<u8>,
    keys: Vec<u8>,
    told: Option<&(Conversation, Vec<u8>, Option<Receipt>)>,
    cut: (usize, usize),
) {
    // A database that had not come into being is made anew by whoever starts the box.
    let Ok(held) = on(&Disk::of(image), &Disk::of(keys)) else {
        assert!(told.is_none(), "{cut:?}");
        return;
    };
    let noting = Arc::new(Noting::default());
    held.reach(Arc::<Noting>::clone(&noting));
    held.sweep(105).unwrap();
    let Some((goes, sealed, receipt)) = told else { return };
    let opened = held.open_sealed(&goes.subject, b"c", sealed);
    let there = held.conversation(&goes.id, 105);
    if receipt.is_some() {
        assert!(matches!(opened, Err(ShoppersError::Erased)), "{cut:?}");
        assert!(there.is_err(), "{cut:?}");
    }
    // Erased as a whole, or not begun.
    match there {
        Ok(there) => assert_eq!(there.turns.len(), 1, "{cut:?}"),
        Err(ShoppersError::NotFound { .. }) => {
            let told = noting.0.lock().unwrap().contains(&goes.subject);
            assert!(told || receipt.is_some(), "{cut:?}: other rooms still have something");
            assert!(matches!(opened, Err(ShoppersError::Erased)), "{cut:?}");
        }
        Err(error) => panic!("{cut:?}: {error}"),
    }
}
