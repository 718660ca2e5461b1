use std::time::Duration;

use tokio::time::Instant;

use super::super::plan::{Move, Plan, plan};
use super::super::state::{Asked, State};
use super::super::title::{CopyId, Failure, Size, Why};
use super::{about, size};
use crate::api::shelf::{Presence, ShelfError};

/// A shelf of packages named by letters, in a budget of 100 bytes.
struct Desk {
    state: State<char>,
    now: Instant,
}

impl Desk {
    fn new(sizes: &[(&str, u64)]) -> Self {
        let mut state = State::new(100);
        for &(name, bytes) in sizes {
            state.add(name, about(), size(bytes));
        }
        Self { state, now: Instant::now() }
    }

    fn pass(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
    }

    fn plan(&self) -> Plan {
        plan(&self.state, self.now)
    }

    /// Moves of a plan, as `+a` for a load, `-a` for an eviction, `!a` for a refusal.
    fn moves(&self) -> String {
        Self::shown(&self.plan())
    }

    /// The same while runs lack so many bytes.
    fn moves_for_runs(&mut self, lacking_bytes: u64) -> String {
        self.state.lacking_bytes = lacking_bytes;
        let moves = self.moves();
        self.state.lacking_bytes = 0;
        moves
    }

    fn shown(plan: &Plan) -> String {
        let shown = |step: &Move| match step {
            Move::Load(name) => format!("+{name}"),
            Move::Evict(name) => format!("-{name}"),
            Move::Refuse { name, .. } => format!("!{name}"),
        };
        plan.moves.iter().map(shown).collect::<Vec<_>>().join(" ")
    }

    /// A request: its lease, or `None` where it waits.
    fn ask(&mut self, name: &str) -> Option<CopyId> {
        match self.state.ask(name, self.now) {
            Asked::Lent(_, id) => Some(id),
            Asked::Wait => {
                self.state.wait(name);
                None
            }
            Asked::Refused(error) => panic!("{error}"),
        }
    }

    /// Does what the plan says until there is nothing to do.
    fn follow(&mut self) {
        while !self.moves().is_empty() || !self.leave().is_empty() {
            for step in self.plan().moves {
                match step {
                    Move::Load(name) => self.load(&name),
                    Move::Evict(name) => assert!(self.state.leave(&name)),
                    Move::Refuse { .. } => return,
                }
            }
        }
    }

    fn load(&mut self, name: &str) {
        self.state.begin(name);
        let size = self.state.titles[name].size;
        self.state.arrive(name, 'x', about(), size, self.now);
    }

    /// What nobody uses and was to leave is gone.
    fn leave(&mut self) -> Vec<String> {
        let departing = self.state.departing();
        departing.iter().for_each(|(id, _, _)| self.state.gone(*id));
        departing.into_iter().map(|(_, name, _)| name).collect()
    }

    /// Asks, loads what is asked for, serves who waited and takes the model back.
    fn use_up(&mut self, name: &str) {
        let lent = self.ask(name).or_else(|| {
            self.follow();
            self.state.wait_no_more(name);
            self.ask(name)
        });
        self.state.take_back(lent.unwrap(), self.now);
        self.pass(1);
    }

    fn loaded(&self) -> String {
        let names = self.state.titles.iter().filter(|(_, title)| title.loaded().is_some());
        names.map(|(name, _)| name.as_str()).collect()
    }
}

#[test]
fn what_is_missed_first_is_loaded_first_and_one_at_a_time() {
    let mut desk = Desk::new(&[("a", 10), ("b", 10), ("c", 10)]);
    assert_eq!(desk.moves(), "", "nobody asked");
    for name in ["c", "a", "b", "c"] {
        assert_eq!(desk.ask(name), None);
    }
    let mut order = String::new();
    while let [Move::Load(name)] = desk.plan().moves.as_slice() {
        desk.state.begin(name);
        assert_eq!(desk.moves(), "", "{name} is on its way");
        order.push_str(name);
        desk.state.arrive(name, 'x', about(), size(10), desk.now);
    }
    assert_eq!(order, "cab");
}

