use super::*;

const ASKED: Asked<'static> = Asked { model: "m", version: "1" };

fn read(json: &str, binary: &[u8]) -> Result<InferRequest, String> {
    InferRequest::read(json.as_bytes(), binary, ASKED).map_err(|problem| {
        assert_eq!(problem.status(), 400, "{json}");
        problem.body().message.clone()
    })
}

#[test]
fn data_are_read_wherever_their_type_and_shape_stand() {
    for json in [
        r#"{"inputs": [{"name": "x", "shape": [2], "datatype": "INT32", "data": [1, 2]}]}"#,
        r#"{"inputs": [{"data": [1, 2], "datatype": "INT32", "shape": [2], "name": "x"}]}"#,
        r#"{"outputs": null, "parameters": null, "inputs": [
            {"d\u0061ta": [1, 2], "name": "x", "datatype": "INT32", "shape": [2]}]}"#,
        r#"{"model_name": "m", "model_version": "", "inputs": [
            {"name": "x", "shape": [2], "datatype": "INT32", "parameters": {}, "data": [1, 2]}]}"#,
    ] {
        let request = read(json, b"").unwrap();
        let array = Array::new(ElementType::Int32, vec![2], vec![1, 0, 0, 0, 2, 0, 0, 0]).unwrap();
        assert_eq!(request.inputs, [("x".to_owned(), array)]);
        assert!(request.outputs.is_empty() && !request.binary_outputs);
    }
}

#[test]
fn binary_data_belong_to_the_inputs_that_name_their_size_in_order() {
    let json = r#"{"id": "7", "inputs": [
        {"name": "a", "shape": [2], "datatype": "UINT8", "parameters": {"binary_data_size": 2}},
        {"name": "b", "shape": [1], "datatype": "UINT8", "data": [9]},
        {"name": "c", "shape": [1], "datatype": "BYTES", "parameters": {"binary_data_size": 5}},
        {"name": "d", "shape": [1], "datatype": "BF16", "parameters": {"binary_data_size": 2}}
    ], "outputs": [{"name": "y", "parameters": {"binary_data": true}}, {"name": "z"}]}"#;
    let request = read(json, &[1, 2, 1, 0, 0, 0, b'k', 0x80, 0x3f]).unwrap();
    let element = |index: usize| request.inputs[index].1.element();
    assert_eq!(request.id.as_deref(), Some("7"));
    assert_eq!(request.inputs[0].1.bytes().unwrap(), [1, 2]);
    assert_eq!(request.inputs[1].1.bytes().unwrap(), [9]);
    assert_eq!(request.inputs[2].1.as_texts().unwrap(), [b"k"]);
    assert_eq!(element(3), ElementType::BFloat16);
    let binary: Vec<_> = request.outputs.iter().map(|output| output.parameters.binary).collect();
    assert_eq!(binary, [Some(true), None]);
}

