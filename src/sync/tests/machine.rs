//! The machine alone, step by step.

use super::*;

fn machine() -> Machine {
    Machine::new(LineConfig::default(), 1)
}

fn standing(stream: Stream, next: u64, through: u64) -> Standing {
    Standing { stream, next, through, above: Vec::new() }
}

fn question(actions: &[Action]) -> Option<MessageId> {
    actions.iter().find_map(|action| match action {
        Action::Ask { question } => Some(*question),
        _ => None,
    })
}

/// Brings a machine to the open uplink, with `next` messages written and none stored.
fn open(machine: &mut Machine, now_ms: u64, next: u64) -> Vec<Action> {
    assert_eq!(machine.handle(Input::Tick, now_ms), [Action::Connect]);
    assert_eq!(machine.handle(Input::Connected, now_ms), [Action::Subscribe]);
    let actions = machine.handle(Input::Subscribed { all: true }, now_ms);
    let question = question(&actions).unwrap();
    let streams = vec![standing(Stream::Evt, next, 0)];
    machine.handle(Input::Answered { question, streams }, now_ms)
}

fn until(machine: &Machine) -> u64 {
    match machine.phase() {
        Phase::Waiting { until_ms } => until_ms,
        other => panic!("not waiting but {other:?}"),
    }
}

#[test]
fn steps_come_in_their_order_and_nothing_is_sent_before_the_last() {
    let mut machine = machine();
    assert_eq!(machine.handle(Input::Tick, 0), [Action::Connect]);
    assert_eq!(machine.handle(Input::Grown { stream: Stream::Evt, next: 9 }, 1), []);
    assert_eq!(machine.handle(Input::Connected, 2), [Action::Subscribe]);
    assert_eq!(machine.handle(Input::Grown { stream: Stream::Evt, next: 10 }, 3), []);
    let actions = machine.handle(Input::Subscribed { all: true }, 4);
    assert_eq!(actions[0], Action::Announce);
    let asked = question(&actions).unwrap();
    let stray = Input::Answered { question: MessageId([0; 16]), streams: Vec::new() };
    assert_eq!(machine.handle(stray, 5), []);
    let streams = vec![standing(Stream::Evt, 10, 3)];
    let actions = machine.handle(Input::Answered { question: asked, streams }, 6);
    assert_eq!(actions, [Action::Report]);
    let actions = machine.handle(Input::Tick, 106);
    assert!(
        matches!(actions[..], [Action::Send { run: Run { first: 4, last: 9 }, .. }]),
        "{actions:?}"
    );
}

#[test]
fn a_subscription_that_is_not_granted_is_a_failure() {
    let mut machine = machine();
    machine.handle(Input::Tick, 0);
    machine.handle(Input::Connected, 1);
    assert_eq!(machine.handle(Input::Subscribed { all: false }, 2), [Action::Drop]);
    assert!(matches!(machine.phase(), Phase::Waiting { .. }));
}

#[test]
fn each_step_has_an_end() {
    for connected in [false, true] {
        let mut machine = machine();
        machine.handle(Input::Tick, 0);
        if connected {
            machine.handle(Input::Connected, 0);
        }
        assert_eq!(machine.wake_ms(), 30_000);
        assert_eq!(machine.handle(Input::Tick, 29_999), []);
        assert_eq!(machine.handle(Input::Tick, 30_000), [Action::Drop]);
    }
}

#[test]
fn being_kicked_right_after_connecting_counts_as_a_failure() {
    let wait = |seed| {
        let (mut machine, mut now_ms, mut wait) = (Machine::new(LineConfig::default(), seed), 0, 0);
        for _ in 0..12 {
            machine.handle(Input::Tick, now_ms);
            machine.handle(Input::Connected, now_ms);
            now_ms += 10;
            machine.handle(Input::Lost, now_ms);
            wait = match machine.phase() {
                Phase::Waiting { until_ms } => until_ms - now_ms,
                _ => 0, // Full jitter may say that the wait is none.
            };
            now_ms += wait;
        }
        wait
    };
    let longest = (0..200).map(wait).max().unwrap();
    assert!((5 * 60 * 1000..=10 * 60 * 1000).contains(&longest), "{longest}");
}