#[test]
fn those_used_longest_ago_leave_first_and_pinned_ones_never() {
    let mut desk = Desk::new(&[("a", 30), ("b", 30), ("c", 30), ("d", 30), ("e", 60)]);
    desk.state.set_pinned("a", true);
    desk.follow();
    for name in ["b", "c", "b"] {
        desk.use_up(name);
    }
    assert_eq!(desk.loaded(), "abc");
    desk.ask("d");
    assert_eq!(desk.moves(), "-c", "b was used later");
    desk.follow();
    assert_eq!(desk.loaded(), "abd");
    desk.state.wait_no_more("d");
    desk.ask("e");
    assert_eq!(desk.moves(), "-b -d", "a is pinned");
    desk.follow();
    assert_eq!(desk.loaded(), "ae");
    desk.state.set_pinned("a", false);
    desk.state.wait_no_more("e");
    desk.ask("d");
    assert_eq!(desk.moves(), "-a", "no longer pinned, and unused for longest");
}

#[test]
fn a_model_in_use_leaves_last_and_its_room_counts_when_it_is_given_back() {
    let mut desk = Desk::new(&[("a", 50), ("b", 50), ("c", 50)]);
    for name in ["a", "b"] {
        desk.use_up(name);
    }
    let held = desk.ask("a").unwrap();
    desk.pass(1);
    desk.use_up("b");
    desk.ask("c");
    assert_eq!(desk.moves(), "-b", "a is in use, though for longer");
    desk.follow();
    desk.state.wait_no_more("c");
    let used = desk.ask("c").unwrap();
    desk.ask("b");
    assert_eq!(desk.moves(), "-a", "both are in use, a for longer");
    assert!(desk.state.leave("a"));
    assert_eq!((desk.moves().as_str(), desk.leave().len()), ("", 0), "a request still uses it");
    let presence = |desk: &Desk| desk.state.list(desk.now)[0].presence;
    assert_eq!(presence(&desk), Presence::Leaving);
    desk.state.take_back(held, desk.now);
    assert_eq!(desk.leave(), ["a"]);
    assert_eq!((desk.moves().as_str(), presence(&desk)), ("+b", Presence::Away));
    desk.state.take_back(used, desk.now);
}

#[test]
fn whoever_waited_is_served_before_the_package_leaves_again() {
    let mut desk = Desk::new(&[("a", 60), ("b", 60)]);
    desk.ask("a");
    desk.ask("b");
    desk.follow();
    assert_eq!(desk.loaded(), "a");
    assert_eq!(desk.moves(), "", "b waits until who waited for a has had it");
    desk.state.wait_no_more("a");
    assert_eq!(desk.moves(), "-a");
}

#[test]
fn what_cannot_fit_is_refused_with_figures() {
    let mut desk = Desk::new(&[("a", 101), ("b", 60), ("c", 50)]);
    desk.ask("a");
    let refused = |needed_bytes, kept_bytes, name: &str| {
        vec![Move::Refuse { name: name.to_owned(), needed_bytes, kept_bytes }]
    };
    assert_eq!(desk.plan().moves, refused(101, 0, "a"));
    desk.state.fail("a", Why::TooLarge { needed_bytes: 101, kept_bytes: 0 }, desk.now);
    let Asked::Refused(error) = desk.state.ask("a", desk.now) else { panic!("not refused") };
    assert_eq!(
        error.to_string(),
        "the model `a` needs 101 B of memory; the budget is 100 B, of which 0 B are kept by models \
         that may not leave"
    );
    desk.state.wait_no_more("a");
    desk.state.set_pinned("b", true);
    desk.follow();
    desk.ask("c");
    assert_eq!(desk.plan().moves, refused(50, 60, "c"), "b may not leave");
    assert!(matches!(desk.state.check_pin("c"), Err(ShelfError::TooLarge { .. })));
    desk.state.set_pinned("b", false);
    assert_eq!(desk.moves(), "-b");
}

#[test]
fn language_models_keep_room_to_answer_in() {
    let mut desk = Desk::new(&[("a", 40), ("b", 40)]);
    desk.state.add("chat", about(), Size { weight_bytes: 20, page_bytes: 30 });
    desk.use_up("a");
    desk.use_up("b");
    desk.ask("chat");
    assert_eq!(desk.moves(), "-a", "20 for its weights are free, 30 for its pages are not");
    desk.follow();
    desk.state.wait_no_more("chat");
    assert_eq!(desk.loaded(), "bchat");
    let mut alone = Desk::new(&[]);
    alone.state.add("chat", about(), Size { weight_bytes: 90, page_bytes: 30 });
    alone.ask("chat");
    assert_eq!(alone.moves(), "+chat", "it answers in what room there is");
}

