use serde_json::json;

use super::*;
use crate::skills::pictures::{Picture, Point, Quad};

fn embed() -> Value {
    json!({"task": "embed", "pool": "cls", "normalise": true, "max_tokens": 9})
}

fn classify() -> Value {
    let picture = json!({"size": {"width": 2, "height": 2}, "filter": "bilinear"});
    json!({"task": "classify", "labels": ["a", "b", "c"], "picture": picture})
}

fn segment() -> Value {
    json!({"task": "segment", "picture": {"size": {"width": 4, "height": 4}, "filter": "nearest"}})
}

fn ocr() -> Value {
    let size = json!({"multiple_of": 32, "shortest": 64, "longest": 128});
    json!({"task": "ocr", "reader": "r", "picture": {"size": size, "filter": "bilinear"}})
}

fn read_line() -> Value {
    let size = json!({"height": 4, "narrowest": 8, "widest": 16, "step": 4});
    let picture = json!({"size": size, "filter": "bilinear"});
    json!({"task": "read_line", "characters": ["a", "b"], "space": true, "picture": picture})
}

/// A head with one field, at this path, changed.
fn with(mut head: Value, path: &str, value: Value) -> Value {
    let (outer, name) = path.rsplit_once('/').unwrap();
    head.pointer_mut(outer).unwrap()[name] = value;
    head
}

#[test]
fn a_head_that_embeds_has_defaults_for_what_encoders_share() {
    let Head::Embed(short) = Head::parse(&embed()).unwrap() else { panic!() };
    assert_eq!((short.pool, short.normalise, short.output), (Pool::Cls, true, None));
    assert_eq!(short.text.inputs, TextPorts::default());
    let whole = json!({
        "task": "embed", "pool": "mean", "normalise": false, "max_tokens": 8, "output": "pooled",
        "inputs": {"tokens": "ids"},
    });
    let Head::Embed(whole) = Head::parse(&whole).unwrap() else { panic!() };
    assert_eq!((whole.pool, whole.output.as_deref()), (Pool::Mean, Some("pooled")));
    assert_eq!(whole.text.max_tokens, 8);
    assert_eq!(whole.text.inputs.tokens, "ids");
}

#[test]
fn every_task_has_a_head() {
    let turn =
        json!({"task": "turn_line", "class": 1, "threshold": 0.9, "picture": segment()["picture"]});
    let text =
        json!({"task": "classify_text", "labels": ["x"], "max_tokens": 8, "activation": "sigmoid"});
    let tags = json!({"task": "tag_text", "labels": ["O", "PER"], "max_tokens": 8});
    let heads = [embed(), classify(), segment(), ocr(), read_line(), turn, text, tags];
    let tasks: Vec<_> = heads.iter().map(|head| Head::parse(head).unwrap().task()).collect();
    assert_eq!(tasks, Head::TASKS);
}

