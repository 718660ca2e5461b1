//! Each way through the states, without a disk or a line.

use super::*;

fn waits(lack: Lack) -> Trouble {
    Trouble::Waits(lack)
}

fn ends(code: &'static str) -> Trouble {
    Trouble::Ends { code, text: "404".to_owned() }
}

#[test]
fn a_good_bundle_walks_through_every_state_and_stays() {
    let (mut sim, old) = Sim::with_good("old");
    let new = offer(2, &bundle("new"));
    sim.feed(Input::Offered(new.clone()));
    for state in [State::Accepted, State::Fetching, State::Verified, State::Staged] {
        sim.run_until_moved(state);
        assert_eq!(sim.memory.live, Some(old), "{state:?}");
    }
    sim.run_until(State::Shadow);
    let beside = Arrangement {
        live: Some(old),
        beside: Some(new.digest),
        mirrored: true,
        taken_back: false,
    };
    assert_eq!(sim.memory, beside);
    sim.run_until(State::Trial);
    let trial = Arrangement { live: Some(new.digest), beside: Some(old), ..Arrangement::default() };
    assert_eq!(sim.memory, trial);
    sim.run_until(State::Probation);
    assert_eq!(sim.memory, Arrangement::of(Some(new.digest)));
    assert!(sim.placed.contains(&old), "the last good one stays on the disk");
    sim.run_until(State::Committed);
    assert_eq!(
        sim.walked,
        [
            State::Accepted,
            State::Fetching,
            State::Verified,
            State::Staged,
            State::Shadow,
            State::Trial,
            State::Probation,
            State::Committed,
        ]
    );
    let record = sim.machine.record();
    assert_eq!(record.good, Some(Installed { version: 2, digest: new.digest }));
    assert_eq!(record.previous, Some(Installed { version: 1, digest: old }));
    sim.run_for(3600);
    assert_eq!(sim.memory, Arrangement::of(Some(new.digest)));
}

#[test]
fn times_are_those_of_the_bundle() {
    let (mut sim, _) = Sim::with_good("old");
    sim.feed(Input::Offered(offer(2, &bundle("new"))));
    for (state, next, seconds) in [
        (State::Shadow, State::Trial, 60),
        (State::Trial, State::Probation, 600),
        (State::Probation, State::Committed, 1200),
    ] {
        sim.run_until(state);
        let before = sim.view.steady_ms;
        sim.run_until(next);
        let took = (sim.view.steady_ms - before) / 1000;
        assert!((seconds - 20..=seconds + 30).contains(&took), "{state:?} took {took} s");
    }
}

#[test]
fn what_fails_before_it_answers_is_refused_and_what_fails_then_is_reverted() {
    for (act, state, trouble, code, end) in [
        ("document", State::Offered, ends("refused"), "offered.refused", State::Refused),
        ("fetch", State::Fetching, ends("refused"), "fetching.refused", State::Refused),
        ("load", State::Verified, ends("x"), "verified.load", State::Refused),
        ("check", State::Staged, ends("x"), "staged.check", State::Refused),
        ("check", State::Trial, ends("x"), "trial.check", State::Reverted),
        ("check", State::Probation, ends("x"), "probation.check", State::Reverted),
        ("attest", State::Probation, ends("x"), "probation.attestation", State::Reverted),
    ] {
        let (mut sim, old) = Sim::with_good("old");
        let new = offer(2, &bundle("new"));
        sim.feed(Input::Offered(new.clone()));
        if state != State::Offered {
            sim.run_until_moved(state);
        }
        sim.faults.insert(act, trouble);
        sim.run_until(end);
        assert_eq!(sim.code(), code);
        assert_eq!(sim.memory, Arrangement::of(Some(old)), "{code}");
        assert_eq!(sim.machine.record().good.unwrap().digest, old);
        assert!(!sim.placed.contains(&new.digest), "{code}: its files are left");
        sim.run_for(3600);
        assert_eq!(sim.stage(), Some(end), "{code}: it ended and goes on");
    }
}

