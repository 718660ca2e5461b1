use serde_json::Value;

use super::*;
use crate::engine::{Array, ElementType};

fn read(json: &str, element: ElementType, shape: &[usize]) -> Result<Array, String> {
    from_json(json, element, shape.to_vec()).map_err(|fault| fault.to_string())
}

fn written(array: &Array) -> String {
    serde_json::to_string(&Elements(array)).unwrap()
}

#[test]
fn every_type_is_written_as_it_was_read() {
    for (element, json) in [
        (ElementType::Bool, "[true,false]"),
        (ElementType::UInt8, "[0,255]"),
        (ElementType::UInt16, "[0,65535]"),
        (ElementType::UInt32, "[0,4294967295]"),
        (ElementType::UInt64, "[0,18446744073709551615]"),
        (ElementType::Int8, "[-128,127]"),
        (ElementType::Int16, "[-32768,32767]"),
        (ElementType::Int32, "[-2147483648,2147483647]"),
        (ElementType::Int64, "[-9223372036854775808,9223372036854775807]"),
        (ElementType::Float16, "[-65504.0,0.000061035156]"),
        (ElementType::Float32, "[-3.4028235e+38,1e-45]"),
        (ElementType::Float64, "[-1.7976931348623157e+308,5e-324]"),
        (ElementType::Bytes, r#"["","Käse\n\"🥛\""]"#),
    ] {
        let array = read(json, element, &[2]).unwrap();
        assert_eq!((array.element(), array.shape()), (element, &[2][..]));
        let again = if element == ElementType::Float16 {
            read(&written(&array), element, &[2]).unwrap()
        } else {
            assert_eq!(written(&array), json);
            array.clone()
        };
        assert_eq!(again, array);
        let mut raw = Vec::new();
        to_raw(&array, &mut raw).unwrap();
        assert_eq!(raw.len(), raw_bytes(&array));
        assert_eq!(from_raw(&raw, element, vec![2]).unwrap(), array);
        assert!(from_raw(&raw, element, vec![1]).is_err(), "{element:?}");
        assert!(from_raw(&raw[1..], element, vec![2]).is_err(), "{element:?}");
    }
}

#[test]
fn flat_and_nested_are_the_same() {
    let floats = |json, shape: &[usize]| read(json, ElementType::Float32, shape);
    for (shape, flat, nested) in [
        (&[2, 3][..], "[1,2,3,4,5,6]", "[[1,2,3],[4,5,6]]"),
        (&[1, 1, 2], "[ 7 ,8 ]", "[ [\n[7,\t8] ]]"),
        (&[3], "[1,2,3]", "[1,2,3]"),
        (&[], "[5]", "[5]"),
        (&[2, 0], "[]", "[[],[]]"),
        (&[0, 2], "[]", "[]"),
    ] {
        let flat = floats(flat, shape).unwrap();
        assert_eq!(flat.shape(), shape);
        assert_eq!(floats(nested, shape), Ok(flat));
    }
}

#[test]
fn data_that_do_not_fit_their_shape_are_refused_with_the_place() {
    for (json, shape, says) in [
        ("[1,2]", &[3][..], "data: the list has 2 items; the shape says 3"),
        ("[1,2,3,4]", &[3], "data: the list has more items than the 3 that the shape says"),
        ("[[1,2],[3]]", &[2, 2], "data[1]: the list has 1 items; the shape says 2"),
        ("[[1,2],[3,4,5]]", &[2, 2], "data[1]: the list has more items than the 2"),
        ("[[1,2]]", &[2, 2], "data: the list has 1 items; the shape says 2"),
        ("[[1,2],[3,4],[5,6]]", &[2, 2], "data: the list has more items than the 2"),
        ("[[1,2],3]", &[2, 2], "data[1]: an element stands where a list belongs"),
        ("[1,[2]]", &[2], "data[1]: a list stands where an element belongs"),
        ("[[1,[2]],[3,4]]", &[2, 2], "data[0][1]: a list stands where an element belongs"),
        ("[[1,2],[3,4]]", &[2, 2, 1], "data[0][0]: an element stands where a list belongs"),
        ("[{}]", &[1], "data[0]: an object"),
        ("5", &[], "data: it must be a list"),
        ("\"[1]\"", &[1], "data: it must be a list"),
        ("null", &[1], "data: it must be a list"),
        ("[]", &[usize::MAX, 2], "data: its shape has more elements than can be addressed"),
        ("[1]", &[1 << 40], "data: the list has 1 items; the shape says 1099511627776"),
    ] {
        let fault = read(json, ElementType::Int32, shape).unwrap_err();
        assert!(fault.starts_with(says), "{json} as {shape:?}: {fault}");
    }
}

#[test]
fn an_element_that_its_type_cannot_hold_is_refused() {
    for (element, token, says) in [
        (ElementType::UInt8, "256", "256 is out of the range of UINT8"),
        (ElementType::UInt8, "-1", "-1 is out of the range of UINT8"),
        (ElementType::Int8, "-129", "out of the range of INT8"),
        (ElementType::Int64, "9223372036854775808", "out of the range of INT64"),
        (ElementType::UInt64, "18446744073709551616", "out of the range of UINT64"),
        (ElementType::UInt64, "1e19", "out of the range of UINT64"),
        (ElementType::Int32, "1.5", "1.5 is not a whole number"),
        (ElementType::Int32, "1e400", "not a whole number"),
        (ElementType::Int32, "\"1\"", "\"1\" is not a number"),
        (ElementType::Int32, "true", "true is not a number"),
        (ElementType::Float16, "65520", "65520 is out of the range of FP16"),
        (ElementType::Float32, "3.5e38", "out of the range of FP32"),
        (ElementType::Float64, "1e309", "out of the range of FP64"),
        (ElementType::Float64, "null", "null is not a number"),
        (ElementType::Float32, "\"inf\"", "is not a number"),
        (ElementType::Bool, "1", "1 is neither true nor false"),
        (ElementType::Bytes, "1", "1 is not a text"),
        (ElementType::Bytes, r#""\ud800""#, "is not a text"),
        (ElementType::BFloat16, "1", "BF16 has no form in JSON"),
    ] {
        let fault = read(&format!("[{token}]"), element, &[1]).unwrap_err();
        assert!(fault.contains(says), "{element:?} {token}: {fault}");
    }
}

#[test]
fn a_whole_number_may_be_written_with_a_point_as_long_as_it_is_exact() {
    for (element, json) in [
        (ElementType::Int8, "[2.0, -1e1, -0]"),
        (ElementType::UInt64, "[9007199254740992.0, 1e3, -0.0]"),
    ] {
        assert!(read(json, element, &[3]).is_ok(), "{json}");
    }
    assert!(read("[9007199254740994.0]", ElementType::Int64, &[1]).is_err());
}

#[test]
fn floats_are_rounded_once() {
    // By way of a double this is rounded to even twice, and lands on the wrong neighbour.
    let json = "[1.00000017881393432617187499]";
    let array = read(json, ElementType::Float32, &[1]).unwrap();
    assert_eq!(array.to_floats().unwrap(), [1.000_000_1]);
    let json = "[0.30000000000000004, 5e-324]";
    let array = read(json, ElementType::Float64, &[2]).unwrap();
    assert_eq!(written(&array), "[0.30000000000000004,5e-324]");
}

#[test]
fn texts_as_bytes_are_led_by_their_length() {
    let texts = |bytes: &[u8], shape: &[usize]| {
        from_raw(bytes, ElementType::Bytes, shape.to_vec()).map_err(|fault| fault.to_string())
    };
    let array = texts(&[1, 0, 0, 0, 0xff, 0, 0, 0, 0], &[2]).unwrap();
    assert_eq!(array.as_texts().unwrap(), [vec![0xff], vec![]]);
    for (bytes, shape, says) in [
        (&[1, 0, 0][..], &[1][..], "data[0]: its length is cut off"),
        (&[0, 0, 0, 0, 9, 0, 0, 0, 1], &[2], "data[1]: it has 9 bytes, but 1 are left"),
        (&[0xff, 0xff, 0xff, 0xff], &[1], "data[0]: it has 4294967295 bytes, but 0 are left"),
        (&[0, 0, 0, 0, 0], &[1], "data: 1 bytes are left after the 1 texts"),
        (&[], &[1], "data: shape [1] of BYTES has 1 elements, but 0 are there"),
    ] {
        assert_eq!(texts(bytes, shape).unwrap_err(), says);
    }
}

/// Reads numbers as a tree would have them, and compares.
#[test]
fn whatever_a_tree_takes_is_read_the_same() {
    fn flatten(value: &Value, out: &mut Vec<f64>) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| flatten(item, out)),
            value => out.push(value.as_f64().unwrap()),
        }
    }
    for (json, shape) in [
        ("[[[0.5,-2],[3e2,4]],[[5,6.25],[7,-8e-1]]]", &[2, 2, 2][..]),
        ("[ [ 1 ] ,\r\n [ 2 ] ]", &[2, 1]),
    ] {
        let mut tree = Vec::new();
        flatten(&serde_json::from_str(json).unwrap(), &mut tree);
        let array = read(json, ElementType::Float64, shape).unwrap();
        let bytes: Vec<u8> = tree.iter().flat_map(|value| value.to_le_bytes()).collect();
        assert_eq!(array.bytes().unwrap(), bytes);
    }
}
