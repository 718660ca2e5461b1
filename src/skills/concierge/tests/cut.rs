//! Answers that end before their time, and what is recorded of them.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::super::*;
use super::house::{Built, House};
use crate::engine::Form;
use crate::shoppers::Conversation;
use crate::skills::double::{After, Double};
use crate::skills::voice::Utterance;
use crate::skills::witness::{End, Making, Said, Witness};

const FIRST: &str = "Monte Roast Coffee is a fine roast.";

/// Whoever keeps records: what models said, and what was told to whom.
#[derive(Default)]
struct Notebook {
    made: Mutex<Vec<Said>>,
    given: Mutex<Vec<(String, String, Option<String>)>>,
}

impl Witness for Notebook {
    fn made(&self, making: &Making<'_>) -> Option<String> {
        let mut made = self.made.lock().unwrap();
        made.extend(making.said.cloned());
        Some(made.len().to_string())
    }
}

impl Auditor for Notebook {
    fn answered(&self, _: &Conversation, record: Answered<'_>) -> Option<String> {
        let made = record.answer.provenance.made.clone();
        let told = (record.question.to_owned(), record.text.to_owned(), made);
        self.given.lock().unwrap().push(told);
        None
    }
}

/// A model that says two sentences, the second of which is not over, and does this then.
fn house(after: After) -> (House, Arc<Notebook>) {
    let double = Double::saying(|utterance: Utterance| {
        let chooses = matches!(utterance.form, Some(Form::JsonSchema(_)));
        Ok(if chooses { "\"answer\"".to_owned() } else { format!("{FIRST} It goes with") })
    });
    let large = Arc::new(Double { weights: 1_500_000_000, after, ..double });
    let notebook = Arc::new(Notebook::default());
    let house = House::of(Built {
        models: vec![("large", large)],
        auditor: Some(Arc::<Notebook>::clone(&notebook)),
        witness: Some(Arc::<Notebook>::clone(&notebook)),
        ..Built::default()
    });
    (house, notebook)
}

/// Asks something that a model answers, and hears no more than this many milliseconds of it.
async fn hear(house: &House, for_ms: u64) -> (Option<Result<(), ConciergeError>>, String) {
    house.talk(&[("how much is the roast coffee?", "$8.50")]).await;
    let message = Message {
        text: "would it suit somebody who likes it mild? mail me at jo@example.com".to_owned(),
        language: None,
        deadline: Instant::now() + Duration::from_secs(60),
    };
    let (tell, mut told) = mpsc::channel(64);
    let hearing = house.concierge.hear(&house.conversation, message, Some(tell));
    let ended = tokio::time::timeout(Duration::from_millis(for_ms), hearing).await;
    let mut text = String::new();
    while let Some(telling) = told.recv().await {
        if let Telling::Delta(more) = telling {
            text.push_str(&more);
        }
    }
    (ended.ok().map(|ended| ended.map(drop)), text)
}

#[tokio::test]
async fn what_somebody_heard_who_left_is_recorded_with_the_words_of_the_model_so_far() {
    let (house, notebook) = house(After::Waits);
    let (ended, text) = hear(&house, 300).await;
    assert!(ended.is_none() && text == FIRST, "{text}");
    let made = notebook.made.lock().unwrap();
    let [said] = made.as_slice() else { panic!("{made:?}") };
    assert_eq!((said.end, said.text.as_str()), (End::Left, &*format!("{FIRST} It goes with")));
    assert!(!said.end.is_whole(), "more would have come");
    let given = notebook.given.lock().unwrap();
    let [(question, told, of)] = given.as_slice() else { panic!("{given:?}") };
    assert_eq!((told.as_str(), of.as_deref()), (FIRST, Some("1")), "as it was heard");
    assert!(!question.contains("jo@example.com"), "{question}");
}

#[tokio::test]
async fn what_was_told_before_the_time_was_over_is_recorded() {
    let (house, notebook) = house(After::Fails);
    let (ended, text) = hear(&house, 5_000).await;
    assert!(ended.unwrap().is_err() && text == FIRST, "{text}");
    assert_eq!(notebook.made.lock().unwrap()[0].end, End::Failed);
    assert_eq!(notebook.given.lock().unwrap()[0].1, FIRST);
}

#[tokio::test]
async fn an_answer_of_as_many_tokens_as_it_may_have_says_so_and_is_recorded_once() {
    let (house, notebook) = house(After::IsCut);
    let (ended, text) = hear(&house, 5_000).await;
    assert!(ended.unwrap().is_ok() && text == FIRST, "{text}");
    let made = notebook.made.lock().unwrap();
    assert_eq!((made.len(), made[0].end), (1, End::Length));
    assert!(made[0].end.is_whole(), "the same again ends there, too");
    assert_eq!(notebook.given.lock().unwrap().len(), 1);
}