#[test]
fn figures_that_are_too_bad_revert_at_once() {
    let figures =
        |requests, errors, p95_ms| Figures { requests, errors, refused: 0, p95_ms: Some(p95_ms) };
    for (state, end) in [
        (State::Shadow, State::Refused),
        (State::Trial, State::Reverted),
        (State::Probation, State::Reverted),
    ] {
        for (bad, code) in [(figures(10, 2, 100), "errors"), (figures(50, 0, 900), "latency")] {
            let (mut sim, old) = Sim::with_good("old");
            sim.seen.live = figures(1000, 0, 100);
            sim.feed(Input::Offered(offer(2, &bundle("new"))));
            sim.run_until(state);
            let fine = Health { live: figures(50, 1, 150), beside: figures(50, 1, 150) };
            sim.seen = fine;
            sim.run_for(30);
            assert_eq!(sim.stage(), Some(state));
            sim.seen = Health { live: bad, beside: bad };
            sim.feed(Input::Seen(sim.seen));
            assert_eq!(sim.stage(), Some(end), "{code}");
            sim.run_for(20);
            assert_eq!(sim.memory.live, Some(old));
            assert!(sim.code().ends_with(code), "{}", sim.code());
        }
    }
}

#[test]
fn a_bundle_of_which_no_request_went_well_does_not_stay_however_few_there_were() {
    let figures = |requests, errors| Figures { requests, errors, refused: 0, p95_ms: None };
    for state in [State::Trial, State::Probation] {
        let (mut sim, old) = Sim::with_good("old");
        sim.feed(Input::Offered(offer(2, &bundle("new"))));
        sim.run_until(state);
        // Ten would tell something at once, and its checks are answered.
        sim.seen.live = figures(4, 4);
        sim.run_for(2400);
        assert_eq!((sim.stage(), sim.memory.live), (Some(State::Reverted), Some(old)));
        assert!(sim.code().ends_with(".errors"), "{state:?}: {}", sim.code());

        // One that goes well while it is waited for is enough.
        let (mut sim, _) = Sim::with_good("old");
        sim.feed(Input::Offered(offer(2, &bundle("new"))));
        sim.run_until(state);
        sim.seen.live = figures(4, 4);
        sim.run_for(if state == State::Trial { 700 } else { 1300 });
        assert_eq!(sim.stage(), Some(state));
        sim.seen.live = figures(5, 4);
        sim.run_until(State::Committed);
    }
}

#[test]
fn success_is_not_told_while_the_old_one_runs() {
    // Everything was written and every check passed, and still another one answers.
    let (mut sim, old) = Sim::with_good("old");
    sim.feed(Input::Offered(offer(2, &bundle("new"))));
    sim.run_until(State::Probation);
    sim.faults.insert("attest", ends("x"));
    sim.run_until(State::Reverted);
    assert!(!sim.walked.contains(&State::Committed));
    assert_eq!((sim.code().as_str(), sim.memory.live), ("probation.attestation", Some(old)));
}

#[test]
fn what_is_lacking_defers_until_it_is_there_or_it_is_too_late() {
    let lacks: [(&str, fn(&mut View)); 3] = [
        ("clock", |view| view.clock = Clock::Unknown { at_least: NOW }),
        ("hours", |view| view.in_hours = false),
        ("space", |view| view.free_bytes = 1),
    ];
    for (code, lack) in lacks {
        let mut sim = Sim::new();
        let view = sim.view;
        lack(&mut sim.view);
        sim.feed(Input::Offered(offer(2, &bundle("new"))));
        sim.run_until(State::Deferred);
        assert_eq!(sim.code(), code);
        assert_eq!(sim.fetches, 0);
        let clock = sim.view.clock;
        sim.view = View { steady_ms: sim.view.steady_ms, ..view };
        if code != "clock" {
            sim.view.clock = clock;
        }
        sim.run_until(State::Committed);

        let mut sim = Sim::new();
        lack(&mut sim.view);
        sim.feed(Input::Offered(offer(2, &bundle("new"))));
        sim.run_for(3000);
        assert_eq!(sim.stage(), Some(State::Deferred));
        sim.run_for(3600);
        // While the time is not known, no time is over.
        let end = if code == "clock" { State::Deferred } else { State::Refused };
        assert_eq!(sim.stage(), Some(end), "{code}");
    }
}

