//! The highest values of an output, each with its place and its label.

use std::cmp::Ordering;
use std::fmt::Display;

use half::{bf16, f16};

use crate::engine::{Array, ElementType};

/// The `count` highest values of each row as texts `value:index` or `value:index:label`, highest
/// first and of equal ones the first first; all of a row where it has fewer.
///
/// The first axis of several is the batch, everything behind it one row: shape `[batch, count]`. An
/// array of one axis is one row: shape `[count]`. `None` for truth values and texts, which have no
/// order, and for an array without axes.
pub(super) fn highest(array: &Array, count: usize, labels: Option<&[String]>) -> Option<Array> {
    let (rows, classes) = match array.shape() {
        [] => return None,
        [classes] => (1, *classes),
        [rows, rest @ ..] => (*rows, rest.iter().fold(1usize, |n, &dim| n.saturating_mul(dim))),
    };
    let count = count.min(classes);
    let view = View { array, classes, count, labels };
    let texts = match array.element() {
        ElementType::Bool | ElementType::Bytes => return None,
        ElementType::UInt8 => view.texts(u8::from_le_bytes),
        ElementType::UInt16 => view.texts(u16::from_le_bytes),
        ElementType::UInt32 => view.texts(u32::from_le_bytes),
        ElementType::UInt64 => view.texts(u64::from_le_bytes),
        ElementType::Int8 => view.texts(i8::from_le_bytes),
        ElementType::Int16 => view.texts(i16::from_le_bytes),
        ElementType::Int32 => view.texts(i32::from_le_bytes),
        ElementType::Int64 => view.texts(i64::from_le_bytes),
        ElementType::Float16 => view.texts(|v| f16::from_le_bytes(v).to_f32()),
        ElementType::BFloat16 => view.texts(|v| bf16::from_le_bytes(v).to_f32()),
        ElementType::Float32 => view.texts(f32::from_le_bytes),
        ElementType::Float64 => view.texts(f64::from_le_bytes),
    };
    let shape = if array.shape().len() == 1 { vec![count] } else { vec![rows, count] };
    Array::texts(shape, texts).ok()
}

struct View<'a> {
    array: &'a Array,
    classes: usize,
    count: usize,
    labels: Option<&'a [String]>,
}

impl View<'_> {
    fn texts<T: PartialOrd + Display + Copy, const N: usize>(
        &self,
        value: fn([u8; N]) -> T,
    ) -> Vec<Vec<u8>> {
        let (bytes, _) = self.array.bytes().unwrap_or_default().as_chunks::<N>();
        let values: Vec<T> = bytes.iter().map(|bytes| value(*bytes)).collect();
        // A row of no classes has no chunk, and no text either.
        values.chunks(self.classes.max(1)).flat_map(|row| self.row(row)).collect()
    }

    fn row<T: PartialOrd + Display + Copy>(&self, row: &[T]) -> Vec<Vec<u8>> {
        let mut places: Vec<(usize, T)> = row.iter().copied().enumerate().collect();
        if self.count < places.len() {
            places.select_nth_unstable_by(self.count, higher);
            places.truncate(self.count);
        }
        places.sort_unstable_by(higher);
        let text = |(index, value): (usize, T)| match self.label(index) {
            Some(label) => format!("{value}:{index}:{label}"),
            None => format!("{value}:{index}"),
        };
        places.into_iter().map(|place| text(place).into_bytes()).collect()
    }

    fn label(&self, index: usize) -> Option<&String> {
        self.labels.and_then(|labels| labels.get(index))
    }
}

/// Higher values first, of equal ones the earlier; what is no number comes last.
fn higher<T: PartialOrd>(a: &(usize, T), b: &(usize, T)) -> Ordering {
    let is_number = |value: &T| value.partial_cmp(value).is_some();
    let by_value = b.1.partial_cmp(&a.1);
    let by_value = by_value.unwrap_or_else(|| is_number(&b.1).cmp(&is_number(&a.1)));
    by_value.then(a.0.cmp(&b.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(array: &Array) -> Vec<String> {
        let text = |text: &Vec<u8>| String::from_utf8(text.clone()).unwrap();
        array.as_texts().unwrap().iter().map(text).collect()
    }

    #[test]
    fn the_highest_come_first_and_equal_ones_in_their_order() {
        let row = Array::floats(vec![4], &[1.1, 3.3, 0.5, 2.4]).unwrap();
        let two = highest(&row, 2, None).unwrap();
        assert_eq!((two.shape(), texts(&two)), (&[2][..], vec!["3.3:1".into(), "2.4:3".into()]));
        let rows = Array::integers(vec![2, 3], &[7, 7, -1, i64::MAX, i64::MAX - 1, 0]).unwrap();
        let labels = ["apple".to_owned(), "pickle".to_owned()];
        let two = highest(&rows, 2, Some(&labels)).unwrap();
        let expected = [
            "7:0:apple",
            "7:1:pickle",
            "9223372036854775807:0:apple",
            "9223372036854775806:1:pickle",
        ];
        assert_eq!((two.shape(), texts(&two)), (&[2, 2][..], expected.map(str::to_owned).to_vec()));
        let all = highest(&rows, 9, None).unwrap();
        assert_eq!(all.shape(), [2, 3]);
    }

    #[test]
    fn what_is_no_number_is_lower_than_any() {
        let odd = [f32::NAN, f32::NEG_INFINITY, 2.0, f32::NAN, f32::INFINITY];
        let odd = Array::floats(vec![1, 5], &odd).unwrap();
        let all = highest(&odd, 5, None).unwrap();
        assert_eq!(texts(&all), ["inf:4", "2:2", "-inf:1", "NaN:0", "NaN:3"]);
    }

    #[test]
    fn what_has_no_order_has_no_highest() {
        let truths = Array::new(ElementType::Bool, vec![2], vec![0, 1]).unwrap();
        let words = Array::texts(vec![1], vec![b"milk".to_vec()]).unwrap();
        let scalar = Array::floats(vec![], &[1.0]).unwrap();
        for array in [truths, words, scalar] {
            assert_eq!(highest(&array, 1, None), None);
        }
        let none = Array::floats(vec![2, 0], &[]).unwrap();
        assert_eq!(highest(&none, 3, None).unwrap().shape(), [2, 0]);
    }
}
