//! Inputs made up for a graph, so that it can be run before there are real ones.

use super::network::Workload;
use crate::engine::{Array, Dim, ElementType, Port};

/// Length of a free axis that a workload says nothing of: of a picture's sides, and of others.
const SIDE: usize = 224;
const LENGTH: usize = 128;
/// Elements of an input at most.
const MAX_ELEMENTS: usize = 1 << 28;

/// The shape of an input under a workload; the error says what the workload must say.
pub(super) fn shape(port: &Port, workload: &Workload) -> Result<Vec<usize>, String> {
    let name = &port.name;
    let given = workload.shapes.iter().find(|(input, _)| input == name).map(|(_, shape)| shape);
    let shape = match (given, &port.dims) {
        (Some(given), dims) => {
            let fits = |(dim, length): (&Dim, &usize)| match dim {
                Dim::Fixed(fixed) => fixed == length,
                Dim::Free(_) => true,
            };
            let fits = dims
                .as_ref()
                .is_none_or(|dims| dims.len() == given.len() && dims.iter().zip(given).all(fits));
            if !fits {
                return Err(format!("input {name} cannot have the shape {given:?}"));
            }
            given.clone()
        }
        (None, Some(dims)) => {
            let free = if dims.len() == 4 { SIDE } else { LENGTH };
            let length = |(axis, dim): (usize, &Dim)| match dim {
                Dim::Fixed(length) => *length,
                Dim::Free(_) if axis == 0 => workload.batch,
                Dim::Free(_) => free,
            };
            dims.iter().enumerate().map(length).collect()
        }
        (None, None) => return Err(format!("the shape of input {name} must be given")),
    };
    match shape.iter().try_fold(1_usize, |n, d| n.checked_mul(*d)) {
        Some(elements) if elements <= MAX_ELEMENTS => Ok(shape),
        _ => Err(format!("input {name} of shape {shape:?} has more than {MAX_ELEMENTS} elements")),
    }
}

/// An array of that shape. Floats lie between 0 and 1; whole numbers are 0 or 1, which nearly every
/// graph can use as an index, and masks are 1.
pub(super) fn array(port: &Port, shape: Vec<usize>) -> Result<Array, String> {
    let elements: usize = shape.iter().product();
    let mut state = 0x9e37_79b9_u32;
    let mut draw = move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 24) as f32
    };
    let mask = port.name.contains("mask");
    let bit = |draw: f32| u8::from(mask || draw >= 0.5);
    let made = match port.element {
        ElementType::Bytes => {
            return Array::texts(shape, vec![b"a".to_vec(); elements]).map_err(|e| e.to_string());
        }
        ElementType::Float32 => (0..elements).flat_map(|_| draw().to_le_bytes()).collect(),
        ElementType::Float64 => {
            (0..elements).flat_map(|_| f64::from(draw()).to_le_bytes()).collect()
        }
        ElementType::Float16 => {
            (0..elements).flat_map(|_| half::f16::from_f32(draw()).to_le_bytes()).collect()
        }
        ElementType::BFloat16 => {
            (0..elements).flat_map(|_| half::bf16::from_f32(draw()).to_le_bytes()).collect()
        }
        ElementType::Bool => (0..elements).map(|_| bit(draw())).collect(),
        whole => {
            let width = whole.size().unwrap_or(1);
            let mut bytes = vec![0; elements.saturating_mul(width)];
            bytes.iter_mut().step_by(width).for_each(|low| *low = bit(draw()));
            bytes
        }
    };
    Array::new(port.element, shape, made).map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(name: &str, element: ElementType, dims: Option<Vec<Dim>>) -> Port {
        Port { name: name.into(), element, dims }
    }

    fn workload(batch: usize, shapes: &[(&str, &[usize])]) -> Workload {
        let shapes = shapes.iter().map(|(name, shape)| ((*name).to_owned(), shape.to_vec()));
        let (backend, graphics) = Default::default();
        Workload { batch, shapes: shapes.collect(), threads: 1, backend, graphics }
    }

    #[test]
    fn free_axes_are_the_batch_a_length_or_a_side_unless_a_shape_is_given() {
        let free = || Dim::Free("n".into());
        let (picture, text) = (
            port("x", ElementType::Float32, Some(vec![free(), Dim::Fixed(3), free(), free()])),
            port("ids", ElementType::Int64, Some(vec![free(), free()])),
        );
        let unknown = port("y", ElementType::Float32, None);
        assert_eq!(shape(&picture, &workload(2, &[])).unwrap(), [2, 3, 224, 224]);
        assert_eq!(shape(&text, &workload(8, &[])).unwrap(), [8, 128]);
        assert_eq!(shape(&text, &workload(8, &[("ids", &[1, 7])])).unwrap(), [1, 7]);
        assert_eq!(shape(&unknown, &workload(1, &[("y", &[4])])).unwrap(), [4]);
        for (port, given, told) in [
            (&unknown, &[][..], "must be given"),
            (&picture, &[("x", &[1, 4, 2, 2][..])], "cannot have the shape [1, 4, 2, 2]"),
            (&picture, &[("x", &[1, 3])], "cannot have the shape"),
            (&text, &[("ids", &[1 << 40, 1 << 40])], "more than"),
        ] {
            let error = shape(port, &workload(1, given)).unwrap_err();
            assert!(error.contains(told), "{error}");
        }
    }

    #[test]
    fn an_array_can_be_made_of_every_type() {
        for element in ElementType::ALL {
            let made = array(&port("x", element, None), vec![2, 3]).unwrap();
            assert_eq!((made.element(), made.shape()), (element, &[2, 3][..]));
        }
        let mask = array(&port("attention_mask", ElementType::Int64, None), vec![3]).unwrap();
        assert_eq!(mask, Array::integers(vec![3], &[1, 1, 1]).unwrap());
    }
}
