//! Arrays of numbers or texts, as they go into a network and come out.

/// What the elements of an array are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ElementType {
    /// One byte, 0 or 1.
    Bool,
    /// Unsigned, 8 bits.
    UInt8,
    /// Unsigned, 16 bits.
    UInt16,
    /// Unsigned, 32 bits.
    UInt32,
    /// Unsigned, 64 bits.
    UInt64,
    /// Signed, 8 bits.
    Int8,
    /// Signed, 16 bits.
    Int16,
    /// Signed, 32 bits.
    Int32,
    /// Signed, 64 bits.
    Int64,
    /// IEEE half.
    Float16,
    /// Upper half of a single float.
    BFloat16,
    /// IEEE single.
    Float32,
    /// IEEE double.
    Float64,
    /// Byte strings, each of its own length.
    Bytes,
}

impl ElementType {
    /// All there are.
    pub const ALL: [Self; 14] = [
        Self::Bool,
        Self::UInt8,
        Self::UInt16,
        Self::UInt32,
        Self::UInt64,
        Self::Int8,
        Self::Int16,
        Self::Int32,
        Self::Int64,
        Self::Float16,
        Self::BFloat16,
        Self::Float32,
        Self::Float64,
        Self::Bytes,
    ];

    /// As the Open Inference Protocol calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bool => "BOOL",
            Self::UInt8 => "UINT8",
            Self::UInt16 => "UINT16",
            Self::UInt32 => "UINT32",
            Self::UInt64 => "UINT64",
            Self::Int8 => "INT8",
            Self::Int16 => "INT16",
            Self::Int32 => "INT32",
            Self::Int64 => "INT64",
            Self::Float16 => "FP16",
            Self::BFloat16 => "BF16",
            Self::Float32 => "FP32",
            Self::Float64 => "FP64",
            Self::Bytes => "BYTES",
        }
    }

    /// The type of this [`Self::name`].
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|element| element.name() == name)
    }

    /// Bytes of one element; `None` for those that differ in length.
    pub fn size(self) -> Option<usize> {
        Some(match self {
            Self::Bool | Self::UInt8 | Self::Int8 => 1,
            Self::UInt16 | Self::Int16 | Self::Float16 | Self::BFloat16 => 2,
            Self::UInt32 | Self::Int32 | Self::Float32 => 4,
            Self::UInt64 | Self::Int64 | Self::Float64 => 8,
            Self::Bytes => return None,
        })
    }
}

/// Elements of one type in row-major order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Array {
    element: ElementType,
    shape: Vec<usize>,
    data: Data,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Data {
    /// Elements of fixed size, little-endian, one after another.
    Plain(Vec<u8>),
    Texts(Vec<Vec<u8>>),
}

/// Why bytes are not an array.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArrayError {
    /// Its elements cannot be counted.
    #[error("shape {shape:?} has more elements than can be addressed")]
    TooMany {
        /// The shape.
        shape: Vec<usize>,
    },
    /// Shape and data disagree.
    #[error("shape {shape:?} of {} has {want} {unit}, but {have} are there", element.name())]
    Length {
        /// The elements' type.
        element: ElementType,
        /// The shape.
        shape: Vec<usize>,
        /// What is counted.
        unit: &'static str,
        /// How many there should be.
        want: usize,
        /// How many there are.
        have: usize,
    },
    /// A truth value that is neither.
    #[error("BOOL has the byte {0}; 0 and 1 are allowed")]
    Bool(u8),
    /// Texts have no fixed size.
    #[error("{} is not of the asked kind", .0.name())]
    Kind(ElementType),
}

impl Array {
    /// From little-endian bytes, row-major.
    pub fn new(
        element: ElementType,
        shape: Vec<usize>,
        bytes: Vec<u8>,
    ) -> Result<Self, ArrayError> {
        let size = element.size().ok_or(ArrayError::Kind(element))?;
        let want = count(&shape)?.checked_mul(size);
        let want = want.ok_or_else(|| ArrayError::TooMany { shape: shape.clone() })?;
        if want != bytes.len() {
            let have = bytes.len();
            return Err(ArrayError::Length { element, shape, unit: "bytes", want, have });
        }
        if element == ElementType::Bool
            && let Some(byte) = bytes.iter().find(|&&byte| byte > 1)
        {
            return Err(ArrayError::Bool(*byte));
        }
        Ok(Self { element, shape, data: Data::Plain(bytes) })
    }

    /// Byte strings, row-major.
    pub fn texts(shape: Vec<usize>, texts: Vec<Vec<u8>>) -> Result<Self, ArrayError> {
        let (want, have) = (count(&shape)?, texts.len());
        if want != have {
            let element = ElementType::Bytes;
            return Err(ArrayError::Length { element, shape, unit: "elements", want, have });
        }
        Ok(Self { element: ElementType::Bytes, shape, data: Data::Texts(texts) })
    }

    /// Single floats, row-major.
    pub fn floats(shape: Vec<usize>, values: &[f32]) -> Result<Self, ArrayError> {
        let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        Self::new(ElementType::Float32, shape, bytes)
    }

    /// Signed integers of 64 bits, row-major.
    pub fn integers(shape: Vec<usize>, values: &[i64]) -> Result<Self, ArrayError> {
        let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        Self::new(ElementType::Int64, shape, bytes)
    }

    /// What the elements are.
    pub fn element(&self) -> ElementType {
        self.element
    }

    /// Length of each axis.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Little-endian bytes, row-major; `None` for texts.
    pub fn bytes(&self) -> Option<&[u8]> {
        match &self.data {
            Data::Plain(bytes) => Some(bytes),
            Data::Texts(_) => None,
        }
    }

