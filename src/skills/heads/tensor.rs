//! What goes into a graph and comes out of it, as heads see it.

/// Numbers in row-major order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Tensor {
    /// Length of each axis.
    pub shape: Vec<usize>,
    /// As many as the shape says.
    pub values: Values,
}

impl Default for Values {
    fn default() -> Self {
        Self::Floats(Vec::new())
    }
}

/// The numbers of a [`Tensor`].
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// Single floats.
    Floats(Vec<f32>),
    /// Unsigned, 8 bits.
    Bytes(Vec<u8>),
}

impl Tensor {
    /// Tensors of one shape, one after another along the first axis. `None` where shapes or elements
    /// differ, or there is none.
    pub fn stacked(tensors: Vec<Self>) -> Option<Self> {
        let mut tensors = tensors.into_iter();
        let mut all = tensors.next()?;
        let one = all.shape.clone();
        for tensor in tensors {
            if tensor.shape != one {
                return None;
            }
            match (&mut all.values, tensor.values) {
                (Values::Floats(all), Values::Floats(more)) => all.extend(more),
                (Values::Bytes(all), Values::Bytes(more)) => all.extend(more),
                _ => return None,
            }
            if let (Some(all), Some(more)) = (all.shape.first_mut(), one.first()) {
                *all += more;
            }
        }
        Some(all)
    }
}

/// Why outputs of a graph are not what a head says: the package is at fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OutputError {
    /// Another shape than the head takes.
    #[error("the output has shape {shape:?}; the head needs {wanted}")]
    Shape {
        /// The shape there is.
        shape: Vec<usize>,
        /// The shape needed, in words.
        wanted: &'static str,
    },
    /// More or fewer scores than there are names for.
    #[error("the output has {scores} scores; the head has {names} names")]
    Count {
        /// Scores of the output.
        scores: usize,
        /// Names of the head.
        names: usize,
    },
}
