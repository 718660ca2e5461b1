//! The characters of a line of text.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::fault::{HeadError, named, read, within};
use super::names::Names;
use super::picture::PictureInput;
use super::tensor::OutputError;

/// The shape of the output of a [`ReadLine`].
const STEPS: &str = "[lines, steps, classes]";

/// The characters of a line, by connectionist temporal classification (Graves et al. 2006):
/// `{"task": "read_line", "picture": {…}, "characters": {"metadata": "character"}, "space": true}`.
///
/// The output has the shape `[lines, steps, classes]`: class 0 is no character, class *n* the *n*-th
/// of `characters`, and with `space` one more class is a space.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReadLine {
    /// How the picture of a line becomes the input.
    pub picture: PictureInput,
    /// The output, where the graph has several.
    pub output: Option<String>,
    /// The characters, in the order of their classes.
    pub characters: Names,
    /// Whether a last class is a space that the list does not have.
    #[serde(default)]
    pub space: bool,
}

/// Whether a line is upside down: `{"task": "turn_line", "picture": {…}, "class": 1}`.
///
/// The output has the shape `[lines, classes]` and holds likelihoods.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TurnLine {
    /// How the picture of a line becomes the input.
    pub picture: PictureInput,
    /// The output, where the graph has several.
    pub output: Option<String>,
    /// The class of lines that are upside down.
    pub class: usize,
    /// The likelihood above which it is believed.
    pub threshold: f32,
}

/// What a line says.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Line {
    /// Its characters.
    pub text: String,
    /// The mean likelihood of the characters; 0 where there is none.
    pub score: f32,
}

impl ReadLine {
    pub(super) fn parse(fields: Map<String, Value>) -> Result<Self, HeadError> {
        let line: Self = read(fields)?;
        line.picture.check()?;
        named("output", line.output.as_deref())?;
        line.characters.check("characters")?;
        Ok(line)
    }

    /// The lines of an output.
    pub fn lines(&self, shape: &[usize], numbers: &[f32]) -> Result<Vec<Line>, OutputError> {
        let wanted = STEPS;
        let &[lines, steps, classes] = shape else {
            return Err(OutputError::Shape { shape: shape.to_vec(), wanted });
        };
        let names = self.characters.list().len() + 1 + usize::from(self.space);
        if classes != names {
            return Err(OutputError::Count { scores: classes, names });
        }
        if numbers.len() != lines * steps * classes || steps == 0 {
            return Err(OutputError::Shape { shape: shape.to_vec(), wanted });
        }
        Ok(numbers.chunks_exact(steps * classes).map(|line| self.line(line, classes)).collect())
    }

    /// The likeliest class of each step, where it is a character and not the one before it again.
    fn line(&self, numbers: &[f32], classes: usize) -> Line {
        let (mut text, mut sum, mut count, mut before) = (String::new(), 0.0_f32, 0, 0);
        for step in numbers.chunks_exact(classes) {
            let best =
                step.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1).then(b.0.cmp(&a.0)));
            let Some((class, likelihood)) = best else { continue };
            if class != 0 && class != before {
                text.push_str(self.characters.list().get(class - 1).map_or(" ", String::as_str));
                sum += likelihood;
                count += 1;
            }
            before = class;
        }
        Line { text, score: if count == 0 { 0.0 } else { sum / count as f32 } }
    }
}

impl TurnLine {
    pub(super) fn parse(fields: Map<String, Value>) -> Result<Self, HeadError> {
        let turn: Self = read(fields)?;
        turn.picture.check()?;
        named("output", turn.output.as_deref())?;
        within("class", turn.class, 0, 1000)?;
        within("threshold", turn.threshold, 0.0, 1.0)?;
        Ok(turn)
    }

    /// For each line of an output, whether it is upside down.
    pub fn upside_down(&self, shape: &[usize], numbers: &[f32]) -> Result<Vec<bool>, OutputError> {
        match shape {
            &[lines, classes] if numbers.len() == lines * classes && classes > self.class => {
                let likelihoods = numbers.chunks_exact(classes).map(|line| line.get(self.class));
                Ok(likelihoods.map(|it| it.is_some_and(|it| *it > self.threshold)).collect())
            }
            _ => Err(OutputError::Shape { shape: shape.to_vec(), wanted: "[lines, classes]" }),
        }
    }
}
