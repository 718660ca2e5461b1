use super::writing::{Writer, Written};
use super::*;

const TINY: &[u8] = include_bytes!("../../../models/tiny/q4_1.gguf");

fn error(file: &[u8]) -> String {
    Gguf::parse(file).err().map_or_else(|| "no error".to_owned(), |error| error.to_string())
}

fn one_tensor(dimensions: &[u64], kind: u32, bytes: usize) -> Writer {
    let data = vec![7; bytes];
    let tensor = Written { name: "t".into(), dimensions: dimensions.to_vec(), kind, data };
    Writer { metadata: Vec::new(), tensors: vec![tensor] }
}

fn with_raw_value(value: &[u8]) -> Vec<u8> {
    Writer { metadata: vec![("key".into(), value.to_vec())], tensors: Vec::new() }.bytes()
}

/// Type, element type and count of an array, with nothing after them.
fn array_header(kind: u32, count: u64) -> Vec<u8> {
    [&9_u32.to_le_bytes()[..], &kind.to_le_bytes(), &count.to_le_bytes()].concat()
}

fn patched(at: usize, bytes: &[u8]) -> Vec<u8> {
    let mut file = TINY.to_vec();
    file[at..at + bytes.len()].copy_from_slice(bytes);
    file
}

#[test]
fn every_type_of_value_is_read_as_it_was_written() {
    let values = [
        Value::U8(255),
        Value::I8(-128),
        Value::U16(65_535),
        Value::I16(-2),
        Value::U32(7),
        Value::I32(-7),
        Value::F32(0.5),
        Value::Bool(true),
        Value::String("aisle \u{1f95b}"),
        Value::U64(u64::MAX),
        Value::I64(i64::MIN),
        Value::F64(1e300),
    ];
    let mut writer = Writer::default();
    for (i, value) in values.iter().enumerate() {
        writer.set(&format!("key.{i}"), value);
    }
    let file = writer.bytes();
    let gguf = Gguf::parse(&file).unwrap();
    let read: Vec<_> = gguf.metadata().iter().map(|(_, value)| *value).collect();
    assert_eq!(read, values);
    assert_eq!(gguf.value("key.9"), Some(&Value::U64(u64::MAX)));
}

#[test]
fn arrays_within_arrays_are_read() {
    let inner = |n: u8| [&0_u32.to_le_bytes()[..], &2_u64.to_le_bytes(), &[n, n + 1]].concat();
    let file = with_raw_value(&[array_header(9, 2), inner(1), inner(3)].concat());
    let gguf = Gguf::parse(&file).unwrap();
    let outer = gguf.value("key").and_then(Value::as_array).unwrap();
    let read: Vec<Vec<u64>> = outer
        .iter()
        .map(|inner| inner.as_array().unwrap().iter().filter_map(|v| v.as_u64()).collect())
        .collect();
    assert_eq!(read, [[1, 2], [3, 4]]);
}

#[test]
fn a_copy_of_a_file_reads_the_same() {
    let gguf = Gguf::parse(TINY).unwrap();
    let copy = Writer::copy(&gguf).bytes();
    let copy = Gguf::parse(&copy).unwrap();
    assert_eq!(copy.metadata(), gguf.metadata());
    assert_eq!(copy.tensors(), gguf.tensors());
}

