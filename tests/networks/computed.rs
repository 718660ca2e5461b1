//! What graphs compute.

use endcap::engine::{Array, ElementType, InferError};

use super::{ask, asked, load, ones, refusal, relu};
use crate::support::onnx::{
    BOOL, FLOAT, Graph, INT64, axes, floats, integer, integers, node, port, stored, with,
};

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