#[test]
fn what_cannot_be_a_request_is_refused_with_input_and_place() {
    let input = |fields: &str| format!(r#"{{"inputs": [{{"name": "x", {fields}}}]}}"#);
    let sized = r#""shape": [2], "datatype": "UINT8", "parameters": {"binary_data_size": 2}"#;
    for (json, binary, says) in [
        (
            input(r#""shape": [1], "datatype": "INT8", "data": [300]"#),
            0,
            "inputs[0].data[0] (`x`): 300 is out of the range of INT8",
        ),
        (
            input(r#""shape": [1, 2], "datatype": "INT8", "data": [[1, "2"]]"#),
            0,
            "inputs[0].data[0][1] (`x`): \"2\" is not a number",
        ),
        (
            input(r#""shape": [-1], "datatype": "INT8", "data": []"#),
            0,
            "inputs[0].shape[0] (`x`): -1 is no length of an axis",
        ),
        (
            input(r#""shape": [1.5], "datatype": "INT8", "data": []"#),
            0,
            "inputs[0].shape[0]: invalid type: floating point `1.5`",
        ),
        (
            input(r#""shape": "2", "datatype": "INT8", "data": []"#),
            0,
            "inputs[0].shape: invalid type",
        ),
        (
            input(r#""shape": [18446744073709551615, 3], "datatype": "INT8", "data": []"#),
            0,
            "inputs[0].data (`x`): its shape has more elements",
        ),
        (
            input(r#""shape": [1], "datatype": "FP8", "data": [1]"#),
            0,
            "inputs[0].datatype (`x`): `FP8` is not known; known are BOOL",
        ),
        (input(r#""shape": [1], "datatype": "INT8""#), 0, "inputs[0].data (`x`): it is missing"),
        (
            input(&format!(r#"{sized}, "data": [1, 2]"#)),
            2,
            "inputs[0].data (`x`): it is given, and binary_data_size as well",
        ),
        (
            input(sized),
            1,
            "inputs[0].parameters.binary_data_size (`x`): it is 2, but 1 bytes are left",
        ),
        (
            input(sized),
            3,
            "1 bytes of binary data are left over; the inputs' binary_data_size add up to 2",
        ),
        (
            input(r#""shape": [1], "datatype": "FP32", "parameters": {"binary_data_size": 2}"#),
            2,
            "inputs[0].data (`x`): shape [1] of FP32 has 4 bytes, but 2 are there",
        ),
        (
            input(r#""shape": [1], "datatype": "INT8", "data": [1], "colour": 1"#),
            0,
            "inputs[0].colour: unknown field",
        ),
        (r#"{"inputs": {}}"#.to_owned(), 0, "inputs: invalid type"),
        ("{}".to_owned(), 0, "inputs: missing field"),
        ("[]".to_owned(), 0, "the body: invalid type"),
        (r#"{"inputs": [[]]}"#.to_owned(), 0, "inputs[0]: invalid type"),
        (
            r#"{"inputs": [], "outputs": [{"name": "y"}, {"name": "y"}]}"#.to_owned(),
            0,
            "outputs[1] (`y`): the output is asked for twice",
        ),
        (
            r#"{"inputs": [], "model_name": "n"}"#.to_owned(),
            0,
            "model_name is `n`, but the path asks for `m`",
        ),
        (
            r#"{"inputs": [], "parameters": {"sequence_id": 1}}"#.to_owned(),
            0,
            "parameters.sequence_id: requests do not depend",
        ),
        (
            r#"{"inputs": [], "parameters": {"headers": {}}}"#.to_owned(),
            0,
            "parameters.headers: invalid type",
        ),
        (
            r#"{"inputs": [{"name": "x", "shape": [1], "datatype": "INT8", "data": [1]"#.to_owned(),
            0,
            "the body is not JSON",
        ),
        (
            r#"{"inputs": [{"name": "x", "shape": [1], "datatype": "FP32", "data": [NaN]}]}"#
                .to_owned(),
            0,
            "the body is not JSON",
        ),
    ] {
        let message = read(&json, &vec![0; binary]).unwrap_err();
        assert!(message.starts_with(says), "{json}: {message}");
    }
    let deep = format!(r#"{{"inputs": [{{"name": "x", "data": {}"#, "[".repeat(100_000));
    assert!(read(&deep, b"").is_err());
}

#[test]
fn the_earlier_of_two_deadlines_counts() {
    let json =
        |timeout: u64| format!(r#"{{"inputs": [], "parameters": {{"timeout": {timeout}}}}}"#);
    let started = Instant::now();
    let deadline = started + Duration::from_secs(10);
    for (timeout_us, seconds) in [(0, 10), (2_000_000, 2), (20_000_000, 10), (u64::MAX, 10)] {
        let mut request = read(&json(timeout_us), b"").unwrap();
        let inference = request.inference(started, deadline);
        assert_eq!(inference.deadline, Some(started + Duration::from_secs(seconds)));
    }
}
