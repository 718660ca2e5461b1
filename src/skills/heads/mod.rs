//! What is done around a graph, as data: how a request becomes its inputs and its outputs become
//! an answer.
//!
//! A package's card has a head in JSON; [`Head::parse`] makes of it a type that cannot be wrong.
//! Lists that lie in other files of the package are brought by [`Head::complete`].
//!
//! **Invariants**
//! - Every fault of a head is told with the path of its field; a field that is not known is one.
//! - Pure functions on arrays and pixels: nothing here reads a file or knows how a graph is run.
//!
//! **Not here**: HTTP, graphs, where heads are stored.

mod boxes;
mod classes;
mod classify;
mod embed;
mod fault;
mod line;
mod names;
mod page;
mod picture;
mod segment;
mod size;
mod tag;
mod tensor;
mod text;

use std::sync::Arc;

use serde_json::Value;

pub use classes::{Activation, Classes, Scored};
pub use classify::{Classify, ClassifyText};
pub use embed::{Embed, Pool};
pub use fault::HeadError;
pub use line::{Line, ReadLine, TurnLine};
pub use names::{Elsewhere, Names};
pub use page::{Ocr, reading_order};
pub use picture::{Colour, Element, Fit, Largest, Layout, PictureInput, Place, Prepared, Scale};
pub use segment::{Range, Segment};
pub use size::Size;
pub use tag::{TagText, Tagged, TokenPlace};
pub use tensor::{OutputError, Tensor, Values};
pub use text::{TextInput, TextPorts};

/// What is done around a graph.
#[derive(Debug, Clone, PartialEq)]
pub enum Head {
    /// A text as one vector.
    Embed(Embed),
    /// What a picture shows.
    Classify(Arc<Classify>),
    /// Which part of a picture something takes.
    Segment(Arc<Segment>),
    /// The text of a page.
    Ocr(Arc<Ocr>),
    /// The characters of a line.
    ReadLine(Arc<ReadLine>),
    /// Whether a line is upside down.
    TurnLine(Arc<TurnLine>),
    /// What a text says.
    ClassifyText(Arc<ClassifyText>),
    /// What the words of a text are.
    TagText(Arc<TagText>),
}

impl Head {
    /// The tasks there are, by which a head's field `task` calls them.
    pub const TASKS: [&str; 8] = [
        "embed",
        "classify",
        "segment",
        "ocr",
        "read_line",
        "turn_line",
        "classify_text",
        "tag_text",
    ];

    /// Reads a head as it stands in a card.
    pub fn parse(value: &Value) -> Result<Self, HeadError> {
        let object = value.as_object().ok_or_else(|| HeadError::at("", "it is not an object"))?;
        let mut fields = object.clone();
        let task = fields.remove("task").ok_or_else(|| HeadError::at("task", "it is missing"))?;
        match task.as_str().unwrap_or_default() {
            "embed" => Embed::parse(fields).map(Self::Embed),
            "classify" => Classify::parse(fields).map(Arc::new).map(Self::Classify),
            "segment" => Segment::parse(fields).map(Arc::new).map(Self::Segment),
            "ocr" => Ocr::parse(fields).map(Arc::new).map(Self::Ocr),
            "read_line" => ReadLine::parse(fields).map(Arc::new).map(Self::ReadLine),
            "turn_line" => TurnLine::parse(fields).map(Arc::new).map(Self::TurnLine),
            "classify_text" => ClassifyText::parse(fields).map(Arc::new).map(Self::ClassifyText),
            "tag_text" => TagText::parse(fields).map(Arc::new).map(Self::TagText),
            _ => {
                let known = Self::TASKS.join(", ");
                Err(HeadError::at("task", format!("{task} is not known; known are {known}")))
            }
        }
    }

    /// The task's name, as in a card.
    pub fn task(&self) -> &'static str {
        match self {
            Self::Embed(_) => "embed",
            Self::Classify(_) => "classify",
            Self::Segment(_) => "segment",
            Self::Ocr(_) => "ocr",
            Self::ReadLine(_) => "read_line",
            Self::TurnLine(_) => "turn_line",
            Self::ClassifyText(_) => "classify_text",
            Self::TagText(_) => "tag_text",
        }
    }

    /// Brings the lists that lie elsewhere in the package; `read` gives a text or says why not.
    pub fn complete(
        mut self,
        read: impl FnOnce(&Elsewhere) -> Result<String, String>,
    ) -> Result<Self, HeadError> {
        match &mut self {
            Self::Classify(head) => {
                Arc::make_mut(head).classes.labels.bring("labels", read)?;
            }
            Self::ClassifyText(head) => {
                Arc::make_mut(head).classes.labels.bring("labels", read)?;
            }
            Self::TagText(head) => {
                Arc::make_mut(head).labels.bring("labels", read)?;
            }
            Self::ReadLine(head) => {
                Arc::make_mut(head).characters.bring("characters", read)?;
            }
            Self::Embed(_) | Self::Segment(_) | Self::Ocr(_) | Self::TurnLine(_) => {}
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests;