#[test]
fn a_fetch_that_must_wait_is_deferred_and_goes_on() {
    let mut sim = Sim::new();
    sim.faults.insert("fetch", waits(Lack::Budget));
    sim.feed(Input::Offered(offer(2, &bundle("new"))));
    sim.run_until(State::Deferred);
    assert_eq!(sim.code(), "budget");
    sim.faults.clear();
    sim.run_until(State::Committed);
}

#[test]
fn a_download_that_is_not_there_ends_and_can_be_cancelled() {
    let (mut sim, _) = Sim::with_good("old");
    sim.faults.insert("fetch", ends("refused"));
    sim.feed(Input::Offered(offer(2, &bundle("gone"))));
    let before = sim.fetches;
    sim.run_until(State::Refused);
    sim.run_for(7200);
    assert_eq!(sim.fetches, before + 1, "it was fetched again and again");
    // One that is never reached is cancelled in the middle.
    sim.faults.insert("fetch", Trouble::Later("no route".to_owned()));
    sim.feed(Input::Offered(offer(3, &bundle("far"))));
    sim.run_until(State::Fetching);
    sim.feed(Input::Cancelled { version: 3 });
    assert_eq!((sim.stage(), sim.code().as_str()), (Some(State::Refused), "fetching.cancelled"));
}

#[test]
fn a_fetch_that_never_ends_does_not_block_the_queue() {
    let (mut sim, _) = Sim::with_good("old");
    sim.faults.insert("fetch", Trouble::Later("no route".to_owned()));
    sim.feed(Input::Offered(offer(2, &bundle("far"))));
    sim.run_until(State::Refused);
    assert_eq!(sim.code(), "fetching.late");
    // And one that is still at it makes room for the next.
    sim.feed(Input::Offered(offer(3, &bundle("far"))));
    sim.run_until(State::Fetching);
    sim.faults.clear();
    let next = offer(4, &bundle("near"));
    sim.feed(Input::Offered(next.clone()));
    sim.run_until(State::Committed);
    assert_eq!(sim.memory.live, Some(next.digest));
}

#[test]
fn a_cancel_wins_in_every_state_and_may_come_again() {
    for state in [
        State::Offered,
        State::Accepted,
        State::Fetching,
        State::Verified,
        State::Staged,
        State::Shadow,
        State::Trial,
        State::Probation,
    ] {
        let (mut sim, old) = Sim::with_good("old");
        sim.feed(Input::Offered(offer(2, &bundle("new"))));
        if state != State::Offered {
            sim.run_until_moved(state);
        }
        for _ in 0..3 {
            sim.feed(Input::Cancelled { version: 2 });
            let end = sim.stage().unwrap();
            assert!(matches!(end, State::Refused | State::Reverted), "{state:?}: {end:?}");
        }
        sim.feed(Input::Offered(offer(2, &bundle("new"))));
        sim.run_for(7200);
        assert!(sim.attempt().is_over(), "{state:?}");
        assert_eq!(sim.memory, Arrangement::of(Some(old)), "{state:?}");
        assert_eq!(
            sim.walked
                .iter()
                .filter(|state| **state == State::Refused || **state == State::Reverted)
                .count(),
            1
        );
        // What has ended cannot be cancelled, nor can what was never offered.
        sim.feed(Input::Cancelled { version: 1 });
        sim.feed(Input::Cancelled { version: 99 });
        assert_eq!(sim.machine.record().good.unwrap().digest, old);
    }
}