#[test]
fn a_faulty_head_is_refused_with_the_path_of_its_field() {
    let size = |size: Value| with(classify(), "/picture/size", size);
    let short = |name: &str| {
        let mut head = embed();
        head.as_object_mut().unwrap().remove(name);
        head
    };
    for (head, path, why) in [
        (json!([]), "head", "not an object"),
        (json!({}), "head.task", "missing"),
        (json!({"task": 3}), "head.task", "3 is not known"),
        (json!({"task": "sing"}), "head.task", "known are embed, classify"),
        (short("max_tokens"), "head", "`max_tokens`"),
        (short("normalise"), "head", "`normalise`"),
        (with(embed(), "/pool", json!("sum")), "head.pool", "`sum`"),
        (with(embed(), "/normalise", json!(1)), "head.normalise", "expected a boolean"),
        (with(embed(), "/max_tokens", json!(0)), "head.max_tokens", "1 to 65536"),
        (with(embed(), "/max_tokens", json!(-2)), "head.max_tokens", "integer `-2`"),
        (with(embed(), "/pol", json!("cls")), "head.pol", "unknown field `pol`"),
        (with(embed(), "/output", json!("")), "head.output", "1 to 256 bytes"),
        (with(embed(), "/inputs", json!({"token": "x"})), "head.inputs.token", "unknown field"),
        (with(embed(), "/inputs", json!({"tokens": ""})), "head.inputs.tokens", "1 to 256 bytes"),
        (with(classify(), "/labels", json!([])), "head.labels", "1 to 200000"),
        (with(classify(), "/labels", json!("a")), "head.labels", "a list of names"),
        (with(classify(), "/labels", json!({"url": "a"})), "head.labels", "a list of names"),
        (with(classify(), "/top", json!(0)), "head.top", "1 to 1000"),
        (with(classify(), "/threshold", json!(2)), "head.threshold", "0 to 1"),
        (with(classify(), "/colour", json!("bgr")), "head.colour", "unknown field"),
        (with(classify(), "/picture/colour", json!("cmyk")), "head.picture.colour", "`cmyk`"),
        (with(classify(), "/picture/mean", json!([1])), "head.picture.mean", "1 numbers for 3"),
        (
            with(classify(), "/picture/deviation", json!([1, 0, 1])),
            "head.picture.deviation",
            "by 0",
        ),
        (with(classify(), "/picture/scale", json!("min")), "head.picture.scale", "\"max\""),
        (
            with(classify(), "/picture/crop_from", json!([1, 9])),
            "head.picture.crop_from",
            "as large",
        ),
        (with(ocr(), "/picture/crop_from", json!([9, 9])), "head.picture.crop_from", "fixed size"),
        (with(ocr(), "/picture/fit", json!("cover")), "head.picture", "whole"),
        (with(ocr(), "/unclip", json!(-1)), "head.unclip", "0 to 10"),
        (with(ocr(), "/most", json!(0)), "head.most", "1 to 5000"),
        (with(ocr(), "/reader", json!("")), "head.reader", "1 to 256 bytes"),
        (with(segment(), "/picture/fit", json!("cover")), "head.picture", "all of the picture"),
        (with(segment(), "/range", json!("log")), "head.range", "`log`"),
        (size(json!({"width": 0, "height": 2})), "head.picture.size", "width is 0"),
        (size(json!({"width": 2})), "head.picture.size", "width and height, or"),
        (size(json!({"width": 2, "heigth": 2})), "head.picture.size.heigth", "unknown field"),
        (size(json!({"multiple_of": 64, "longest": 32})), "head.picture.size", "more than longest"),
        (size(json!({"multiple_of": 8, "longest": 5000})), "head.picture.size", "longest is 5000"),
        (
            size(json!({"height": 1, "narrowest": 9, "widest": 8, "step": 1})),
            "head.picture.size",
            "narrowest is 9",
        ),
    ] {
        let error = Head::parse(&head).unwrap_err();
        assert_eq!(error.path, path, "{head}: {error}");
        assert!(error.why.contains(why), "{head}: {error}");
    }
}

#[test]
fn lists_are_brought_from_where_they_are() {
    let elsewhere = with(read_line(), "/characters", json!({"metadata": "character"}));
    let head = Head::parse(&elsewhere).unwrap();
    let whole = head.clone().complete(|place| {
        assert_eq!(*place, Elsewhere::Metadata("character".into()));
        Ok("a\n \nß".into())
    });
    let Head::ReadLine(whole) = whole.unwrap() else { panic!() };
    assert_eq!(whole.characters.list(), ["a", " ", "ß"]);
    let error = head.complete(|_| Err("it is not there".into())).unwrap_err();
    assert_eq!(error.to_string(), "head.characters: it is not there");
    let empty = with(classify(), "/labels", json!({"file": "labels.txt"}));
    let error = Head::parse(&empty).unwrap().complete(|_| Ok(String::new())).unwrap_err();
    assert_eq!(error.path, "head.labels");
}

/// Two rows: red, green; blue, white.
fn four() -> Picture {
    Picture::new(2, 2, vec![255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255]).unwrap()
}

fn prepared(picture: Value, shown: &Picture) -> (Vec<usize>, Vec<f32>) {
    let head = with(classify(), "/picture", picture);
    let Head::Classify(head) = Head::parse(&head).unwrap() else { panic!() };
    let tensor = head.picture.prepare(shown).tensor;
    let Values::Floats(values) = tensor.values else { panic!() };
    (tensor.shape, values)
}

