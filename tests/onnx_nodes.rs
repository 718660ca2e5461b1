//! The ONNX project's own node tests: each is answered rightly or refused by name, none wrongly.
//!
//! `tests/onnx-operators.md` has what came out, by operator. With `ENDCAP_WRITE_OPERATORS` set it
//! is written anew. `ENDCAP_ONNX_CASES` names a folder that `support/onnx_cases.py` has filled
//! before, and `ENDCAP_ONNX_ONLY` the beginning of the names of the cases to run.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use endcap::engine::{Array, Budget, Config, ElementType, Inference, Network, NetworkSource};
use half::{bf16, f16};
use serde::Deserialize;

use crate::support::{python, root};

/// Cases whose outputs are drawn by chance: only type and shape can be compared.
const BY_CHANCE: [&str; 1] = ["test_bernoulli"];

#[derive(Deserialize)]
struct Case {
    name: String,
    operator: String,
    expanded: bool,
    rtol: f64,
    atol: f64,
    sets: Vec<Set>,
}

#[derive(Deserialize)]
struct Set {
    inputs: Vec<Stored>,
    outputs: Vec<Stored>,
}

#[derive(Deserialize)]
struct Stored {
    name: String,
    #[serde(rename = "type")]
    element: Option<String>,
    shape: Vec<usize>,
    data: Data,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Data {
    Plain(String),
    Texts(Vec<String>),
}

impl Stored {
    /// `None` where the wire has no such type.
    fn array(&self) -> Option<Array> {
        let element = ElementType::named(self.element.as_deref()?).unwrap();
        let decode = |text: &String| STANDARD.decode(text).unwrap();
        Some(match &self.data {
            Data::Plain(data) => Array::new(element, self.shape.clone(), decode(data)).unwrap(),
            Data::Texts(texts) => {
                Array::texts(self.shape.clone(), texts.iter().map(decode).collect()).unwrap()
            }
        })
    }
}

/// What came of a case.
enum Outcome {
    Passed,
    /// Refused at load, with the reason.
    Refused(String),
    /// Loaded, and then refused its inputs.
    Failed(String),
    Wrong(String),
}

#[test]
fn every_onnx_node_test_is_right_or_refused() {
    let made = tempfile::tempdir().unwrap();
    let folder = match std::env::var_os("ENDCAP_ONNX_CASES") {
        Some(folder) => PathBuf::from(folder),
        None => {
            let script = root().join("tests/support/onnx_cases.py");
            let run = Command::new(python()).arg(script).arg(made.path()).output().unwrap();
            assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
            made.path().to_owned()
        }
    };
    let list = std::fs::read(folder.join("cases.json")).unwrap();
    let cases: Vec<Case> = serde_json::from_slice(&list).unwrap();
    let only = std::env::var_os("ENDCAP_ONNX_ONLY").unwrap_or_default();
    let only = only.into_string().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut rows: BTreeMap<&str, Row> = BTreeMap::new();
    let mut wrong = Vec::new();
    for case in cases.iter().filter(|case| case.name.starts_with(&only)) {
        if !only.is_empty() {
            eprintln!("{}", case.name);
        }
        let outcome = runtime.block_on(answer(case, &folder));
        let row = rows.entry(&case.operator).or_default();
        row.count(&outcome, case.expanded);
        match outcome {
            Outcome::Passed => {}
            Outcome::Refused(why) => eprintln!("refused\t{}\t{why}", case.name),
            Outcome::Failed(why) => eprintln!("failed\t{}\t{why}", case.name),
            Outcome::Wrong(why) => {
                eprintln!("WRONG\t{}\t{why}", case.name);
                wrong.push(format!("{}: {why}", case.name));
            }
        }
    }
    let table = table(&rows);
    eprintln!("{table}");
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    if !only.is_empty() {
        return;
    }
    let page = root().join("tests/onnx-operators.md");
    if std::env::var_os("ENDCAP_WRITE_OPERATORS").is_some() {
        std::fs::write(&page, &table).unwrap();
    }
    let written = std::fs::read_to_string(&page).unwrap();
    for (operator, row) in &rows {
        let told = told(&written, operator);
        assert!(
            row.passed[0] >= told[0] && row.passed[1] >= told[1],
            "{operator}: {:?} cases pass, and {} tells of {told:?}",
            row.passed,
            page.display()
        );
    }
}

/// How many cases of an operator pass as the page has it, as a node and as a function.
fn told(page: &str, operator: &str) -> [usize; 2] {
    let start = format!("| {operator} |");
    let line = page.lines().find(|line| line.starts_with(&start)).unwrap_or_default();
    let cell = |at: usize| {
        let cell = line.split('|').nth(at).unwrap_or_default().trim();
        cell.split(' ').next().and_then(|count| count.parse().ok()).unwrap_or(0)
    };
    [cell(2), cell(3)]
}

async fn answer(case: &Case, folder: &Path) -> Outcome {
    let source = NetworkSource {
        name: case.name.clone(),
        onnx: folder.join(&case.name).join("model.onnx"),
        derived: None,
    };
    let config = Config { threads: 1, ..Config::default() };
    let network = match Network::load_within(&Budget::new(1 << 30), &source, &config) {
        Ok(network) => network,
        Err(error) => return Outcome::Refused(error.to_string().replace('\n', " ")),
    };
    for set in &case.sets {
        let mut inputs = Vec::new();
        for stored in &set.inputs {
            match stored.array() {
                Some(array) => inputs.push((stored.name.clone(), array)),
                None => return Outcome::Wrong(format!("{} was taken", stored.name)),
            }
        }
        // What has a stored value in the graph is no input of it.
        inputs.retain(|(name, _)| network.inputs().iter().any(|port| port.name == *name));
        let asked = Inference { inputs, outputs: Vec::new(), deadline: None };
        let answer = match network.infer(asked).await {
            Ok(answer) => answer,
            Err(error) => return Outcome::Failed(error.to_string().replace('\n', " ")),
        };
        if answer.len() != set.outputs.len() {
            return Outcome::Wrong(format!("{} outputs", answer.len()));
        }
        for (stored, (name, got)) in set.outputs.iter().zip(&answer) {
            let by_chance = BY_CHANCE.iter().any(|name| case.name.starts_with(name));
            let Some(want) = stored.array() else {
                return Outcome::Wrong(format!("{name} is of a type that the wire has not"));
            };
            if let Some(why) = difference(&want, got, case, by_chance) {
                return Outcome::Wrong(format!("{name}: {why}"));
            }
        }
    }
    Outcome::Passed
}

/// In what two arrays differ, beyond what the case allows.
fn difference(want: &Array, got: &Array, case: &Case, by_chance: bool) -> Option<String> {
    if (want.element(), want.shape()) != (got.element(), got.shape()) {
        let told = |a: &Array| format!("{} {:?}", a.element().name(), a.shape());
        return Some(format!("{} where {} is right", told(got), told(want)));
    }
    if by_chance || want == got {
        return None;
    }
    let (Some(right), Some(have)) = (numbers(want), numbers(got)) else {
        return Some("its values differ".to_owned());
    };
    // The cases have a tolerance for single floats: halves are allowed two of their last digits.
    let rtol = match want.element() {
        ElementType::BFloat16 => 1.6e-2,
        ElementType::Float16 => 2e-3,
        _ => case.rtol,
    };
    // A sum near zero is no nearer than the rounding of what it is made of.
    let largest = right.iter().filter(|v| v.is_finite()).fold(0_f64, |a, v| a.max(v.abs()));
    let mut rounding = if want.element() == ElementType::Float32 { 2e-6 * largest } else { 0.0 };
    // What a gate near 1 leaves has the rounding of 1.
    if ["GRU", "LSTM", "RNN"].contains(&case.operator.as_str()) {
        rounding += 1e-6;
    }
    let same = |(right, have): (&f64, &f64)| {
        right == have
            || right.is_nan() && have.is_nan()
            || (right - have).abs() <= case.atol + rounding + rtol * right.abs()
    };
    let far = right.iter().zip(&have).filter(|pair| !same(*pair)).count();
    let first = right.iter().zip(&have).find(|pair| !same(*pair))?;
    Some(format!("{far} of {} values differ, such as {} from {}", right.len(), first.1, first.0))
}

/// The values of floats; `None` of what must be the same to the bit.
fn numbers(array: &Array) -> Option<Vec<f64>> {
    let bytes = array.bytes()?;
    Some(match array.element() {
        ElementType::Float32 => {
            bytes.as_chunks::<4>().0.iter().map(|v| f64::from(f32::from_le_bytes(*v))).collect()
        }
        ElementType::Float64 => {
            bytes.as_chunks::<8>().0.iter().map(|v| f64::from_le_bytes(*v)).collect()
        }
        ElementType::Float16 => {
            bytes.as_chunks::<2>().0.iter().map(|v| f16::from_le_bytes(*v).to_f64()).collect()
        }
        ElementType::BFloat16 => {
            bytes.as_chunks::<2>().0.iter().map(|v| bf16::from_le_bytes(*v).to_f64()).collect()
        }
        _ => return None,
    })
}

/// Of one operator: cases as a node, and as the function it is defined by.
#[derive(Default)]
struct Row {
    passed: [usize; 2],
    all: [usize; 2],
    reasons: BTreeMap<String, usize>,
}

impl Row {
    fn count(&mut self, outcome: &Outcome, expanded: bool) {
        let at = usize::from(expanded);
        self.all[at] += 1;
        match outcome {
            Outcome::Passed => self.passed[at] += 1,
            Outcome::Refused(why) | Outcome::Failed(why) | Outcome::Wrong(why) => {
                *self.reasons.entry(shortened(why)).or_default() += 1;
            }
        }
    }
}

/// A reason without what is particular to its case.
fn shortened(why: &str) -> String {
    let reason = match why.split_once(" cannot run here: ") {
        Some((_, reason)) => reason,
        None => why.split_once(": ").map_or(why, |(_, reason)| reason),
    };
    let short: String = reason.chars().take(100).collect();
    short.replace('|', "/").trim().to_owned()
}

fn table(rows: &BTreeMap<&str, Row>) -> String {
    let total = |of: fn(&Row) -> usize| rows.values().map(of).sum::<usize>();
    let mut page = format!(
        "# ONNX node tests, by operator\n\n\
         Made by `tests/onnx_nodes.rs` from the tests that the `onnx` package carries: {} of {} cases \
         with the\noperator as a node pass, and {} of {} with the function it is defined by. All \
         others are refused, mostly\nat load, and none is answered wrongly.\n\n\
         | operator | node | function | refused, and why |\n|---|---|---|---|\n",
        total(|row| row.passed[0]),
        total(|row| row.all[0]),
        total(|row| row.passed[1]),
        total(|row| row.all[1]),
    );
    for (operator, row) in rows {
        let share = |at: usize| match row.all[at] {
            0 => "–".to_owned(),
            all => format!("{} of {all}", row.passed[at]),
        };
        let reasons: Vec<_> =
            row.reasons.iter().map(|(reason, count)| format!("{count}: {reason}")).collect();
        let reasons = reasons.join("; ");
        writeln!(page, "| {operator} | {} | {} | {reasons} |", share(0), share(1)).unwrap();
    }
    page
}
