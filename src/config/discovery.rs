//! The section `[discovery]`.

use std::net::IpAddr;

use super::kinds;
use super::raw::{Given, Reader};

/// The name under which the box is found, as `endcap` for `endcap.local`; none where it is not announced.
/// A server that only its own machine reaches is found by nobody.
pub(super) fn read(reader: &mut Reader<'_>, listens: IpAddr) -> Option<String> {
    let shown = |on: &bool| on.to_string();
    let on = reader.read("discovery.announce", !listens.is_loopback(), kinds::flag, shown);
    if on && listens.is_loopback() {
        let why = "the server listens on this machine alone; set server.listen";
        reader.refuse("discovery.announce", why);
    }
    let name = reader.read("discovery.name", "endcap".to_owned(), label, String::clone);
    on.then_some(name)
}

/// A label of a host's name (RFC 1123).
fn label(given: &Given) -> Result<String, String> {
    let text = kinds::text(given)?;
    let sound = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let good = (1..=63).contains(&text.len()) && text.bytes().all(sound);
    if good && !text.starts_with('-') && !text.ends_with('-') {
        return Ok(text);
    }
    Err(format!("`{text}` is no name of 1 to 63 of a-z, 0-9 and -"))
}
