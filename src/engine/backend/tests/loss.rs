//! A device that is lost or hangs in the middle of answers.

use std::sync::atomic::AtomicBool;

use tokio::sync::{mpsc, oneshot};

use super::*;
use crate::engine::scheduler::{Event, Job, Limit, Reading, Scheduler};
use crate::engine::{Observer, Request, Sampling};

struct Silent;

impl Observer for Silent {
    fn first_token(&self, _: Duration) {}
    fn token_gap(&self, _: Duration) {}
    fn prompt_tokens(&self, _: u64) {}
    fn completed(&self, _: Duration) {}
    fn cancelled(&self) {}
    fn failed(&self) {}
    fn queue(&self, _: usize, _: usize) {}
    fn kv_bytes(&self, _: u64, _: u64) {}
}

const ANSWER: usize = 30;

fn start(decoder: Decoder, config: &Config) -> Scheduler {
    let limit = Limit { context_tokens: CONTEXT, end_tokens: vec![] };
    Scheduler::start("test", decoder, config, Arc::new(Silent), limit).unwrap()
}

fn submit(scheduler: &Scheduler, seed: u32, sampling: Sampling) -> mpsc::Receiver<Event> {
    let (events, receiver) = mpsc::channel(ANSWER + 8);
    let request = Request {
        prompt: tokens(seed, 20),
        sampling,
        max_tokens: ANSWER,
        stop: vec![],
        logprobs: None,
        deadline: None,
        scope: Scope::Public,
        constraint: None,
    };
    let satisfied = Arc::new(AtomicBool::new(false));
    scheduler.submit(Job { request, events, satisfied, queued_at: Instant::now() }).unwrap();
    receiver
}

/// The next token of an answer; none at its end.
fn next(answer: &mut mpsc::Receiver<Event>) -> Option<TokenId> {
    loop {
        match answer.blocking_recv().unwrap() {
            Event::Cached(_) => {}
            Event::Token(choice) => return Some(choice.token),
            Event::End(_) => return None,
            Event::Failed(error) => panic!("{error}"),
        }
    }
}

fn rest(answer: &mut mpsc::Receiver<Event>) -> Vec<TokenId> {
    std::iter::from_fn(|| next(answer)).collect()
}

fn samplings() -> [Sampling; 2] {
    // One that takes the best token and one that needs all logits.
    [Sampling::default(), Sampling { temperature: 0.2, seed: 7, ..Sampling::default() }]
}

/// What the processor answers.
fn answers() -> Vec<Vec<TokenId>> {
    let config = config(Backend::Cpu);
    let scheduler = start(decoder("gqa", &config), &config);
    let run = |(seed, sampling)| rest(&mut submit(&scheduler, seed, sampling));
    [11, 12].into_iter().zip(samplings()).map(run).collect()
}

/// Starts answers on a device, breaks it when both have some tokens, and compares the whole.
fn broken_in_the_middle(config: &Config, break_it: impl FnOnce(&endcap_gpu::Device)) {
    let decoder = decoder("gqa", config);
    let device = decoder.device().unwrap().clone();
    let scheduler = start(decoder, config);
    let mut streams: Vec<_> = [11, 12]
        .into_iter()
        .zip(samplings())
        .map(|(seed, sampling)| submit(&scheduler, seed, sampling))
        .collect();
    let mut begun: Vec<Vec<TokenId>> =
        streams.iter_mut().map(|answer| (0..5).filter_map(|_| next(answer)).collect()).collect();
    break_it(&device);
    for ((begun, stream), want) in begun.iter_mut().zip(&mut streams).zip(answers()) {
        begun.extend(rest(stream));
        assert_eq!(*begun, want);
    }
    assert!(device.fault().is_some());
    // The model serves on, and a text is read as before.
    assert_eq!(rest(&mut submit(&scheduler, 11, Sampling::default())), answers()[0]);
}

#[test]
fn answers_go_on_where_the_device_is_lost_in_the_middle() {
    broken_in_the_middle(&config(Backend::Gpu), endcap_gpu::Device::lose);
}

#[test]
fn answers_go_on_where_the_device_hangs_in_the_middle() {
    let graphics = Graphics { patience: Duration::from_secs(2), ..config(Backend::Gpu).graphics };
    let config = Config { graphics, ..config(Backend::Gpu) };
    broken_in_the_middle(&config, endcap_gpu::Device::hang);
}

#[test]
fn a_text_is_read_to_its_end_where_the_device_is_lost_before() {
    let config = config(Backend::Gpu);
    let decoder = decoder("gqa", &config);
    decoder.device().unwrap().lose();
    let scheduler = start(decoder, &config);
    let (answer, receiver) = oneshot::channel();
    let text = tokens(3, 50);
    scheduler.read(Reading { tokens: text.clone(), deadline: None, answer }).unwrap();
    let have = receiver.blocking_recv().unwrap().unwrap();
    let mut processor = super::decoder("gqa", &super::config(Backend::Cpu));
    assert_eq!(have, logits(&mut processor, &text, 16));
}

#[test]
fn a_device_that_is_back_runs_the_model_again() {
    let mut decoder = decoder("gqa", &config(Backend::Gpu));
    let tokens = tokens(6, 20);
    let before = logits(&mut decoder, &tokens, 20);
    assert_eq!(decoder.due(), None);
    decoder.device().unwrap().lose();
    let sequence = decoder.kv().open(Scope::Alone);
    assert!(decoder.kv().reserve(sequence, 1));
    let row = Row { sequence, position: 0, token: 1 };
    assert!(matches!(decoder.best(&[row], &[0]), Err(StepError::Gone(_))));
    decoder.leave().unwrap();
    assert!(decoder.report(CONTEXT).device.is_none() && decoder.due().is_some());
    decoder.return_to_device();
    assert!(decoder.report(CONTEXT).device.is_some() && decoder.due().is_none());
    assert_eq!(logits(&mut decoder, &tokens, 20), before);
}

#[test]
fn a_model_that_fits_nowhere_any_more_says_so_to_everybody() {
    let config = config(Backend::Gpu);
    let budget = Budget::new(1 << 26);
    let decoder = Decoder::new(plan("gqa"), &config, &budget).unwrap();
    decoder.device().unwrap().lose();
    // What the device had is taken by others before the processor asks for it.
    let others = budget.hold("others");
    others.set(budget.total_bytes());
    let scheduler = start(decoder, &config);
    let mut answer = submit(&scheduler, 1, Sampling::default());
    let failed = |event| matches!(event, Some(Event::Failed(_)));
    assert!(failed(answer.blocking_recv()));
}