#[test]
fn a_lying_header_is_an_error_that_names_the_field() {
    let nested = array_header(9, 1)[..4].to_vec();
    let nested = [nested, array_header(9, 1)[4..].repeat(8)].concat();
    let huge = u64::MAX.to_le_bytes();
    let cases: [(Vec<u8>, &str); 21] = [
        (Vec::new(), "not a GGUF file"),
        (b"GGML\x03\0\0\0".to_vec(), "not a GGUF file"),
        (patched(4, &1_u32.to_le_bytes()), "version 1"),
        (patched(4, &3_u32.to_be_bytes()), "big-endian"),
        (patched(8, &huge), "number of tensors"),
        (patched(16, &huge), "number of metadata keys"),
        (patched(24, &huge), "the length of a metadata key"),
        (TINY[..TINY.len() - 4096].to_vec(), "tensor blk.1"),
        (with_raw_value(&array_header(0, u64::MAX)), "length of array key"),
        (with_raw_value(&array_header(12, 1 << 61)), "length of array key"),
        (with_raw_value(&array_header(8, 1 << 40)), "length of array key"),
        (with_raw_value(&nested), "nesting of arrays in key"),
        (with_raw_value(&13_u32.to_le_bytes()), "the type of key is 13"),
        (with_raw_value(&[7, 0, 0, 0, 2]), "0 or 1"),
        (with_raw_value(&[&8_u32.to_le_bytes()[..], &huge].concat()), "reading key"),
        (one_tensor(&[1; 5], 0, 4).bytes(), "rank of tensor t"),
        (one_tensor(&[u64::MAX, 2], 0, 4).bytes(), "shape of tensor t"),
        (one_tensor(&[1 << 62, 1], 0, 4).bytes(), "shape of tensor t"),
        (one_tensor(&[0, 4], 0, 4).bytes(), "shape of tensor t"),
        (one_tensor(&[33, 1], 2, 64).bytes(), "shape of tensor t"),
        (one_tensor(&[1024, 1024], 0, 64).bytes(), "reading tensor t"),
    ];
    for (i, (file, wanted)) in cases.iter().enumerate() {
        let said = error(file);
        assert!(said.contains(wanted), "case {i}: {said:?} does not say {wanted:?}");
    }
}

#[test]
fn names_occur_once() {
    let mut writer = one_tensor(&[8], 0, 32);
    writer.tensors.push(writer.tensors[0].clone());
    assert_eq!(error(&writer.bytes()), "tensor t occurs twice");
    let entry = ("key".to_owned(), vec![0, 0, 0, 0, 1]);
    let writer = Writer { metadata: vec![entry.clone(), entry], tensors: Vec::new() };
    assert_eq!(error(&writer.bytes()), "metadata key key occurs twice");
}

#[test]
fn tensors_do_not_share_bytes_and_lie_on_the_alignment() {
    let mut writer = one_tensor(&[8], 0, 32);
    writer.tensors.push(Written { name: "u".into(), ..writer.tensors[0].clone() });
    let file = writer.bytes();
    // The offset of the second is the last field before the data.
    let table_end = 24 + 2 * (8 + 1 + 4 + 8 + 4 + 8);
    let with_offset = |offset: u64| {
        let mut file = file.clone();
        file[table_end - 8..table_end].copy_from_slice(&offset.to_le_bytes());
        error(&file)
    };
    assert_eq!(with_offset(32), "no error");
    assert_eq!(with_offset(0), "tensors t and u overlap in the file");
    assert!(with_offset(8).contains("offset of tensor u"));
    assert!(with_offset(u64::MAX - 31).contains("reading tensor u"));
    for wrong in [0, 7, 24, 1 << 30] {
        let mut writer = writer.clone();
        writer.set("general.alignment", &Value::U32(wrong));
        assert!(error(&writer.bytes()).contains("general.alignment"), "{wrong}");
    }
}

#[test]
fn unknown_types_are_read_and_named() {
    let file = one_tensor(&[256, 2], 12, 288).bytes();
    assert_eq!(Gguf::parse(&file).unwrap().tensor("t").unwrap().kind.name(), "Q4_K");
    let file = one_tensor(&[256, 2], 77, 0).bytes();
    assert_eq!(Gguf::parse(&file).unwrap().tensor("t").unwrap().kind.name(), "type 77");
}

#[test]
fn a_file_cut_anywhere_is_an_error() {
    let header = TINY.len() - 82_176;
    for end in (0..header).chain((header..TINY.len()).step_by(997)) {
        assert!(Gguf::parse(&TINY[..end]).is_err(), "cut at {end}");
    }
}

#[test]
fn damaged_headers_never_panic() {
    // A fixed sequence (Marsaglia's xorshift) in place of chance.
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    let header = TINY.len() - 82_176;
    let mut refused = 0;
    for _ in 0..2_000 {
        let mut file = TINY.to_vec();
        for _ in 0..1 + next(4) {
            let at = next(header);
            file[at] = [0, 0xff, 0x7f, 0x80, next(256) as u8][next(5)];
        }
        refused += usize::from(Gguf::parse(&file).is_err());
    }
    assert!(refused > 100, "only {refused} of the damaged headers were refused");
}
