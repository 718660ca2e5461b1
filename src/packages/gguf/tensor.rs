//! The tensor table and the types of tensors.

use super::cursor::Cursor;
use super::{GgufError, MAX_DIMENSIONS, MAX_NAME_BYTES};

/// How a tensor's elements are stored, by ggml's number for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TensorType(u32);

/// Elements and bytes of one block of a tensor type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// Elements of a block.
    pub elements: u64,
    /// Bytes of a block.
    pub bytes: u64,
}

impl TensorType {
    /// IEEE single.
    pub const F32: Self = Self(0);
    /// IEEE half.
    pub const F16: Self = Self(1);
    /// 32 nibbles and a half scale: `d * (q - 8)`.
    pub const Q4_0: Self = Self(2);
    /// 32 nibbles, a half scale and a half minimum: `d * q + m`.
    pub const Q4_1: Self = Self(3);
    /// 32 numbers of five bits and a half scale: `d * (q - 16)`.
    pub const Q5_0: Self = Self(6);
    /// 32 numbers of five bits, a half scale and a half minimum: `d * q + m`.
    pub const Q5_1: Self = Self(7);
    /// 32 signed bytes and a half scale: `d * q`.
    pub const Q8_0: Self = Self(8);
    /// 8 times 32 nibbles with scales and minimums of six bits: `d * s * q - dmin * m`.
    pub const Q4_K: Self = Self(12);
    /// 8 times 32 numbers of five bits with scales and minimums of six bits.
    pub const Q5_K: Self = Self(13);
    /// 16 times 16 numbers of six bits with scales of eight: `d * s * (q - 32)`.
    pub const Q6_K: Self = Self(14);
    /// The upper half of an IEEE single.
    pub const BF16: Self = Self(30);

    /// ggml's number.
    pub fn id(self) -> u32 {
        self.0
    }

    /// ggml's name, or its number where it is not known here.
    pub fn name(self) -> String {
        match TYPES.iter().find(|(id, ..)| *id == self.0) {
            Some((_, name, ..)) => (*name).to_owned(),
            None => format!("type {}", self.0),
        }
    }

    /// Size of a block, where the type is known here.
    pub fn layout(self) -> Option<Layout> {
        let (.., elements, bytes) = TYPES.iter().find(|(id, ..)| *id == self.0)?;
        Some(Layout { elements: *elements, bytes: *bytes })
    }
}

#[rustfmt::skip]
const TYPES: &[(u32, &str, u64, u64)] = &[
    (0, "F32", 1, 4), (1, "F16", 1, 2), (2, "Q4_0", 32, 18), (3, "Q4_1", 32, 20),
    (6, "Q5_0", 32, 22), (7, "Q5_1", 32, 24), (8, "Q8_0", 32, 34), (9, "Q8_1", 32, 36),
    (10, "Q2_K", 256, 84), (11, "Q3_K", 256, 110), (12, "Q4_K", 256, 144),
    (13, "Q5_K", 256, 176), (14, "Q6_K", 256, 210), (15, "Q8_K", 256, 292),
    (16, "IQ2_XXS", 256, 66), (17, "IQ2_XS", 256, 74), (18, "IQ3_XXS", 256, 98),
    (19, "IQ1_S", 256, 50), (20, "IQ4_NL", 32, 18), (21, "IQ3_S", 256, 110),
    (22, "IQ2_S", 256, 82), (23, "IQ4_XS", 256, 136), (24, "I8", 1, 1), (25, "I16", 1, 2),
    (26, "I32", 1, 4), (27, "I64", 1, 8), (28, "F64", 1, 8), (29, "IQ1_M", 256, 56),
    (30, "BF16", 1, 2), (34, "TQ1_0", 256, 54), (35, "TQ2_0", 256, 66), (39, "MXFP4", 32, 17),
];

/// A tensor of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tensor<'a> {
    /// Its name, such as `blk.0.attn_q.weight`.
    pub name: &'a str,
    /// How its elements are stored.
    pub kind: TensorType,
    dimensions: [u64; MAX_DIMENSIONS as usize],
    rank: usize,
    data: &'a [u8],
}

impl<'a> Tensor<'a> {
    /// Dimensions as ggml counts them: the one whose elements are neighbours first.
    pub fn dimensions(&self) -> &[u64] {
        self.dimensions.get(..self.rank).unwrap_or_default()
    }

