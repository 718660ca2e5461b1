//! Graphs of any kind: what loads, what is refused before it does harm, and what shares a run.

use std::sync::Arc;
use std::time::{Duration, Instant};

use endcap::engine::{
    Array, Budget, Config, ElementType, InferError, Inference, LoadError, Network, Statistics,
};

use crate::support::onnx::{
    BOOL, FLOAT, Graph, INT64, axes, floats, integer, integers, node, port, source, stored, text,
    with,
};

const BUDGET: u64 = 64 << 20;

fn load(graph: Graph) -> Result<Network, LoadError> {
    load_with(graph, Config::default())
}

fn load_with(graph: Graph, config: Config) -> Result<Network, LoadError> {
    let folder = tempfile::tempdir().unwrap();
    let config = Config { threads: 1, ..config };
    Network::load_within(&Budget::new(BUDGET), &graph.write(folder.path()), &config)
}

fn refusal(graph: Graph) -> String {
    match load(graph) {
        Ok(_) => panic!("it was loaded"),
        Err(error) => error.to_string(),
    }
}

fn asked(inputs: &[(&str, Array)]) -> Inference {
    let inputs = inputs.iter().map(|(name, array)| ((*name).to_owned(), array.clone())).collect();
    Inference { inputs, outputs: Vec::new(), deadline: None }
}

async fn ask(network: &Network, inputs: &[(&str, Array)]) -> Result<Array, InferError> {
    Ok(network.infer(asked(inputs)).await?.remove(0).1)
}

fn ones(shape: &[usize]) -> Array {
    Array::floats(shape.to_vec(), &vec![1.0; shape.iter().product()]).unwrap()
}

/// `y = relu(x)` with these axes.
fn relu(x: &str, y: &str) -> Graph {
    Graph {
        inputs: vec![port("x", FLOAT, x)],
        outputs: vec![port("y", FLOAT, y)],
        nodes: vec![node("Relu", &["x"], &["y"])],
        ..Graph::default()
    }
}

#[tokio::test]
async fn unknown_lengths_and_numbers_of_axes_are_no_hindrance() {
    for axes in ["2 3", "n 3", "? 3", "? ?", "*"] {
        let network = load(relu(axes, axes)).unwrap();
        let x = Array::floats(vec![2, 3], &[1.0, -1.0, 2.0, -2.0, 3.0, -3.0]).unwrap();
        let y = ask(&network, &[("x", x)]).await.unwrap();
        assert_eq!(y.to_floats().unwrap(), [1.0, 0.0, 2.0, 0.0, 3.0, 0.0], "{axes}");
    }
}

#[tokio::test]
async fn a_shape_may_be_an_input() {
    let graph = Graph {
        inputs: vec![port("x", FLOAT, "n"), port("shape", INT64, "k")],
        outputs: vec![port("y", FLOAT, "*")],
        nodes: vec![node("Reshape", &["x", "shape"], &["y"])],
        ..Graph::default()
    };
    let network = load(graph).unwrap();
    for shape in [vec![2, 3], vec![3, 2], vec![6], vec![1, 2, 3]] {
        let wanted: Vec<i64> = shape.iter().map(|&dim| dim as i64).collect();
        let wanted = Array::integers(vec![wanted.len()], &wanted).unwrap();
        let y = ask(&network, &[("x", ones(&[6])), ("shape", wanted)]).await.unwrap();
        assert_eq!(y.shape(), shape);
    }
    let wanted = Array::integers(vec![1], &[7]).unwrap();
    let error = ask(&network, &[("x", ones(&[6])), ("shape", wanted)]).await.unwrap_err();
    assert!(matches!(error, InferError::Refused { .. }), "{error}");
}