#[test]
fn a_pictures_bytes_become_numbers_in_the_order_of_the_graph() {
    let two = json!({"width": 2, "height": 2});
    let unit = 1.0 / 255.0;
    for (picture, shape, wanted) in [
        (
            json!({"size": two, "filter": "nearest", "scale": unit}),
            [1, 3, 2, 2],
            vec![1., 0., 0., 1., 0., 1., 0., 1., 0., 0., 1., 1.],
        ),
        (
            json!({"size": two, "filter": "nearest", "scale": "max", "colour": "bgr"}),
            [1, 3, 2, 2],
            vec![0., 0., 1., 1., 0., 1., 0., 1., 1., 0., 0., 1.],
        ),
        (
            json!({"size": two, "filter": "nearest", "layout": "nhwc", "mean": [5, 0, 0],
                   "deviation": [2, 1, 1]}),
            [1, 2, 2, 3],
            vec![125., 0., 0., -2.5, 255., 0., -2.5, 0., 255., 125., 255., 255.],
        ),
        (
            json!({"size": two, "filter": "nearest", "colour": "grey"}),
            [1, 1, 2, 2],
            vec![76., 150., 29., 255.],
        ),
    ] {
        let (found, values) = prepared(picture.clone(), &four());
        assert_eq!(found, shape, "{picture}");
        let near = values.iter().zip(&wanted).all(|(a, b)| (a - b).abs() < 1e-5);
        assert!(near && values.len() == wanted.len(), "{picture}: {values:?}");
    }
    let bytes = with(classify(), "/picture/element", json!("u8"));
    let Head::Classify(head) = Head::parse(&bytes).unwrap() else { panic!() };
    let Values::Bytes(bytes) = head.picture.prepare(&four()).tensor.values else { panic!() };
    assert_eq!(bytes[..4], [255, 0, 0, 255]);
}

/// The grey input, as rows, that a picture with a white left and a black right half becomes.
fn fitted(picture: Value) -> Vec<Vec<f32>> {
    let row = [vec![255; 12], vec![0; 12]].concat();
    let halves = Picture::new(8, 4, row.repeat(4)).unwrap();
    let mut picture = picture;
    picture["colour"] = json!("grey");
    picture["filter"] = json!("nearest");
    picture["scale"] = json!(1.0 / 255.0);
    let (shape, values) = prepared(picture, &halves);
    values.chunks(shape[3]).map(<[f32]>::to_vec).collect()
}

#[test]
fn a_picture_of_another_shape_is_stretched_cut_or_padded() {
    let size = json!({"width": 4, "height": 4});
    let stretched = vec![vec![1., 1., 0., 0.]; 4];
    assert_eq!(fitted(json!({"size": size})), stretched);
    let covering = fitted(json!({"size": size, "fit": "cover"}));
    assert_eq!(covering, vec![vec![1., 1., 0., 0.]; 4]);
    let grey = 51.0 * (1.0 / 255.0);
    let (pad, shown) = (vec![grey; 4], vec![1., 1., 0., 0.]);
    let contained = fitted(json!({"size": size, "fit": "contain", "pad": [51]}));
    assert_eq!(contained, [pad.clone(), shown.clone(), shown.clone(), pad.clone()]);
    let started = fitted(json!({"size": size, "fit": "contain_start", "pad": [51]}));
    assert_eq!(started, [shown.clone(), shown, pad.clone(), pad]);
    let cropped = fitted(json!({"size": {"width": 2, "height": 2}, "crop_from": [8, 8]}));
    assert_eq!(cropped, vec![vec![1., 0.]; 2]);
    let line = json!({"height": 4, "narrowest": 10, "widest": 16, "step": 4});
    let lines = fitted(json!({"size": line, "pad": [51]}));
    let wanted = [vec![1.; 4], vec![0.; 4], vec![grey; 4]].concat();
    assert_eq!(lines, vec![wanted; 4]);
}

#[test]
fn sizes_follow_a_pictures_shape_within_their_limits() {
    for (own, wanted) in [
        ((64, 64), (64, 64)),
        ((50, 40), (64, 64)),
        ((60, 40), (96, 64)),
        ((1000, 500), (128, 64)),
        ((30, 3000), (32, 128)),
        ((1, 1), (64, 64)),
        ((100, 100), (96, 96)),
    ] {
        assert_eq!(size::multiple(own, 32, 64, 128), wanted, "{own:?}");
    }
    for (own, wanted) in
        [((10, 10), (4, 8)), ((30, 10), (12, 12)), ((33, 10), (14, 16)), ((900, 10), (16, 16))]
    {
        assert_eq!(size::line(own, 4, (8, 16, 4)), wanted, "{own:?}");
    }
}