#[test]
fn a_failing_package_is_left_alone_and_the_others_are_not() {
    let mut desk = Desk::new(&[("a", 10), ("b", 10)]);
    desk.ask("a");
    let refuse = |desk: &mut Desk, times| {
        assert_eq!(desk.moves(), "+a");
        desk.state.begin("a");
        desk.state.fail("a", Why::Refused("no such operator".into()), desk.now);
        assert_eq!(desk.plan().again, Some(desk.now + Failure::pause(times)));
        let Asked::Refused(error) = desk.state.ask("a", desk.now) else { panic!("tried again") };
        let (name, why) = ("a".to_owned(), "no such operator".to_owned());
        let retry_after = Failure::pause(times);
        assert_eq!(error, ShelfError::Failing { name, why, retry_after });
    };
    refuse(&mut desk, 1);
    desk.ask("b");
    assert_eq!(desk.moves(), "+b");
    desk.load("b");
    desk.pass(1);
    refuse(&mut desk, 2);
    desk.pass(1);
    assert_eq!(desk.moves(), "", "two seconds after the second failure, not one");
    assert!(desk.state.list(desk.now)[0].failure.as_ref().unwrap().contains("no such operator"));
    desk.state.forgive("a");
    assert_eq!(desk.moves(), "+a", "an administrator wants it now");
    desk.load("a");
    assert_eq!(desk.state.list(desk.now)[0].failure, None);
}

#[test]
fn a_package_that_turns_out_larger_is_planned_anew() {
    let mut desk = Desk::new(&[("a", 60), ("b", 10)]);
    desk.use_up("a");
    desk.ask("b");
    assert_eq!(desk.moves(), "+b");
    desk.state.begin("b");
    assert!(desk.state.learn("b", 50));
    assert_eq!(desk.moves(), "-a");
    desk.follow();
    assert_eq!(desk.loaded(), "b");
    assert!(!desk.state.learn("b", 50), "that is known");
}

#[test]
fn what_is_on_its_way_does_not_leave() {
    let mut desk = Desk::new(&[("a", 60), ("b", 60)]);
    desk.ask("a");
    desk.ask("b");
    desk.state.begin("a");
    assert!(!desk.state.leave("a") && !desk.state.leave("b"));
    assert_eq!(
        (desk.moves().as_str(), desk.state.list(desk.now)[0].presence),
        ("", Presence::Loading)
    );
}

#[test]
fn the_start_waits_for_all_that_is_required_and_keeps_it() {
    let mut desk = Desk::new(&[("a", 60), ("b", 60)]);
    desk.state.require("a");
    desk.state.require("b");
    assert_eq!(desk.state.missing(desk.now), Ok(2));
    desk.follow();
    assert_eq!((desk.loaded().as_str(), desk.moves().as_str()), ("a", "!b"));
    let why = Why::TooLarge { needed_bytes: 60, kept_bytes: 60 };
    desk.state.fail("b", why, desk.now);
    assert!(matches!(
        desk.state.missing(desk.now),
        Err((name, ShelfError::TooLarge { .. })) if name == "b"
    ));
    desk.state.settle();
    desk.ask("b");
    assert_eq!(desk.moves(), "-a", "once the server answers, all may leave");
}

#[test]
fn a_run_that_lacks_bytes_gets_those_of_models_that_nobody_uses() {
    let mut desk = Desk::new(&[("a", 30), ("b", 30), ("c", 30), ("d", 20)]);
    for name in ["a", "b", "c"] {
        desk.ask(name);
        desk.pass(1);
        desk.follow();
        desk.state.wait_no_more(name);
    }
    let held = desk.ask("a").unwrap();
    assert_eq!(desk.moves_for_runs(10), "-b", "`a` is in use, and `b` was used longest ago");
    assert_eq!(desk.moves_for_runs(40), "-b -c");
    desk.state.set_pinned("b", true);
    assert_eq!(desk.moves_for_runs(10), "-c");
    desk.ask("d");
    assert!(desk.state.leave("c"));
    assert_eq!(desk.moves_for_runs(10), "", "what leaves is for the run, and `d` waits");
    desk.leave();
    assert_eq!(desk.moves_for_runs(10), "+d", "where nothing can leave, loads go on");
    desk.state.take_back(held, desk.now);
}