#[tokio::test]
async fn casts_keep_what_64_bits_can_hold() {
    let graph = Graph {
        inputs: vec![port("x", FLOAT, "n")],
        outputs: vec![port("y", INT64, "n")],
        nodes: vec![with(node("Cast", &["x"], &["y"]), &[integer("to", 7)])],
        ..Graph::default()
    };
    let network = load(graph).unwrap();
    let x = Array::floats(vec![3], &[3e9, -5e12, 7.9]).unwrap();
    let y = ask(&network, &[("x", x)]).await.unwrap();
    assert_eq!(y, Array::integers(vec![3], &[3_000_000_000, -5e12_f32 as i64, 7]).unwrap());
}

#[tokio::test]
async fn the_largest_of_nothing_but_infinities_is_infinite() {
    let keep = integer("keepdims", 0);
    let graph = Graph {
        inputs: vec![port("x", FLOAT, "n 2")],
        outputs: vec![port("y", FLOAT, "n"), port("z", FLOAT, "n")],
        nodes: vec![
            with(node("ReduceMax", &["x"], &["y"]), &[keep.clone(), axes(&[1])]),
            with(node("ReduceMin", &["x"], &["z"]), &[keep, axes(&[1])]),
        ],
        ..Graph::default()
    };
    let network = load(graph).unwrap();
    let (low, high) = (f32::NEG_INFINITY, f32::INFINITY);
    let x = [low, low, high, high, f32::MIN, low, f32::MAX, high, 1.0, 2.0];
    let x = Array::floats(vec![5, 2], &x).unwrap();
    let answer = network.infer(asked(&[("x", x)])).await.unwrap();
    assert_eq!(answer[0].1.to_floats().unwrap(), [low, high, f32::MIN, high, 2.0]);
    assert_eq!(answer[1].1.to_floats().unwrap(), [low, high, low, f32::MAX, 1.0]);
}

#[tokio::test]
async fn a_place_outside_a_table_is_told_with_the_node() {
    let graph = Graph {
        inputs: vec![port("ids", INT64, "n")],
        outputs: vec![port("y", FLOAT, "n 2")],
        nodes: vec![node("Gather", &["table", "ids"], &["y"])],
        stored: vec![floats("table", &[3, 2], &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0])],
    };
    let network = load(graph).unwrap();
    let ids = |ids: &[i64]| [("ids", Array::integers(vec![ids.len()], ids).unwrap())];
    let y = ask(&network, &ids(&[2, -3])).await.unwrap();
    assert_eq!(y.to_floats().unwrap(), [4.0, 5.0, 0.0, 1.0]);
    let error = ask(&network, &ids(&[0, 3])).await.unwrap_err().to_string();
    assert!(error.contains("\"make y\" asks for place 3 of 3"), "{error}");
}

#[test]
fn arrays_made_of_nothing_are_refused_by_node_before_they_are_made() {
    const HUGE: i64 = 1 << 40;
    let x = port("x", FLOAT, "1 1");
    let y = port("y", FLOAT, "*");
    let one = floats("one", &[1, 1], &[1.0]);
    let scales = floats("scales", &[2], &[1e6, 1e6]);
    let zero = integers("zero", &[], &[0]);
    let step = integers("step", &[], &[1]);
    let end = integers("end", &[], &[HUGE]);
    let huge = integers("huge", &[2], &[HUGE, HUGE]);
    // Its number of elements is 0 in 64 bits.
    let wraps = integers("wraps", &[2], &[1 << 32, 1 << 32]);
    let pads = integers("pads", &[4], &[0, 0, HUGE, 0]);
    let stored = vec![one, scales, zero, step, end, huge, wraps, pads];
    for (made, from) in [
        (node("ConstantOfShape", &["huge"], &["big"]), "big"),
        (node("ConstantOfShape", &["wraps"], &["big"]), "big"),
        (node("Expand", &["one", "huge"], &["big"]), "big"),
        (node("Expand", &["x", "huge"], &["big"]), "big"),
        (node("Tile", &["one", "huge"], &["big"]), "big"),
        (node("Tile", &["x", "wraps"], &["big"]), "big"),
        (node("Pad", &["one", "pads"], &["big"]), "big"),
        (node("Resize", &["x", "", "scales"], &["big"]), "big"),
        (node("Range", &["zero", "end", "step"], &["big"]), "big"),
        (node("HannWindow", &["end"], &["big"]), "big"),
    ] {
        let operator = made.op_type.clone();
        let whole = with(node("ReduceSum", &[from], &["sum"]), &[integer("keepdims", 0)]);
        let cast = with(node("Cast", &["sum"], &["float"]), &[integer("to", 1)]);
        let graph = Graph {
            inputs: vec![x.clone()],
            outputs: vec![y.clone()],
            nodes: vec![made, whole, cast, node("Add", &["x", "float"], &["y"])],
            stored: stored.clone(),
        };
        let started = Instant::now();
        let refusal = refusal(graph);
        assert!(refusal.contains("make big") && refusal.contains(&operator), "{refusal}");
        let told = refusal.contains("bytes") || refusal.contains("the most that can be planned");
        assert!(told, "{refusal}");
        assert!(started.elapsed() < Duration::from_secs(5), "{operator}");
    }
}

