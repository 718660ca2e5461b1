//! Types to bytes and back, in the one form and within the limits.

use minicbor::{Decode, Encode};

use super::canonical;
use super::error::ProtocolError;

/// The bytes of a value, refused where there are more than `most`.
pub(super) fn to_bytes<T: Encode<()>>(
    what: &'static str,
    most: usize,
    value: &T,
) -> Result<Vec<u8>, ProtocolError> {
    let bytes = minicbor::to_vec(value)
        .map_err(|error| ProtocolError::Shape { what, why: error.to_string() })?;
    within(what, most, &bytes)?;
    Ok(bytes)
}

/// The value of at most `most` bytes; keys that are not known are skipped, as later versions add some.
pub(super) fn from_bytes<'b, T: Decode<'b, ()>>(
    what: &'static str,
    most: usize,
    bytes: &'b [u8],
) -> Result<T, ProtocolError> {
    within(what, most, bytes)?;
    canonical::check(bytes)?;
    minicbor::decode(bytes).map_err(|error| ProtocolError::Shape { what, why: error.to_string() })
}

fn within(what: &'static str, most: usize, bytes: &[u8]) -> Result<(), ProtocolError> {
    if bytes.len() > most {
        return Err(ProtocolError::TooLarge { what, size: bytes.len(), most });
    }
    Ok(())
}
