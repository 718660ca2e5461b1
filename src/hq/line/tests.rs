//! HQ at a broker.

use std::sync::Mutex;

use super::memory::{Far, MemoryWire, pair};
use super::*;
use crate::hq::catalogues::Push;
use crate::hq::tests::{House, Speaker, acks};
use crate::protocol::Stream;

struct Line {
    house: Arc<Hq>,
    standing: watch::Receiver<Standing>,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
    _folder: House,
}

/// HQ that connects to these wires, one after the other.
async fn line(wires: Vec<MemoryWire>) -> Line {
    let house = House::new().await;
    let hq = Arc::new(Hq::open(house.hq.config.clone()).await.unwrap());
    let (tell, standing) = watch::channel(Standing::Away);
    let stop = CancellationToken::new();
    let wires = Mutex::new(wires.into_iter());
    let connect = move || wires.lock().unwrap().next().ok_or("there is no wire");
    let task = tokio::spawn(run(Arc::clone(&hq), connect, tell, stop.clone()));
    Line { house: hq, standing, stop, task, _folder: house }
}

async fn heard(far: &mut Far) -> Outgoing {
    timeout(Duration::from_secs(20), far.said.recv()).await.unwrap().unwrap()
}

fn message(message: Incoming) -> Seen {
    Seen::Message { topic: message.topic, payload: message.payload }
}

#[tokio::test]
async fn hq_listens_to_its_tenants_stores_what_comes_and_answers() {
    let (near, mut far) = pair(64);
    let mut line = line(vec![near]).await;
    far.tell.send(Seen::Connected).await.unwrap();
    line.standing.wait_for(|at| *at == Standing::Listening).await.unwrap();
    assert!(far.filters.lock().unwrap().contains(&"r/v1/acme/+/+/up/+".to_owned()));
    let mut speaker = Speaker::new();
    far.tell.send(message(speaker.event(1))).await.unwrap();
    let said = heard(&mut far).await;
    assert_eq!(acks(&[said])[&Stream::Evt], 1);
    line.stop.cancel();
    line.task.await.unwrap();
    drop(line.house);
}

#[tokio::test]
async fn a_broker_that_takes_nothing_for_a_while_gets_every_answer_when_it_does() {
    let (near, mut far) = pair(1);
    let mut line = line(vec![near]).await;
    far.tell.send(Seen::Connected).await.unwrap();
    line.standing.wait_for(|at| *at == Standing::Listening).await.unwrap();
    let mut speaker = Speaker::new();
    for seq in 1..=20 {
        far.tell.send(message(speaker.event(seq))).await.unwrap();
    }
    let mut through = 0;
    while through < 20 {
        through = acks(&[heard(&mut far).await])[&Stream::Evt];
    }
    line.stop.cancel();
    line.task.await.unwrap();
}

#[tokio::test]
async fn hq_comes_back_after_it_was_thrown_out() {
    let (first, far_first) = pair(64);
    let (second, mut far) = pair(64);
    let mut line = line(vec![first, second]).await;
    far_first.tell.send(Seen::Connected).await.unwrap();
    line.standing.wait_for(|at| *at == Standing::Listening).await.unwrap();
    // The broker refuses what HQ asks for later, which ends a connection.
    far_first.tell.send(Seen::Subscribed { all: false }).await.unwrap();
    line.standing.wait_for(|at| *at == Standing::Away).await.unwrap();
    far.tell.send(Seen::Connected).await.unwrap();
    line.standing.wait_for(|at| *at == Standing::Listening).await.unwrap();
    far.tell.send(message(Speaker::new().event(1))).await.unwrap();
    assert_eq!(acks(&[heard(&mut far).await])[&Stream::Evt], 1);
    line.stop.cancel();
    line.task.await.unwrap();
}

#[tokio::test]
async fn a_head_of_facts_is_said_again_to_a_broker_that_may_have_lost_it() {
    let (near, mut far) = pair(64);
    let line = line(vec![near]).await;
    let tenant = crate::hq::tests::place().tenant;
    let mut push = Push::new(&line.house, tenant, "main".parse().unwrap(), None).unwrap();
    let fact = br#"{"table":"prices","id":"a","fact":{"amount":1,"currency":"USD"}}"#;
    push.update(fact).unwrap();
    line.house.push(&crate::hq::Actor::local(), push).await.unwrap();
    // What was said while there was no connection may be said, too.
    far.tell.send(Seen::Connected).await.unwrap();
    for _ in 0..2 {
        assert_eq!(heard(&mut far).await.topic, "r/v1/acme/facts/main/head");
    }
    line.stop.cancel();
    line.task.await.unwrap();
}
