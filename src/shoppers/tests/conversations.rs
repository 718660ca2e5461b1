//! What is said is there, bounded, and gone when it is over.

use std::time::Duration;

use super::{kiosk, said, shoppers};
use crate::shoppers::*;

#[test]
fn a_conversation_has_its_turns_in_order_and_tells_who_listens() {
    let shoppers = shoppers(ShoppersConfig::default());
    let begun = shoppers.begin(kiosk(), None, None, 100).unwrap();
    let mut events = shoppers.events(&begun.id);
    let first = shoppers.append(&begun.id, said("Where is the milk?"), 101).unwrap();
    assert_eq!(events.try_recv().unwrap(), Event::Turn(first.clone()));
    shoppers.update(&begun.id, |it| it.stage = Stage::Waiting, 102).unwrap();
    assert_eq!(events.try_recv().unwrap(), Event::Stage(Stage::Waiting));
    let found = shoppers.conversation(&begun.id, 102).unwrap();
    assert_eq!((found.turns, found.heard, found.stage), (vec![first], 102, Stage::Waiting));
}

#[test]
fn one_that_is_idle_is_over_and_swept() {
    let idle = Duration::from_secs(60);
    let shoppers = shoppers(ShoppersConfig { idle, ..ShoppersConfig::default() });
    let begun = shoppers.begin(kiosk(), None, None, 100).unwrap();
    shoppers.append(&begun.id, said("Hello"), 150).unwrap();
    assert_eq!(shoppers.sweep(210).unwrap(), 0);
    assert!(matches!(shoppers.conversation(&begun.id, 211), Err(ShoppersError::Expired { .. })));
    assert_eq!(shoppers.sweep(211).unwrap(), 1);
    assert!(matches!(shoppers.conversation(&begun.id, 211), Err(ShoppersError::NotFound { .. })));
}