#[test]
fn only_a_connection_that_held_for_five_minutes_makes_waits_short_again() {
    // `Subscribing` ends after 30 s, so hold it where it holds: with the uplink open.
    let mut machine = machine();
    let mut now_ms = 0;
    for _ in 0..12 {
        machine.handle(Input::Tick, now_ms);
        machine.handle(Input::Lost, now_ms);
        now_ms = until(&machine);
    }
    open(&mut machine, now_ms, 1);
    now_ms += 5 * 60 * 1000;
    machine.handle(Input::Lost, now_ms);
    assert!(until(&machine) - now_ms <= 1000);
}

#[test]
fn an_hq_that_was_started_anew_is_asked_within_half_a_minute() {
    let mut machine = machine();
    open(&mut machine, 0, 1);
    assert!(machine.wake_ms() > 10 * 60_000);
    machine.handle(Input::Restarted, 1000);
    let due_ms = machine.wake_ms();
    assert!((1000..=31_000).contains(&due_ms), "{due_ms}");
    // Hearing it again does not put it off, and one question is enough.
    machine.handle(Input::Restarted, due_ms - 1);
    let actions = machine.handle(Input::Tick, due_ms);
    assert!(question(&actions).is_some(), "{actions:?}");
    assert_eq!(machine.handle(Input::Restarted, due_ms + 1), []);
    assert_eq!(machine.phase(), Phase::Open, "the uplink stays open");
}

#[test]
fn a_broker_that_takes_nothing_is_left() {
    let mut machine = machine();
    open(&mut machine, 0, 9);
    let Some(Action::Send { stream, run, .. }) = machine.handle(Input::Tick, 100).pop() else {
        panic!("there is a backlog");
    };
    machine.handle(Input::Sent { stream, run: Some(run), count: 8, bytes: 100 }, 100);
    machine.handle(Input::Taken, 5000);
    assert!(!machine.handle(Input::Tick, 64_999).contains(&Action::Drop));
    assert!(machine.handle(Input::Tick, 65_000).contains(&Action::Drop));
}

#[test]
fn hq_is_asked_again_ever_more_slowly_while_it_is_silent() {
    let mut machine = machine();
    machine.handle(Input::Tick, 0);
    machine.handle(Input::Connected, 0);
    machine.handle(Input::Subscribed { all: true }, 0);
    let mut asked = Vec::new();
    while asked.len() < 12 {
        let now_ms = machine.wake_ms();
        if question(&machine.handle(Input::Tick, now_ms)).is_some() {
            asked.push(now_ms);
        }
    }
    let pauses: Vec<u64> = asked.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(asked[0] <= 15_000, "{asked:?}");
    assert!(pauses.iter().all(|pause| *pause <= 15 * 60 * 1000), "{pauses:?}");
    assert!(*pauses.last().unwrap() >= 5 * 60 * 1000, "{pauses:?}");
    assert_eq!(machine.phase(), Phase::Asking, "HQ being away is no reason to leave the broker");
}

#[test]
fn where_nothing_is_to_be_read_hq_is_asked_where_all_stands() {
    let mut machine = machine();
    open(&mut machine, 0, 9);
    machine.handle(Input::Tick, 100);
    let nothing = Input::Sent { stream: Stream::Evt, run: None, count: 0, bytes: 0 };
    assert!(question(&machine.handle(nothing, 100)).is_some());
    assert_eq!(machine.phase(), Phase::Asking);
}

#[test]
fn late_news_of_an_old_connection_does_nothing() {
    let mut machine = machine();
    for input in [Input::Connected, Input::Subscribed { all: true }, Input::Lost] {
        let mut fresh = Machine::new(LineConfig::default(), 1);
        fresh.handle(Input::Tick, 0);
        fresh.handle(Input::Lost, 0);
        let before = fresh.phase();
        if until(&fresh) > 0 {
            assert_eq!(fresh.handle(input, 0), []);
            assert_eq!(fresh.phase(), before);
        }
    }
    machine.handle(Input::Taken, 0);
}
