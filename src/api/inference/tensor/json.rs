//! Tensor data in JSON to an array, without a tree between.

use super::element::Sink;
use super::{Fault, count};
use crate::engine::{Array, ElementType};

/// Reads tensor data: one flat list in row-major order, or lists nested as the shape says.
///
/// `json` is the text of one JSON value, known to be well formed. Memory is in proportion to the
/// text, whatever the shape claims.
pub(in crate::api::inference) fn from_json(
    json: &str,
    element: ElementType,
    shape: Vec<usize>,
) -> Result<Array, Fault> {
    let count = count(&shape)?;
    let is_nested = shape.len() > 1 && is_list_of_lists(json);
    let flat = [count];
    let lengths = if is_nested { shape.as_slice() } else { &flat };
    // An element takes a character and what stands between it and the next.
    let room = count.min(json.len() / 2 + 1);
    let mut sink = Sink::new(element, room)?;
    Walk { rest: json, lengths, places: Vec::new() }.run(&mut sink)?;
    sink.into_array(shape)
}

fn is_list_of_lists(json: &str) -> bool {
    let mut tokens = json.bytes().filter(|byte| !byte.is_ascii_whitespace());
    (tokens.next(), tokens.next()) == (Some(b'['), Some(b'['))
}

/// A walk over nested lists.
struct Walk<'a> {
    rest: &'a str,
    /// How many items a list has, from the outermost.
    lengths: &'a [usize],
    /// Items seen in each list that is open.
    places: Vec<usize>,
}

impl Walk<'_> {
    fn run(mut self, sink: &mut Sink) -> Result<(), Fault> {
        loop {
            self.rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r', ',']);
            match self.rest.as_bytes().first() {
                Some(b'[') => self.open()?,
                Some(b']') => {
                    self.close()?;
                    if self.places.is_empty() {
                        return Ok(());
                    }
                }
                Some(b'{') => return Err(self.fault("an object where a number or a list belongs")),
                Some(_) => self.scalar(sink)?,
                None => return Err(Fault::whole("it must be a list")),
            }
        }
    }

    fn open(&mut self) -> Result<(), Fault> {
        if self.places.len() == self.lengths.len() {
            return Err(self.fault("a list stands where an element belongs"));
        }
        self.room_for_item()?;
        self.places.push(0);
        self.skip(1);
        Ok(())
    }

    fn close(&mut self) -> Result<(), Fault> {
        let wanted = self.lengths.get(self.places.len().wrapping_sub(1)).copied();
        let (Some(found), Some(wanted)) = (self.places.pop(), wanted) else {
            return Err(Fault::whole("it must be a list"));
        };
        if found != wanted {
            return Err(self.fault(&format!("the list has {found} items; the shape says {wanted}")));
        }
        if let Some(place) = self.places.last_mut() {
            *place += 1;
        }
        self.skip(1);
        Ok(())
    }

    fn scalar(&mut self, sink: &mut Sink) -> Result<(), Fault> {
        if self.places.is_empty() {
            return Err(Fault::whole("it must be a list"));
        }
        if self.places.len() < self.lengths.len() {
            return Err(self.fault("an element stands where a list belongs"));
        }
        self.room_for_item()?;
        let length = token_length(self.rest);
        let token = self.rest.get(..length).unwrap_or_default();
        sink.push(token).map_err(|what| self.fault(&what))?;
        if let Some(place) = self.places.last_mut() {
            *place += 1;
        }
        self.skip(length);
        Ok(())
    }

    /// Whether the innermost open list may have one more item.
    fn room_for_item(&self) -> Result<(), Fault> {
        let Some((seen, outer)) = self.places.split_last() else { return Ok(()) };
        let wanted = self.lengths.get(outer.len()).copied().unwrap_or_default();
        if *seen < wanted {
            return Ok(());
        }
        let what = format!("the list has more items than the {wanted} that the shape says");
        Err(Fault { at: outer.to_vec(), what })
    }

    fn skip(&mut self, bytes: usize) {
        self.rest = self.rest.get(bytes..).unwrap_or_default();
    }

    fn fault(&self, what: &str) -> Fault {
        Fault { at: self.places.clone(), what: what.to_owned() }
    }
}

/// Bytes of the string, number or word that a text begins with; at least one.
fn token_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    if bytes.first() != Some(&b'"') {
        let ends = |byte: &u8| matches!(byte, b',' | b']' | b'}' | b' ' | b'\t' | b'\n' | b'\r');
        return bytes.iter().position(ends).unwrap_or(bytes.len()).max(1);
    }
    let mut is_escaped = false;
    for (at, byte) in bytes.iter().enumerate().skip(1) {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    bytes.len()
}
