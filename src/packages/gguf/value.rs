//! Metadata values.

use std::fmt;

use super::cursor::Cursor;
use super::{GgufError, MAX_NESTING};

/// Type of a metadata value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are the specification's")]
pub enum ValueKind {
    U8,
    I8,
    U16,
    I16,
    U32,
    I32,
    F32,
    Bool,
    String,
    Array,
    U64,
    I64,
    F64,
}

impl ValueKind {
    fn parse(cursor: &mut Cursor<'_>, field: &str) -> Result<Self, GgufError> {
        Ok(match cursor.u32(field)? {
            0 => Self::U8,
            1 => Self::I8,
            2 => Self::U16,
            3 => Self::I16,
            4 => Self::U32,
            5 => Self::I32,
            6 => Self::F32,
            7 => Self::Bool,
            8 => Self::String,
            9 => Self::Array,
            10 => Self::U64,
            11 => Self::I64,
            12 => Self::F64,
            other => {
                return Err(GgufError::Bad {
                    field: format!("the type of {field}"),
                    value: other.to_string(),
                    allowed: "a value type between 0 and 12",
                });
            }
        })
    }

    /// Bytes of one value, or the least it can have.
    fn least_bytes(self) -> u64 {
        match self {
            Self::U8 | Self::I8 | Self::Bool => 1,
            Self::U16 | Self::I16 => 2,
            Self::U32 | Self::I32 | Self::F32 => 4,
            Self::U64 | Self::I64 | Self::F64 | Self::String => 8,
            Self::Array => 12,
        }
    }
}

/// A metadata value; strings and arrays are views of the file.
#[derive(Debug, Clone, Copy, PartialEq)]
#[allow(missing_docs, reason = "the names are the specification's")]
pub enum Value<'a> {
    U8(u8),
    I8(i8),
    U16(u16),
    I16(i16),
    U32(u32),
    I32(i32),
    F32(f32),
    Bool(bool),
    String(&'a str),
    Array(Array<'a>),
    U64(u64),
    I64(i64),
    F64(f64),
}

impl<'a> Value<'a> {
    /// Reads type and value of the key `field`.
    pub(super) fn parse(cursor: &mut Cursor<'a>, field: &str) -> Result<Self, GgufError> {
        let kind = ValueKind::parse(cursor, field)?;
        Self::parse_as(kind, cursor, field, 0)
    }

    fn parse_as(
        kind: ValueKind,
        cursor: &mut Cursor<'a>,
        field: &str,
        depth: u32,
    ) -> Result<Self, GgufError> {
        Ok(match kind {
            ValueKind::U8 => Self::U8(u8::from_le_bytes(cursor.array(field)?)),
            ValueKind::I8 => Self::I8(i8::from_le_bytes(cursor.array(field)?)),
            ValueKind::U16 => Self::U16(u16::from_le_bytes(cursor.array(field)?)),
            ValueKind::I16 => Self::I16(i16::from_le_bytes(cursor.array(field)?)),
            ValueKind::U32 => Self::U32(cursor.u32(field)?),
            ValueKind::I32 => Self::I32(i32::from_le_bytes(cursor.array(field)?)),
            ValueKind::F32 => Self::F32(f32::from_le_bytes(cursor.array(field)?)),
            ValueKind::Bool => Self::Bool(parse_bool(cursor, field)?),
            ValueKind::String => Self::String(cursor.string(field, u64::MAX)?),
            ValueKind::Array => Self::Array(Array::parse(cursor, field, depth)?),
            ValueKind::U64 => Self::U64(cursor.u64(field)?),
            ValueKind::I64 => Self::I64(i64::from_le_bytes(cursor.array(field)?)),
            ValueKind::F64 => Self::F64(f64::from_le_bytes(cursor.array(field)?)),
        })
    }

    /// The value as a whole number, where it is one and is not negative.
    pub fn as_u64(&self) -> Option<u64> {
        match *self {
            Self::U8(v) => Some(v.into()),
            Self::I8(v) => v.try_into().ok(),
            Self::U16(v) => Some(v.into()),
            Self::I16(v) => v.try_into().ok(),
            Self::U32(v) => Some(v.into()),
            Self::I32(v) => v.try_into().ok(),
            Self::U64(v) => Some(v),
            Self::I64(v) => v.try_into().ok(),
            _ => None,
        }
    }

    /// The value as a number with a fraction, where it is written as one.
    pub fn as_f64(&self) -> Option<f64> {
        match *self {
            Self::F32(v) => Some(v.into()),
            Self::F64(v) => Some(v),
            _ => None,
        }
    }

    /// The value as a yes or no.
    pub fn as_bool(&self) -> Option<bool> {
        match *self {
            Self::Bool(v) => Some(v),
            _ => None,
        }
    }

    /// The value as text.
    pub fn as_str(&self) -> Option<&'a str> {
        match *self {
            Self::String(v) => Some(v),
            _ => None,
        }
    }

    /// The value as an array.
    pub fn as_array(&self) -> Option<Array<'a>> {
        match *self {
            Self::Array(v) => Some(v),
            _ => None,
        }
    }
}

impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::U8(v) => v.fmt(f),
            Self::I8(v) => v.fmt(f),
            Self::U16(v) => v.fmt(f),
            Self::I16(v) => v.fmt(f),
            Self::U32(v) => v.fmt(f),
            Self::I32(v) => v.fmt(f),
            Self::F32(v) => v.fmt(f),
            Self::Bool(v) => v.fmt(f),
            Self::String(v) => write!(f, "\"{}\"", v.chars().take(64).collect::<String>()),
            Self::Array(v) => write!(f, "an array of {} {:?}", v.count, v.kind),
            Self::U64(v) => v.fmt(f),
            Self::I64(v) => v.fmt(f),
            Self::F64(v) => v.fmt(f),
        }
    }
}

fn parse_bool(cursor: &mut Cursor<'_>, field: &str) -> Result<bool, GgufError> {
    match cursor.array(field)? {
        [0] => Ok(false),
        [1] => Ok(true),
        [other] => Err(GgufError::Bad {
            field: field.to_owned(),
            value: other.to_string(),
            allowed: "0 or 1, as a bool must be",
        }),
    }
}

/// An array of metadata, kept as the file has it. Its elements were checked when it was parsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Array<'a> {
    kind: ValueKind,
    count: usize,
    bytes: &'a [u8],
    depth: u32,
}

impl<'a> Array<'a> {
    fn parse(cursor: &mut Cursor<'a>, field: &str, depth: u32) -> Result<Self, GgufError> {
        if depth >= MAX_NESTING {
            return Err(GgufError::TooMany {
                field: format!("the nesting of arrays in {field}"),
                value: u64::from(depth) + 1,
                limit: MAX_NESTING.into(),
            });
        }
        let kind = ValueKind::parse(cursor, field)?;
        let count = cursor.u64(field)?;
        let length = format!("the length of array {field}");
        let count = cursor.count(&length, count, u64::MAX, kind.least_bytes())?;
        let from = cursor.position();
        match kind {
            ValueKind::String | ValueKind::Array | ValueKind::Bool => {
                for _ in 0..count {
                    Value::parse_as(kind, cursor, field, depth + 1)?;
                }
            }
            _ => {
                cursor.take(field, count as u64 * kind.least_bytes())?;
            }
        }
        let to = cursor.position();
        let bytes = cursor.file().get(from as usize..to as usize).unwrap_or_default();
        Ok(Self { kind, count, bytes, depth })
    }

    /// Type of the elements.
    pub fn kind(&self) -> ValueKind {
        self.kind
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether it has no element.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The elements in order.
    pub fn iter(&self) -> impl Iterator<Item = Value<'a>> + use<'a> {
        let (kind, depth) = (self.kind, self.depth);
        let mut cursor = Cursor::new(self.bytes);
        (0..self.count)
            .map_while(move |_| Value::parse_as(kind, &mut cursor, "element", depth + 1).ok())
    }

    /// The elements as text, where they are.
    pub fn strings(&self) -> Option<Strings<'a>> {
        (self.kind == ValueKind::String).then(|| Strings { cursor: Cursor::new(self.bytes) })
    }
}

/// Elements of an array of strings.
#[derive(Debug)]
pub struct Strings<'a> {
    cursor: Cursor<'a>,
}

impl<'a> Iterator for Strings<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        self.cursor.string("element", u64::MAX).ok()
    }
}