    /// Byte strings, row-major; `None` for numbers.
    pub fn as_texts(&self) -> Option<&[Vec<u8>]> {
        match &self.data {
            Data::Plain(_) => None,
            Data::Texts(texts) => Some(texts),
        }
    }

    /// The values of an array of single floats, row-major.
    pub fn to_floats(&self) -> Option<Vec<f32>> {
        let bytes = self.bytes().filter(|_| self.element == ElementType::Float32)?;
        Some(bytes.as_chunks::<4>().0.iter().map(|v| f32::from_le_bytes(*v)).collect())
    }
}

impl Array {
    /// One after another along the first axis; all of one type and equal in all other axes.
    pub(crate) fn joined(arrays: &[&Self]) -> Result<Self, ArrayError> {
        let Some(first) = arrays.first() else { return Self::texts(vec![0], Vec::new()) };
        let tail = first.shape.get(1..).unwrap_or_default();
        if let Some(other) = arrays
            .iter()
            .find(|array| array.element != first.element || array.shape.get(1..) != Some(tail))
        {
            return Err(ArrayError::Kind(other.element));
        }
        let rows = arrays.iter().filter_map(|array| array.shape.first()).sum();
        let shape = std::iter::once(rows).chain(tail.iter().copied()).collect();
        match first.element {
            ElementType::Bytes => {
                let texts = arrays.iter().filter_map(|array| array.as_texts());
                Self::texts(shape, texts.flatten().cloned().collect())
            }
            element => {
                let bytes: Vec<&[u8]> = arrays.iter().filter_map(|array| array.bytes()).collect();
                Self::new(element, shape, bytes.concat())
            }
        }
    }

    /// Parts of so many rows of the first axis each.
    pub(crate) fn split(self, rows: &[usize]) -> Result<Vec<Self>, ArrayError> {
        let [all, tail @ ..] = self.shape.as_slice() else {
            return Err(ArrayError::Kind(self.element));
        };
        let have = *all;
        let want = rows.iter().sum();
        let element = self.element;
        if want != have {
            let shape = self.shape.clone();
            return Err(ArrayError::Length { element, shape, unit: "rows", want, have });
        }
        let shape = |rows: usize| std::iter::once(rows).chain(tail.iter().copied()).collect();
        let per_row: usize = tail.iter().product();
        match self.data {
            Data::Plain(bytes) => {
                let size = per_row * element.size().unwrap_or(0);
                let mut left = bytes.as_slice();
                let mut part = |&rows: &usize| {
                    let (part, rest) = left.split_at_checked(rows * size).unwrap_or((left, &[]));
                    left = rest;
                    Self::new(element, shape(rows), part.to_vec())
                };
                rows.iter().map(&mut part).collect()
            }
            Data::Texts(texts) => {
                let mut left = texts.into_iter();
                let mut part = |&rows: &usize| {
                    Self::texts(shape(rows), left.by_ref().take(rows * per_row).collect())
                };
                rows.iter().map(&mut part).collect()
            }
        }
    }
}

/// Elements of a shape.
fn count(shape: &[usize]) -> Result<usize, ArrayError> {
    let count = shape.iter().try_fold(1usize, |count, &dim| count.checked_mul(dim));
    count.ok_or_else(|| ArrayError::TooMany { shape: shape.to_vec() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_joined_comes_apart_again() {
        let a = Array::integers(vec![1, 2], &[1, 2]).unwrap();
        let b = Array::integers(vec![2, 2], &[3, 4, 5, 6]).unwrap();
        let both = Array::joined(&[&a, &b]).unwrap();
        assert_eq!(both, Array::integers(vec![3, 2], &[1, 2, 3, 4, 5, 6]).unwrap());
        assert_eq!(both.split(&[1, 2]).unwrap(), [a.clone(), b]);
        let texts = |texts: &[&str]| {
            let bytes = texts.iter().map(|text| text.as_bytes().to_vec()).collect();
            Array::texts(vec![texts.len()], bytes).unwrap()
        };
        let both = Array::joined(&[&texts(&["a"]), &texts(&["b", "c"])]).unwrap();
        assert_eq!(both.split(&[2, 1]).unwrap(), [texts(&["a", "b"]), texts(&["c"])]);
        assert!(Array::joined(&[&a, &texts(&["a"])]).is_err());
        assert!(Array::joined(&[&a, &Array::integers(vec![1, 3], &[1, 2, 3]).unwrap()]).is_err());
        assert!(a.split(&[2]).is_err());
    }

    #[test]
    fn an_array_has_the_bytes_its_shape_says() {
        let array = Array::floats(vec![2, 1], &[1.0, -2.0]).unwrap();
        assert_eq!(array.to_floats(), Some(vec![1.0, -2.0]));
        assert!(Array::floats(vec![3], &[1.0]).is_err());
        assert!(Array::new(ElementType::Int8, vec![usize::MAX, 2], vec![]).is_err());
        assert!(Array::new(ElementType::Int64, vec![usize::MAX / 4], vec![]).is_err());
        assert_eq!(Array::new(ElementType::Bool, vec![1], vec![2]), Err(ArrayError::Bool(2)));
        assert!(Array::new(ElementType::Bytes, vec![1], vec![2]).is_err());
        assert!(Array::texts(vec![2], vec![b"a".to_vec()]).is_err());
        for element in ElementType::ALL {
            assert_eq!(ElementType::named(element.name()), Some(element));
        }
    }
}