#[test]
fn scores_are_named_and_the_highest_come_first() {
    let chosen = |activation: &str, top, threshold| {
        let head = with(classify(), "/activation", json!(activation));
        let Head::Classify(head) = Head::parse(&head).unwrap() else { panic!() };
        let chosen = head.classes.choose(&[0.0, 2.0, 1.0], top, threshold).unwrap();
        chosen.into_iter().map(|it| format!("{} {:.3}", it.label, it.score)).collect::<Vec<_>>()
    };
    assert_eq!(chosen("none", None, None), ["b 2.000", "c 1.000", "a 0.000"]);
    assert_eq!(chosen("softmax", Some(2), None), ["b 0.665", "c 0.245"]);
    assert_eq!(chosen("sigmoid", None, Some(0.6)), ["b 0.881", "c 0.731"]);
    let Head::Classify(head) = Head::parse(&classify()).unwrap() else { panic!() };
    let error = head.classes.choose(&[1.0], None, None).unwrap_err();
    assert_eq!(error, OutputError::Count { scores: 1, names: 3 });
}

#[test]
fn a_mask_has_the_pictures_size_and_its_own_range() {
    let masked = |range: &str, numbers: &[f32]| {
        let Head::Segment(head) = Head::parse(&with(segment(), "/range", json!(range))).unwrap()
        else {
            panic!()
        };
        let input = head.picture.prepare(&four());
        head.mask(&[1, 1, 2, 2], numbers, &input, &four())
    };
    assert_eq!(masked("min_max", &[3., 1., 1., 2.]).unwrap(), [255, 0, 0, 127]);
    assert_eq!(masked("unit", &[1., 0., 0.5, 0.]).unwrap(), [255, 0, 127, 0]);
    assert_eq!(masked("sigmoid", &[0., 99., -99., 0.]).unwrap(), [127, 255, 0, 127]);
    assert_eq!(masked("min_max", &[5.; 4]).unwrap(), [0; 4]);
    assert!(masked("unit", &[1.]).is_err());
    // Padding around a picture is not part of its mask.
    let contained = with(segment(), "/picture/fit", json!("contain"));
    let Head::Segment(head) = Head::parse(&contained).unwrap() else { panic!() };
    let wide = Picture::new(4, 2, vec![0; 24]).unwrap();
    let input = head.picture.prepare(&wide);
    let rows = [[1.; 4], [0.; 4], [1.; 4], [1.; 4]].concat();
    let mask = head.mask(&[1, 1, 4, 4], &rows, &input, &wide).unwrap();
    assert_eq!(mask, [[0; 4], [255; 4]].concat());
}

#[test]
fn a_line_is_its_likeliest_characters_without_repetitions() {
    let Head::ReadLine(head) = Head::parse(&read_line()).unwrap() else { panic!() };
    let read = |classes: &[usize]| {
        let numbers: Vec<f32> = classes
            .iter()
            .flat_map(|best| (0..4).map(move |class| if class == *best { 0.7 } else { 0.1 }))
            .collect();
        head.lines(&[1, classes.len(), 4], &numbers).unwrap().remove(0)
    };
    for (classes, text) in
        [(&[0, 1, 1, 0, 1, 2][..], "aab"), (&[1, 3, 2, 2], "a b"), (&[0, 0], ""), (&[2, 2, 2], "b")]
    {
        let line = read(classes);
        assert_eq!(line.text, text);
        assert!((line.score - if text.is_empty() { 0.0 } else { 0.7 }).abs() < 1e-6);
    }
    let two = head.lines(&[2, 1, 4], &[0., 1., 0., 0., 0., 0., 1., 0.]).unwrap();
    assert_eq!((two[0].text.as_str(), two[1].text.as_str()), ("a", "b"));
    assert!(head.lines(&[1, 1, 5], &[0.; 5]).is_err());
    assert!(head.lines(&[4], &[0.; 4]).is_err());
}

#[test]
fn a_page_is_read_in_lines_even_where_it_is_skewed() {
    let quad = |x: f32, y: f32, width: f32, turn: f32| {
        let (sin, cos) = turn.to_radians().sin_cos();
        let corner = |a: f32, b: f32| Point { x: a * cos - b * sin, y: a * sin + b * cos };
        Quad([corner(x, y), corner(x + width, y), corner(x + width, y + 20.0), corner(x, y + 20.0)])
    };
    for turn in [0.0, 4.0, -4.0] {
        let quads = [
            quad(600.0, 101.0, 90.0, turn),
            quad(10.0, 10.0, 200.0, turn),
            quad(10.0, 98.0, 200.0, turn),
            quad(10.0, 130.0, 60.0, turn),
        ];
        assert_eq!(reading_order(&quads), [vec![1], vec![2, 0], vec![3]], "{turn}");
    }
    assert!(reading_order(&[]).is_empty());
}
