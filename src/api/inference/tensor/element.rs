//! Elements as JSON writes them, each exactly or not at all.

use half::f16;

use super::Fault;
use crate::engine::{Array, ElementType};

/// Floats hold every whole number up to this.
const EXACT: f64 = 9_007_199_254_740_992.0;
/// Of a value that is quoted in a message.
const MAX_QUOTED_CHARS: usize = 40;

/// Takes elements in row-major order.
pub(super) struct Sink {
    element: ElementType,
    bytes: Vec<u8>,
    texts: Vec<Vec<u8>>,
}

impl Sink {
    /// With room for as many elements.
    pub(super) fn new(element: ElementType, room: usize) -> Result<Self, Fault> {
        let (bytes, texts) = match element {
            ElementType::BFloat16 => {
                return Err(Fault::whole("BF16 has no form in JSON; send it as binary data"));
            }
            ElementType::Bytes => (Vec::new(), Vec::with_capacity(room)),
            plain => (Vec::with_capacity(room.saturating_mul(plain.size().unwrap_or(1))), vec![]),
        };
        Ok(Self { element, bytes, texts })
    }

    /// Takes one element, written as this JSON token; refuses it with the reason.
    pub(super) fn push(&mut self, token: &str) -> Result<(), String> {
        match self.element {
            ElementType::Bytes => self.texts.push(text(token)?.into_bytes()),
            ElementType::Bool => self.bytes.push(truth(token)?),
            ElementType::UInt8 => self.whole::<u8, 1>(token, u8::to_le_bytes)?,
            ElementType::UInt16 => self.whole::<u16, 2>(token, u16::to_le_bytes)?,
            ElementType::UInt32 => self.whole::<u32, 4>(token, u32::to_le_bytes)?,
            ElementType::UInt64 => self.whole::<u64, 8>(token, u64::to_le_bytes)?,
            ElementType::Int8 => self.whole::<i8, 1>(token, i8::to_le_bytes)?,
            ElementType::Int16 => self.whole::<i16, 2>(token, i16::to_le_bytes)?,
            ElementType::Int32 => self.whole::<i32, 4>(token, i32::to_le_bytes)?,
            ElementType::Int64 => self.whole::<i64, 8>(token, i64::to_le_bytes)?,
            ElementType::Float16 => {
                let value = f16::from_f64(float(token)?);
                self.bytes.extend(finite(token, value, value.is_finite(), "FP16")?.to_le_bytes());
            }
            ElementType::Float32 => {
                // Read as it is kept: by way of a double some values would be rounded twice.
                let value: f32 = token.parse().map_err(|_| not_a_number(token))?;
                self.bytes.extend(finite(token, value, value.is_finite(), "FP32")?.to_le_bytes());
            }
            ElementType::Float64 => {
                let value = float(token)?;
                self.bytes.extend(finite(token, value, value.is_finite(), "FP64")?.to_le_bytes());
            }
            // Refused by `new`.
            ElementType::BFloat16 => return Err("BF16 has no form in JSON".to_owned()),
        }
        Ok(())
    }

    fn whole<T, const N: usize>(
        &mut self,
        token: &str,
        bytes: fn(T) -> [u8; N],
    ) -> Result<(), String>
    where
        T: TryFrom<i128> + std::str::FromStr,
    {
        let value = match token.parse::<T>() {
            Ok(value) => value,
            Err(_) => T::try_from(written_otherwise(token)?).map_err(|_| {
                format!("{} is out of the range of {}", quoted(token), self.element.name())
            })?,
        };
        self.bytes.extend(bytes(value));
        Ok(())
    }

    /// The array of all that was taken.
    pub(super) fn into_array(self, shape: Vec<usize>) -> Result<Array, Fault> {
        let array = match self.element {
            ElementType::Bytes => Array::texts(shape, self.texts),
            plain => Array::new(plain, shape, self.bytes),
        };
        array.map_err(|error| Fault::whole(error.to_string()))
    }
}

/// A whole number that is written with a fraction or an exponent, or is beyond 64 bits.
fn written_otherwise(token: &str) -> Result<i128, String> {
    if let Ok(value) = token.parse::<i128>() {
        return Ok(value);
    }
    let value = float(token)?;
    if value.fract() != 0.0 {
        return Err(format!("{} is not a whole number", quoted(token)));
    }
    // Beyond that a float stands for several whole numbers, and the one meant is not known.
    let is_exact = value.abs() <= EXACT;
    Ok(if is_exact { value as i128 } else { i128::MAX })
}

fn float(token: &str) -> Result<f64, String> {
    let starts = token.as_bytes().first();
    let is_number = starts.is_some_and(|byte| byte.is_ascii_digit() || *byte == b'-');
    token.parse().ok().filter(|_| is_number).ok_or_else(|| not_a_number(token))
}

fn finite<T>(token: &str, value: T, is_finite: bool, name: &str) -> Result<T, String> {
    let starts = token.as_bytes().first();
    if !starts.is_some_and(|byte| byte.is_ascii_digit() || *byte == b'-') {
        return Err(not_a_number(token));
    }
    match is_finite {
        true => Ok(value),
        false => Err(format!("{} is out of the range of {name}", quoted(token))),
    }
}

fn truth(token: &str) -> Result<u8, String> {
    match token {
        "true" => Ok(1),
        "false" => Ok(0),
        _ => Err(format!("{} is neither true nor false", quoted(token))),
    }
}

fn text(token: &str) -> Result<String, String> {
    serde_json::from_str(token).map_err(|_| format!("{} is not a text", quoted(token)))
}

fn not_a_number(token: &str) -> String {
    format!("{} is not a number", quoted(token))
}

fn quoted(token: &str) -> String {
    let shown: String = token.chars().take(MAX_QUOTED_CHARS).collect();
    if shown.len() < token.len() { format!("{shown}…") } else { shown }
}