#[tokio::test]
async fn arrays_that_a_request_makes_large_are_refused_too() {
    let end = |end: i64| [("end", Array::integers(vec![], &[end]).unwrap())];
    let graph = Graph {
        inputs: vec![port("end", INT64, "")],
        outputs: vec![port("y", INT64, "n")],
        nodes: vec![node("Range", &["zero", "end", "step"], &["y"])],
        stored: vec![integers("zero", &[], &[0]), integers("step", &[], &[1])],
    };
    let network = load(graph).unwrap();
    assert_eq!(ask(&network, &end(3)).await.unwrap().shape(), [3]);
    for huge in [1 << 40, i64::MAX] {
        let error = ask(&network, &end(huge)).await.unwrap_err().to_string();
        let told = error.contains("bytes") || error.contains("the most that can be planned");
        assert!(told, "{error}");
    }
    assert_eq!(ask(&network, &end(2)).await.unwrap().shape(), [2]);

    let graph = Graph {
        inputs: vec![port("shape", INT64, "k")],
        outputs: vec![port("y", FLOAT, "*")],
        nodes: vec![node("ConstantOfShape", &["shape"], &["y"])],
        ..Graph::default()
    };
    let network = load(graph).unwrap();
    let shape = |dims: &[i64]| [("shape", Array::integers(vec![dims.len()], dims).unwrap())];
    assert_eq!(ask(&network, &shape(&[2, 2])).await.unwrap().shape(), [2, 2]);
    for huge in [[1 << 40, 1], [1 << 32, 1 << 32], [1 << 20, 1 << 20]] {
        let error = ask(&network, &shape(&huge)).await.unwrap_err().to_string();
        let told = error.contains("bytes") || error.contains("the most that can be planned");
        assert!(told, "{error}");
    }
}