#[test]
fn a_newer_offer_replaces_an_older_one_in_every_state() {
    for state in [State::Fetching, State::Staged, State::Shadow, State::Trial, State::Probation] {
        let (mut sim, old) = Sim::with_good("old");
        sim.feed(Input::Offered(offer(2, &bundle("new"))));
        sim.run_until_moved(state);
        let newest = offer(3, &bundle("newest"));
        sim.feed(Input::Offered(newest.clone()));
        let end = *sim.walked.last().unwrap();
        assert!(matches!(end, State::Refused | State::Reverted), "{state:?} was not reported");
        sim.act();
        assert_eq!(sim.memory.live, Some(old), "until it is proved, the good one answers");
        sim.run_until(State::Committed);
        assert_eq!(sim.memory.live, Some(newest.digest));
        // An older or doubled offer changes nothing.
        sim.feed(Input::Offered(offer(2, &bundle("new"))));
        sim.feed(Input::Offered(newest.clone()));
        assert_eq!(sim.stage(), Some(State::Committed));
    }
}

#[test]
fn a_wrong_clock_removes_and_installs_nothing() {
    let (mut sim, old) = Sim::with_good("old");
    sim.view.clock = Clock::Unknown { at_least: NOW };
    let before = sim.placed.clone();
    sim.feed(Input::Offered(offer(2, &bundle("new"))));
    sim.restart();
    sim.run_for(24 * 3600);
    assert_eq!((sim.stage(), sim.placed.clone()), (Some(State::Deferred), before));
    assert_eq!(sim.memory, Arrangement::of(Some(old)), "it runs on");
}

#[test]
fn with_a_clock_that_gets_lost_on_trial_nothing_is_decided_but_a_failure() {
    for fails in [false, true] {
        let (mut sim, old) = Sim::with_good("old");
        let new = offer(2, &bundle("new"));
        sim.feed(Input::Offered(new.clone()));
        sim.run_until(State::Trial);
        sim.view.clock = Clock::Unknown { at_least: NOW };
        sim.run_for(24 * 3600);
        assert_eq!((sim.stage(), sim.memory.live), (Some(State::Trial), Some(new.digest)));
        if fails {
            sim.seen.live = Figures { requests: 100, errors: 100, ..Figures::default() };
            sim.run_for(20);
            assert_eq!((sim.stage(), sim.memory.live), (Some(State::Reverted), Some(old)));
            assert!(sim.placed.contains(&new.digest), "nothing is removed");
        }
        sim.view.clock = Clock::Known(NOW.plus(48 * 3_600_000));
        sim.run_until(if fails { State::Reverted } else { State::Committed });
    }
}

#[test]
fn a_clock_that_jumps_does_not_shorten_a_trial() {
    let (mut sim, _) = Sim::with_good("old");
    sim.feed(Input::Offered(offer(2, &bundle("new"))));
    sim.run_until(State::Trial);
    sim.view.clock = Clock::Known(NOW.plus(365 * 24 * 3_600_000));
    sim.run_for(300);
    assert_eq!(sim.stage(), Some(State::Trial));
    // Nor does a box that slept.
    sim.view.steady_ms += 24 * 3_600_000;
    sim.feed(Input::Tick);
    assert_eq!(sim.stage(), Some(State::Trial));
}

#[test]
fn a_box_that_restarts_again_and_again_on_a_new_bundle_goes_back() {
    let (mut sim, old) = Sim::with_good("old");
    let new = offer(2, &bundle("new"));
    sim.feed(Input::Offered(new.clone()));
    sim.run_until(State::Trial);
    for _ in 0..3 {
        sim.restart();
        sim.run_for(20);
        assert_eq!((sim.stage(), sim.memory.live), (Some(State::Trial), Some(new.digest)));
    }
    sim.restart();
    sim.run_for(20);
    assert_eq!((sim.code().as_str(), sim.memory.live), ("trial.restarts", Some(old)));
}

#[test]
fn a_restart_in_any_state_goes_on_from_there() {
    for state in [
        State::Accepted,
        State::Fetching,
        State::Verified,
        State::Staged,
        State::Shadow,
        State::Trial,
        State::Probation,
        State::Committed,
    ] {
        let (mut sim, _) = Sim::with_good("old");
        let new = offer(2, &bundle("new"));
        sim.feed(Input::Offered(new.clone()));
        sim.run_until_moved(state);
        sim.restart();
        sim.run_until(State::Committed);
        sim.run_for(10);
        assert_eq!(sim.memory, Arrangement::of(Some(new.digest)), "{state:?}");
    }
}

