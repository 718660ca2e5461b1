//! What boxes measured, kept for long in a small room.

use super::*;
use crate::hq::history::{COVERED, Span};

const MINUTE: u64 = 60_000;

/// Measurements of a minute each, before `until`.
fn measured(speaker: &mut Speaker, first_seq: u64, count: u64, until: UnixMillis) -> Vec<Incoming> {
    (0..count)
        .map(|at| {
            let end = until.0 - (count - 1 - at) * MINUTE;
            let fields = BTreeMap::from([
                ("requests".parse().unwrap(), Value::from(2)),
                ("outbox_bytes".parse().unwrap(), Value::from(at as i64)),
            ]);
            let values = Fields::new(fields).unwrap();
            let (from, until) = (UnixMillis(end - MINUTE), UnixMillis(end));
            let message = Message::Telemetry(Telemetry { from, until, values });
            speaker.counted(Stream::Tel, first_seq + at, &message)
        })
        .collect()
}

async fn fold(house: &House) {
    while house.hq.fold(NOW).await.unwrap() {}
}

#[tokio::test]
async fn each_measurement_is_added_up_once_however_often_and_late_it_is_looked_at() {
    let house = House::new().await;
    let mut speaker = Speaker::new();
    let day = Span::Day.ms();
    let midnight = UnixMillis(NOW.0 / day * day);
    let (late, early) = (
        measured(&mut speaker, 61, 60, midnight),
        measured(&mut speaker, 1, 60, UnixMillis(midnight.0 - 60 * MINUTE)),
    );
    house.hq.receive(&late, NOW).await.unwrap();
    fold(&house).await;
    fold(&house).await;
    let house = house.restarted().await;
    // The backlog of an outage comes after what is newer; and once more, as lines do.
    house.hq.receive(&early, NOW).await.unwrap();
    house.hq.receive(&early, NOW).await.unwrap();
    fold(&house).await;
    let rows = house.hq.history(&place(), Span::Day, 0).await.unwrap();
    assert_eq!(
        (rows.len(), rows[0].until_ms),
        (1, midnight.0),
        "what ends with a day belongs to it"
    );
    let requests = rows[0].values["requests"];
    assert_eq!((requests.count, requests.sum), (120, 240));
    assert_eq!(rows[0].values[COVERED].sum, 120 * 60_000);
    assert_eq!(
        (rows[0].values["outbox_bytes"].least, rows[0].values["outbox_bytes"].most),
        (0, 59)
    );
    assert_eq!(house.hq.history(&place(), Span::Quarter, 0).await.unwrap().len(), 8);
}

#[tokio::test]
async fn history_is_as_long_as_it_is_kept_and_no_longer() {
    let house = House::new().await;
    let mut speaker = Speaker::new();
    let told = measured(&mut speaker, 1, 30, NOW);
    house.hq.receive(&told, NOW).await.unwrap();
    // A clock that is far ahead measures at no time that anybody knows.
    let ahead = measured(&mut speaker, 31, 1, NOW.plus(Span::Day.ms()));
    house.hq.receive(&ahead, NOW).await.unwrap();
    fold(&house).await;
    let rows = async |span| house.hq.history(&place(), span, 0).await.unwrap().len();
    assert!(rows(Span::Quarter).await <= 3);
    house.hq.tidy_history(NOW.plus(3 * Span::Day.ms())).await.unwrap();
    assert_eq!((rows(Span::Quarter).await, rows(Span::Day).await), (0, 1));
    house.hq.tidy_history(NOW.plus(500 * Span::Day.ms())).await.unwrap();
    assert_eq!(house.number("SELECT count(*) FROM history").await, 0);
}
