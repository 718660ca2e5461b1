//! One box that tells too much, and all others.

use super::*;

/// HQ that takes and keeps so much of one node.
async fn house(rate: Rate, rows_of_a_node: u32) -> House {
    let mut house = House::new().await;
    let keep = Keep { rows_of_a_node, ..Keep::default() };
    let config = HqConfig { keep, rate, ..house.hq.config.clone() };
    house.hq = Hq::open(config).await.unwrap();
    house
}

/// Another box of the store.
async fn neighbour(house: &House) -> Speaker {
    let place: Place = "acme/store-1/box-b".parse().unwrap();
    house.hq.registry().add_node(&Actor::local(), &place).await.unwrap();
    Speaker { place, ..Speaker::new() }
}

#[tokio::test]
async fn what_a_box_says_beyond_its_rate_is_left_and_comes_again() {
    let house = house(Rate { burst: 30, per_second: 5 }, 1000).await;
    let (mut loud, mut quiet) = (Speaker::new(), neighbour(&house).await);
    let mut messages: Vec<_> = (1..=100).map(|seq| loud.event(seq)).collect();
    messages.push(quiet.event(1));
    let said = house.hq.receive(&messages, NOW).await.unwrap();
    let taken = house.number("SELECT count(*) FROM events").await;
    assert!((21..=31).contains(&taken), "{taken}");
    let of_quiet = "SELECT count(*) FROM events WHERE place = 'acme/store-1/box-b'";
    assert_eq!(house.number(of_quiet).await, 1);
    // What was left was not acknowledged, and is taken when it comes again.
    let through = acks(&said[..1])[&Stream::Evt];
    assert_eq!(through as i64, taken - 1);
    let again: Vec<_> = (through + 1..=through + 4).map(|seq| loud.event(seq)).collect();
    let said = house.hq.receive(&again, NOW.plus(1000)).await.unwrap();
    assert_eq!(acks(&said)[&Stream::Evt], through + 4);
    assert!(house.hq.figures().await.unwrap().too_many >= 69);
}

#[tokio::test]
async fn a_box_that_told_too_much_loses_its_own_oldest_and_nobody_elses() {
    let house = house(Rate::default(), 50).await;
    let (mut loud, mut quiet) = (Speaker::new(), neighbour(&house).await);
    let first = [quiet.event(1), quiet.event(2)];
    house.hq.receive(&first, NOW).await.unwrap();
    let many: Vec<_> = (1..=90).map(|seq| loud.event(seq)).collect();
    house.hq.receive(&many, NOW).await.unwrap();
    assert!(!house.hq.tidy(NOW).await.unwrap());
    let of = |name: &str| format!("SELECT count(*) FROM events WHERE place LIKE '%{name}'");
    assert_eq!(house.number(&of("box-a")).await, 50);
    assert_eq!(house.number(&of("box-b")).await, 2);
    assert_eq!(house.number("SELECT min(seq) FROM events WHERE place LIKE '%box-a'").await, 41);
}

#[tokio::test]
async fn a_box_that_counts_in_ever_new_ledgers_or_says_nonsense_has_a_bounded_part() {
    let house = house(Rate::default(), 1000).await;
    let mut quiet = neighbour(&house).await;
    house.hq.receive(&[quiet.event(1)], NOW).await.unwrap();
    for ledger in 0..90_u8 {
        let mut loud = Speaker { ledger: Ledger([ledger; 8]), ..Speaker::new() };
        let at = NOW.plus(u64::from(ledger) + 1);
        house.hq.receive(&[loud.event(1)], at).await.unwrap();
    }
    let of_loud = "SELECT count(*) FROM marks WHERE place LIKE '%box-a'";
    assert_eq!(house.number(of_loud).await, 64);
    assert_eq!(house.number("SELECT count(*) FROM marks WHERE place LIKE '%box-b'").await, 1);
    // The last one goes on where it was.
    let mut loud = Speaker { ledger: Ledger([89; 8]), ..Speaker::new() };
    let said = house.hq.receive(&[loud.event(1), loud.event(2)], NOW).await.unwrap();
    assert_eq!(acks(&said)[&Stream::Evt], 2);
    assert_eq!(house.number("SELECT count(*) FROM events").await, 92);
    for _ in 0..3 {
        let wrong = |speaker: &mut Speaker| speaker.plain(NodeTopic::Get, &event(1));
        let some: Vec<_> = (0..400).map(|_| wrong(&mut loud)).collect();
        house.hq.receive(&some, NOW).await.unwrap();
    }
    assert_eq!(house.number("SELECT count(*) FROM laid_aside").await, 1000);
}