#[test]
fn going_back_needs_no_network_and_no_document() {
    let (mut sim, old) = Sim::with_good("old");
    sim.feed(Input::Offered(offer(2, &bundle("new"))));
    sim.run_until(State::Probation);
    sim.faults.insert("fetch", ends("refused"));
    sim.faults.insert("document", ends("refused"));
    sim.restart();
    let before = sim.fetches;
    sim.run_until(State::Reverted);
    sim.run_for(10);
    assert_eq!((sim.memory.live, sim.fetches), (Some(old), before));
}

#[test]
fn to_offer_the_good_one_again_fetches_nothing() {
    let (mut sim, good) = Sim::with_good("good");
    let before = sim.fetches;
    sim.feed(Input::Offered(offer(2, &bundle("good"))));
    sim.run_for(20);
    assert_eq!(sim.stage(), Some(State::Committed));
    assert_eq!(sim.machine.record().good, Some(Installed { version: 2, digest: good }));
    assert_eq!((sim.fetches, sim.memory.live), (before, Some(good)));
}

#[test]
fn a_bundle_for_a_newer_program_or_newer_facts_is_not_run() {
    let mut newer = bundle("new");
    newer.requires.min_version = "9.0.0".parse().unwrap();
    let mut sim = Sim::new();
    sim.feed(Input::Offered(offer(2, &newer)));
    sim.run_until(State::Refused);
    assert_eq!((sim.code().as_str(), sim.fetches), ("offered.version", 0));

    let mut facts = bundle("new");
    facts.facts_epoch = Some(7);
    let mut sim = Sim::new();
    sim.view.facts_epoch = Some(6);
    sim.feed(Input::Offered(offer(2, &facts)));
    sim.run_for(600);
    assert_eq!((sim.stage(), sim.code().as_str()), (Some(State::Deferred), "facts"));
    assert_eq!(sim.fetches, 0, "nothing is fetched for later");
    sim.view.facts_epoch = Some(7);
    sim.run_until(State::Committed);
    assert_eq!(sim.attempt().facts_epoch, Some(7), "it is told on which facts it stands");
}

#[test]
fn the_bundle_before_the_last_makes_room_and_the_last_never_does() {
    let (mut sim, first) = Sim::with_good("first");
    let second = offer(2, &bundle("second"));
    sim.feed(Input::Offered(second.clone()));
    sim.run_until(State::Committed);
    assert!(sim.placed.contains(&first));
    sim.view.free_bytes = 0;
    sim.feed(Input::Offered(offer(3, &bundle("third"))));
    sim.run_for(60);
    assert_eq!(sim.placed, [second.digest].into());
    assert_eq!(sim.stage(), Some(State::Deferred));
}

#[test]
fn an_offer_that_expired_is_not_begun_and_what_runs_goes_on() {
    let mut sim = Sim::new();
    let late = Offer { expires: Some(NOW), ..offer(2, &bundle("new")) };
    sim.feed(Input::Offered(late));
    sim.run_until(State::Refused);
    let mut sim = Sim::new();
    let soon = Offer { expires: Some(NOW.plus(200_000)), ..offer(2, &bundle("new")) };
    sim.feed(Input::Offered(soon));
    sim.run_until(State::Committed);
}

impl Sim {
    /// Goes on act by act until a state is entered, and no further.
    #[track_caller]
    fn run_until_moved(&mut self, state: State) {
        for _ in 0..20_000 {
            if self.stage() == Some(state) {
                return;
            }
            if !self.act() {
                self.view.steady_ms += 1000;
                if let Clock::Known(now) = &mut self.view.clock {
                    *now = now.plus(1000);
                }
                self.feed(Input::Tick);
            }
        }
        panic!("{state:?} was not reached: {:?}", self.walked);
    }
}