#[tokio::test]
async fn a_request_that_takes_more_than_is_free_is_refused_and_the_next_is_served() {
    // From n numbers it makes n times n.
    let graph = Graph {
        inputs: vec![port("a", FLOAT, "n 1"), port("b", FLOAT, "1 n")],
        outputs: vec![port("y", FLOAT, "n n")],
        nodes: vec![node("MatMul", &["a", "b"], &["y"])],
        ..Graph::default()
    };
    let network = load(graph).unwrap();
    let both = |n: usize| [("a", ones(&[n, 1])), ("b", ones(&[1, n]))];
    assert_eq!(ask(&network, &both(8)).await.unwrap().shape(), [8, 8]);
    let error = ask(&network, &both(50_000)).await.unwrap_err();
    assert!(
        matches!(error, InferError::TooLarge { bytes, most_bytes }
            if bytes >= 10_000_000_000 && most_bytes <= BUDGET),
        "{error}"
    );
    assert_eq!(ask(&network, &both(16)).await.unwrap().shape(), [16, 16]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_waits_for_memory_that_others_have() {
    let graph = || Graph {
        inputs: vec![port("a", FLOAT, "n 1"), port("b", FLOAT, "1 n")],
        outputs: vec![port("y", FLOAT, "n n")],
        nodes: vec![node("MatMul", &["a", "b"], &["y"])],
        ..Graph::default()
    };
    let folder = tempfile::tempdir().unwrap();
    let source = graph().write(folder.path());
    let budget = Budget::new(BUDGET);
    let config = Config { threads: 1, ..Config::default() };
    let networks = [(); 3].map(|()| Network::load_within(&budget, &source, &config).unwrap());
    // Each answer takes more than a third of the budget.
    let n = 2500;
    let asks = networks.clone().map(|network| {
        tokio::spawn(async move {
            let both = [("a", ones(&[n, 1])), ("b", ones(&[1, n]))];
            for _ in 0..4 {
                assert_eq!(ask(&network, &both).await.unwrap().shape(), [n, n]);
            }
        })
    });
    for ask in asks {
        ask.await.unwrap();
    }
    assert_eq!(budget.lacking_bytes(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_the_run_can_tell_takes_its_memory_too() {
    // How many places are not zero is not known before.
    let graph = Graph {
        inputs: vec![port("x", FLOAT, "n")],
        outputs: vec![port("y", INT64, "1 m")],
        nodes: vec![node("NonZero", &["x"], &["y"])],
        ..Graph::default()
    };
    let folder = tempfile::tempdir().unwrap();
    let budget = Budget::new(1 << 20);
    let config = Config { threads: 1, ..Config::default() };
    let network = Network::load_within(&budget, &graph.write(folder.path()), &config).unwrap();
    assert_eq!(ask(&network, &[("x", ones(&[50_000]))]).await.unwrap().shape(), [1, 50_000]);
    let error = ask(&network, &[("x", ones(&[200_000]))]).await.unwrap_err();
    assert!(matches!(error, InferError::TooLarge { .. }), "{error}");
    assert_eq!(budget.lacking_bytes(), 0);
}

#[tokio::test]
async fn one_hot_is_all_off_where_a_place_is_outside() {
    let graph = Graph {
        inputs: vec![port("x", INT64, "n")],
        outputs: vec![port("y", FLOAT, "n 3")],
        nodes: vec![node("OneHot", &["x", "depth", "values"], &["y"])],
        stored: vec![integers("depth", &[1], &[3]), floats("values", &[2], &[0.5, 2.0])],
    };
    let network = load(graph).unwrap();
    let places = [1, -1, 3, -4, i64::MAX, 1 << 32, 0];
    let x = Array::integers(vec![places.len()], &places).unwrap();
    let y = ask(&network, &[("x", x)]).await.unwrap().to_floats().unwrap();
    let off = [0.5; 3];
    let row = |at: usize| {
        let mut row = off;
        row[at] = 2.0;
        row
    };
    assert_eq!(y, [row(1), row(2), off, off, off, off, row(0)].concat());
}

#[tokio::test]
async fn whether_any_or_all_are_true_is_a_reduction() {
    for (operator, wanted) in
        [("ReduceMax", [true, true, false]), ("ReduceMin", [true, false, false])]
    {
        let reduce = with(node(operator, &["x"], &["y"]), &[axes(&[1]), integer("keepdims", 0)]);
        let graph = Graph {
            inputs: vec![port("x", BOOL, "n 2")],
            outputs: vec![port("y", BOOL, "n")],
            nodes: vec![reduce],
            ..Graph::default()
        };
        let network = load(graph).unwrap();
        let x = Array::new(ElementType::Bool, vec![3, 2], vec![1, 1, 1, 0, 0, 0]).unwrap();
        let y = ask(&network, &[("x", x)]).await.unwrap();
        assert_eq!(y.bytes().unwrap(), wanted.map(u8::from), "{operator}");
    }
}

#[tokio::test]
async fn dropping_at_random_is_refused_by_the_nodes_name() {
    let dropout = |mode: u8, share: f32| Graph {
        inputs: vec![port("x", FLOAT, "n")],
        outputs: vec![port("y", FLOAT, "n")],
        nodes: vec![node("Dropout", &["x", "share", "training"], &["y"])],
        stored: vec![floats("share", &[], &[share]), stored("training", BOOL, &[], vec![mode])],
    };
    let refused = refusal(dropout(1, 0.5));
    assert!(refused.contains("make y") && refused.contains("at random"), "{refused}");
    for harmless in [dropout(0, 0.5), dropout(1, 0.0)] {
        let network = load(harmless).unwrap();
        assert_eq!(
            ask(&network, &[("x", ones(&[3]))]).await.unwrap().to_floats().unwrap(),
            [1.0; 3]
        );
    }
}

#[test]
fn weights_larger_than_what_is_free_are_refused_with_the_figures() {
    let numbers = vec![1.0; 5 << 20];
    let graph = Graph {
        inputs: vec![port("x", FLOAT, "n 5120")],
        outputs: vec![port("y", FLOAT, "n 1024")],
        nodes: vec![node("MatMul", &["x", "w"], &["y"])],
        stored: vec![floats("w", &[5120, 1024], &numbers)],
    };
    let folder = tempfile::tempdir().unwrap();
    let source = graph.write(folder.path());
    let error = Network::load_within(&Budget::new(16 << 20), &source, &Config::default()).err();
    let Some(LoadError::Memory { weight_bytes, free_bytes, .. }) = error else {
        panic!("{error:?}");
    };
    assert!(weight_bytes >= 20 << 20 && free_bytes <= 16 << 20);
}

#[test]
fn endless_and_broken_graphs_are_refused_in_time() {
    let chain = |length: usize| {
        let name = |at: usize| match at {
            0 => "x".to_owned(),
            at if at == length => "y".to_owned(),
            at => format!("t{at}"),
        };
        let nodes = (0..length).map(|at| node("Relu", &[&name(at)], &[&name(at + 1)]));
        Graph { nodes: nodes.collect(), ..relu("n", "n") }
    };
    let started = Instant::now();
    assert!(refusal(chain(100_000)).contains("100000 nodes; 20000 is the limit"));
    assert!(started.elapsed() < Duration::from_secs(20));

    let mut nested = relu("n", "n");
    for _ in 0..40 {
        let body = Graph { inputs: Vec::new(), ..nested.clone() }.proto();
        let branch = |name: &str| tract_onnx::pb::AttributeProto {
            g: Some(body.clone()),
            r#type: 5,
            name: name.to_owned(),
            ..Default::default()
        };
        let choice = with(node("If", &["c"], &["y"]), &[branch("then_branch")]);
        nested = Graph { nodes: vec![choice], ..relu("n", "n") };
    }
    let refused = refusal(nested);
    assert!(refused.contains("nested") || refused.contains("recursion limit"), "{refused}");

    let circle = vec![node("Relu", &["b"], &["a"]), node("Relu", &["a"], &["b", "y"])];
    assert!(
        refusal(Graph { nodes: circle, ..relu("n", "n") }).contains("depends on what it makes")
    );
    let unknown = node("Teleport", &["x"], &["y"]);
    let refused = refusal(Graph { nodes: vec![unknown], ..relu("n", "n") });
    assert!(refused.contains("node make y (Teleport) cannot run here"), "{refused}");
    let wrong = with(node("DepthToSpace", &["x"], &["y"]), &[text("blocksize", "two")]);
    let refused = refusal(Graph { nodes: vec![wrong], ..relu("1 4 1 1", "?") });
    assert!(refused.contains("make y (DepthToSpace)"), "{refused}");
}

#[test]
fn cut_files_are_refused_wherever_they_are_cut() {
    let folder = tempfile::tempdir().unwrap();
    let graph = Graph {
        inputs: vec![port("x", FLOAT, "n 2")],
        outputs: vec![port("y", FLOAT, "n 2")],
        nodes: vec![node("MatMul", &["x", "w"], &["y"])],
        stored: vec![floats("w", &[2, 2], &[1.0, 2.0, 3.0, 4.0])],
    };
    let whole = graph.bytes();
    let onnx = folder.path().join("cut.onnx");
    for length in (0..whole.len()).step_by(7) {
        std::fs::write(&onnx, &whole[..length]).unwrap();
        let source = source(onnx.clone());
        let budget = Budget::new(BUDGET);
        assert!(Network::check(&budget, &source).is_err(), "{length} of {} bytes", whole.len());
    }
}

#[test]
fn external_data_stays_in_the_models_folder() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("model");
    std::fs::create_dir(&model).unwrap();
    std::fs::write(folder.path().join("secret"), [0; 16]).unwrap();
    std::os::unix::fs::symlink("../secret", model.join("link")).unwrap();
    for location in ["../secret", "/etc/passwd", "link"] {
        let mut weights = floats("w", &[2, 2], &[]);
        let entry = tract_onnx::pb::StringStringEntryProto {
            key: "location".to_owned(),
            value: location.to_owned(),
        };
        weights.external_data.push(entry);
        weights.data_location = Some(1);
        let graph = Graph {
            inputs: vec![port("x", FLOAT, "n 2")],
            outputs: vec![port("y", FLOAT, "n 2")],
            nodes: vec![node("MatMul", &["x", "w"], &["y"])],
            stored: vec![weights],
        };
        let error = Network::check(&Budget::new(BUDGET), &graph.write(&model)).unwrap_err();
        assert!(error.to_string().contains("outside"), "{location}: {error}");
    }
}

/// `y = x · w` with 64 numbers a row, which takes long enough for requests to meet.
fn product(rows: usize) -> Graph {
    let width = 64_i64;
    let weights: Vec<f32> = (0..width * width).map(|at| (at % 17) as f32 - 8.0).collect();
    let mut nodes = Vec::new();
    let name = |at: usize| match at {
        0 => "x".to_owned(),
        at if at == rows => "y".to_owned(),
        at => format!("t{at}"),
    };
    for at in 0..rows {
        let product = format!("p{at}");
        nodes.push(node("MatMul", &[&name(at), "w"], &[&product]));
        nodes.push(node("Tanh", &[&product], &[&name(at + 1)]));
    }
    Graph {
        inputs: vec![port("x", FLOAT, "batch 64")],
        outputs: vec![port("y", FLOAT, "batch 64")],
        nodes,
        stored: vec![floats("w", &[width, width], &weights)],
    }
}

fn row(seed: usize) -> Array {
    let values: Vec<f32> = (0..64).map(|at| ((at * 7 + seed * 13) % 29) as f32 / 29.0).collect();
    Array::floats(vec![1, 64], &values).unwrap()
}

/// Asks all at once and returns what each was answered.
async fn ask_together(network: &Network, rows: usize) -> Vec<Array> {
    let asks = (0..rows).map(|seed| {
        let network = network.clone();
        tokio::spawn(async move { ask(&network, &[("x", row(seed))]).await.unwrap() })
    });
    let asks: Vec<_> = asks.collect();
    let mut answers = Vec::new();
    for ask in asks {
        answers.push(ask.await.unwrap());
    }
    answers
}

fn far(a: &Array, b: &Array) -> f32 {
    let (a, b) = (a.to_floats().unwrap(), b.to_floats().unwrap());
    a.iter().zip(&b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_come_together_share_a_run_and_get_their_own_answers() {
    let network = load(product(100)).unwrap();
    let mut alone = Vec::new();
    for seed in 0..24 {
        alone.push(ask(&network, &[("x", row(seed))]).await.unwrap());
    }
    let before = network.statistics();
    assert_eq!((before.inference_count, before.execution_count), (24, 24));
    // On a busy machine they may miss each other once, and not again and again.
    let mut asked = 24;
    while network.statistics().execution_count == asked {
        assert!(asked < 2400, "no two of {asked} requests shared a run");
        let together = ask_together(&network, 24).await;
        for (alone, together) in alone.iter().zip(&together) {
            assert_eq!(together.shape(), [1, 64]);
            assert!(far(alone, together) < 1e-5, "{}", far(alone, together));
        }
        asked += 24;
    }
    let after = network.statistics();
    assert_eq!((after.inference_count, after.success.count), (asked, asked));
    let rows: u64 =
        after.batches.iter().map(|(rows, b)| *rows as u64 * b.compute_infer.count).sum();
    assert_eq!(rows, asked, "{:?}", after.batches);
    assert!(after.batches.keys().all(|&rows| rows <= 32));
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_depend_on_each_other_are_never_joined() {
    let mixing = || {
        let mean = with(node("ReduceMean", &["x"], &["mean"]), &[integer("keepdims", 1)]);
        let nodes = vec![with(mean, &[axes(&[0])]), node("Sub", &["x", "mean"], &["y"])];
        Graph {
            inputs: vec![port("x", FLOAT, "batch 64")],
            outputs: vec![port("y", FLOAT, "batch 64")],
            nodes,
            ..Graph::default()
        }
    };
    let network = load(mixing()).unwrap();
    for answer in ask_together(&network, 16).await {
        assert!(answer.to_floats().unwrap().iter().all(|&value| value == 0.0));
    }
    assert_eq!(network.statistics().execution_count, 16);
    let config = Config { max_batch_rows: 1, ..Config::default() };
    let network = load_with(product(1), config).unwrap();
    ask_together(&network, 8).await;
    assert_eq!(network.statistics().execution_count, 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_wrong_does_not_take_the_others_with_it() {
    // A place outside the table fails a run that is shared; the others run again without it.
    let graph = Graph {
        inputs: vec![port("ids", INT64, "batch 1")],
        outputs: vec![port("y", FLOAT, "batch 1 1")],
        nodes: vec![node("Gather", &["table", "ids"], &["y"])],
        stored: vec![floats("table", &[3, 1], &[0.0, 1.0, 2.0])],
    };
    let network = load(graph).unwrap();
    let asks: Vec<_> = [0, 1, 9, 2, 1, 0]
        .map(|id| {
            let network = network.clone();
            let ids = Array::integers(vec![1, 1], &[id]).unwrap();
            tokio::spawn(async move { (id, ask(&network, &[("ids", ids)]).await) })
        })
        .into_iter()
        .collect();
    for ask in asks {
        match ask.await.unwrap() {
            (9, answer) => assert!(matches!(answer, Err(InferError::Refused { .. }))),
            (id, answer) => assert_eq!(answer.unwrap().to_floats().unwrap(), [id as f32]),
        }
    }
    let statistics = network.statistics();
    assert_eq!((statistics.success.count, statistics.fail.count), (5, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_or_is_late_is_not_computed() {
    let config = Config { max_batch_rows: 1, ..Config::default() };
    let network = load_with(product(400), config).unwrap();
    let busy = |network: &Network| {
        let network = network.clone();
        tokio::spawn(async move { ask(&network, &[("x", row(0))]).await.unwrap() })
    };
    let first = busy(&network);
    loop {
        let late = Inference { deadline: Some(Instant::now()), ..asked(&[("x", row(1))]) };
        assert_eq!(network.infer(late).await, Err(InferError::Deadline));
        if network.statistics() != Statistics::default() || first.is_finished() {
            break;
        }
    }
    first.await.unwrap();
    let leaving: Vec<_> = (0..8).map(|_| busy(&network)).collect();
    leaving.iter().for_each(|ask| ask.abort());
    for ask in leaving {
        let _ = ask.await;
    }
    ask(&network, &[("x", row(2))]).await.unwrap();
    let statistics = network.statistics();
    assert!(statistics.fail.count >= 1, "{statistics:?}");
    assert_eq!(statistics.execution_count, statistics.success.count);
    assert_eq!(statistics.batches.keys().collect::<Vec<_>>(), [&1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_refuses_with_the_time_to_come_back() {
    let config = Config { max_queue: 2, max_batch_rows: 1, ..Config::default() };
    let network = Arc::new(load_with(product(400), config).unwrap());
    let asks: Vec<_> = (0..64)
        .map(|seed| {
            let network = Arc::clone(&network);
            tokio::spawn(async move { ask(&network, &[("x", row(seed))]).await })
        })
        .collect();
    let mut refused = 0;
    for ask in asks {
        match ask.await.unwrap() {
            Ok(answer) => assert_eq!(answer.shape(), [1, 64]),
            Err(InferError::QueueFull { retry_after, .. }) => {
                assert!(retry_after >= Duration::from_secs(1));
                refused += 1;
            }
            Err(error) => panic!("{error}"),
        }
    }
    assert!(refused > 0);
}

/// `ENDCAP_NETWORKS` names graphs with their inputs' shapes, as `path=1x3x224x224,1x8 path=…`: how
/// long each takes to load, alone, and eight at once, and in how much memory.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures; wants a quiet machine and graphs"]
async fn times_of_real_graphs() {
    let Some(named) = std::env::var_os("ENDCAP_NETWORKS") else { return };
    let named = named.into_string().unwrap();
    for graph in named.split_whitespace() {
        let (path, shapes) = graph.split_once('=').unwrap();
        let budget = Budget::new(8 << 30);
        let started = Instant::now();
        let network =
            Network::load_within(&budget, &source(path.into()), &Config::default()).unwrap();
        let loaded = started.elapsed();
        let shapes = shapes.split(',').map(|shape| {
            shape.split('x').map(|length| length.parse().unwrap()).collect::<Vec<usize>>()
        });
        let inputs: Vec<(String, Array)> = network
            .inputs()
            .iter()
            .zip(shapes)
            .map(|(port, shape)| {
                let count = shape.iter().product::<usize>();
                let array = match port.element {
                    endcap::engine::ElementType::Float32 => {
                        let values: Vec<f32> =
                            (0..count).map(|at| (at % 97) as f32 / 97.0).collect();
                        Array::floats(shape, &values).unwrap()
                    }
                    _ => Array::integers(shape, &vec![1; count]).unwrap(),
                };
                (port.name.clone(), array)
            })
            .collect();
        let run = || {
            let inference =
                Inference { inputs: inputs.clone(), outputs: Vec::new(), deadline: None };
            let network = network.clone();
            async move { network.infer(inference).await.unwrap() }
        };
        let mut alone = Vec::new();
        for _ in 0..7 {
            let started = Instant::now();
            run().await;
            alone.push(started.elapsed());
        }
        alone.sort();
        let before = network.statistics();
        let started = Instant::now();
        let asks: Vec<_> = (0..32).map(|_| tokio::spawn(run())).collect();
        for ask in asks {
            ask.await.unwrap();
        }
        let together = started.elapsed() / 32;
        let runs = network.statistics().execution_count - before.execution_count;
        eprintln!(
            "{path}: load {loaded:.2?}, alone {:.2?}, 32 at once {together:.2?} each in {runs} runs, \
             weights {} MB, held {} MB",
            alone[3],
            network.report().weight_bytes >> 20,
            (budget.total_bytes() - budget.free_bytes()) >> 20,
        );
    }
}
