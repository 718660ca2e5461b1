//! What a picture or a text shows, of a list of classes.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::classes::Classes;
use super::fault::{HeadError, read, split};
use super::picture::PictureInput;
use super::text::TextInput;

/// What a picture shows: `{"task": "classify", "picture": {…}, "labels": […]}`.
#[derive(Debug, Clone, PartialEq)]
pub struct Classify {
    /// How a picture becomes the input.
    pub picture: PictureInput,
    /// How the output, of shape `[pictures, classes]`, becomes names.
    pub classes: Classes,
}

/// What a text says: `{"task": "classify_text", "max_tokens": 128, "labels": […]}`.
#[derive(Debug, Clone, PartialEq)]
pub struct ClassifyText {
    /// How a text becomes the inputs.
    pub text: TextInput,
    /// How the output, of shape `[texts, classes]`, becomes names.
    pub classes: Classes,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rest {
    picture: PictureInput,
}

impl Classify {
    pub(super) fn parse(mut fields: Map<String, Value>) -> Result<Self, HeadError> {
        let classes: Classes = read(split(&mut fields, &Classes::FIELDS))?;
        classes.check()?;
        let Rest { picture } = read(fields)?;
        picture.check()?;
        Ok(Self { picture, classes })
    }
}

impl ClassifyText {
    pub(super) fn parse(mut fields: Map<String, Value>) -> Result<Self, HeadError> {
        let classes: Classes = read(split(&mut fields, &Classes::FIELDS))?;
        classes.check()?;
        let text: TextInput = read(fields)?;
        text.check()?;
        Ok(Self { text, classes })
    }
}