    /// The stored bytes; empty where the type is not known here.
    pub fn data(&self) -> &'a [u8] {
        self.data
    }

    /// Number of elements.
    pub fn elements(&self) -> u64 {
        self.dimensions().iter().product()
    }
}

struct Entry<'a> {
    tensor: Tensor<'a>,
    offset: u64,
    bytes: u64,
}

/// Reads the table and resolves every tensor to its bytes.
pub(super) fn parse_table<'a>(
    cursor: &mut Cursor<'a>,
    count: usize,
    alignment: u64,
) -> Result<Vec<Tensor<'a>>, GgufError> {
    let mut entries = Vec::with_capacity(count);
    for _ in 0..count {
        entries.push(parse_entry(cursor, alignment)?);
    }
    let from = cursor.position().next_multiple_of(alignment);
    let file = cursor.file();
    let data = usize::try_from(from).ok().and_then(|from| file.get(from..)).unwrap_or_default();
    for entry in &mut entries {
        entry.tensor.data = slice(data, entry, from)?;
    }
    check_overlaps(&entries)?;
    Ok(entries.into_iter().map(|entry| entry.tensor).collect())
}

fn parse_entry<'a>(cursor: &mut Cursor<'a>, alignment: u64) -> Result<Entry<'a>, GgufError> {
    let name = cursor.string("a tensor name", MAX_NAME_BYTES)?;
    let rank = cursor.u32("the rank of a tensor")?;
    if rank > MAX_DIMENSIONS {
        return Err(GgufError::TooMany {
            field: format!("the rank of tensor {name}"),
            value: rank.into(),
            limit: MAX_DIMENSIONS.into(),
        });
    }
    let mut dimensions = [1; MAX_DIMENSIONS as usize];
    for dimension in dimensions.iter_mut().take(rank as usize) {
        *dimension = cursor.u64(name)?;
    }
    let kind = TensorType(cursor.u32(name)?);
    let offset = cursor.u64(name)?;
    if offset % alignment != 0 {
        return Err(GgufError::Bad {
            field: format!("the offset of tensor {name}"),
            value: offset.to_string(),
            allowed: "a multiple of the file's alignment",
        });
    }
    let bytes = stored_bytes(name, kind, &dimensions)?;
    let tensor = Tensor { name, kind, dimensions, rank: rank as usize, data: &[] };
    Ok(Entry { tensor, offset, bytes })
}

fn stored_bytes(name: &str, kind: TensorType, dimensions: &[u64; 4]) -> Result<u64, GgufError> {
    let shape = || GgufError::Bad {
        field: format!("the shape of tensor {name}"),
        value: format!("{dimensions:?} of {}", kind.name()),
        allowed: "whole blocks of the type, less than 2^63 bytes and not empty",
    };
    let elements = dimensions
        .iter()
        .try_fold(1_u64, |product, &d| product.checked_mul(d))
        .filter(|&n| n > 0 && n <= i64::MAX as u64)
        .ok_or_else(shape)?;
    let Some(layout) = kind.layout() else { return Ok(0) };
    let [row, ..] = dimensions;
    if row % layout.elements != 0 {
        return Err(shape());
    }
    (elements / layout.elements).checked_mul(layout.bytes).ok_or_else(shape)
}

fn slice<'a>(data: &'a [u8], entry: &Entry<'_>, from: u64) -> Result<&'a [u8], GgufError> {
    let offset = usize::try_from(entry.offset).ok();
    let bytes = usize::try_from(entry.bytes).ok();
    offset.zip(bytes).and_then(|(offset, bytes)| data.get(offset..)?.get(..bytes)).ok_or_else(
        || GgufError::Short {
            field: format!("tensor {}", entry.tensor.name),
            at: from.saturating_add(entry.offset),
            wanted: entry.bytes,
            left: (data.len() as u64).saturating_sub(entry.offset),
        },
    )
}

fn check_overlaps(entries: &[Entry<'_>]) -> Result<(), GgufError> {
    let mut order: Vec<_> = entries.iter().filter(|entry| entry.bytes > 0).collect();
    order.sort_by_key(|entry| entry.offset);
    for (first, second) in order.iter().zip(order.iter().skip(1)) {
        // Both ends were checked against the file, so this cannot overflow.
        if first.offset + first.bytes > second.offset {
            return Err(GgufError::Overlap {
                first: first.tensor.name.to_owned(),
                second: second.tensor.name.to_owned(),
            });
        }
    }
    Ok(())
}
