//! Which part of a picture something takes.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::classes::sigmoid;
use super::fault::{HeadError, named, read};
use super::picture::{PictureInput, Prepared};
use super::tensor::OutputError;
use crate::skills::pictures::{Picture, Resampling, resize_mask};

/// Which part of a picture something takes: `{"task": "segment", "picture": {…}, "range": "min_max"}`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Segment {
    /// How a picture becomes the input.
    pub picture: PictureInput,
    /// The output, where the graph has several: floats of shape `[1, 1, rows, columns]`.
    pub output: Option<String>,
    /// What makes 0 to 1 of its numbers.
    #[serde(default)]
    pub range: Range,
}

/// What makes shares of numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Range {
    /// They are from 0 to 1 already.
    #[default]
    Unit,
    /// The lowest of the picture becomes 0, the highest 1.
    MinMax,
    /// The logistic function.
    Sigmoid,
}

impl Segment {
    pub(super) fn parse(fields: Map<String, Value>) -> Result<Self, HeadError> {
        let segment: Self = read(fields)?;
        segment.picture.check()?;
        named("output", segment.output.as_deref())?;
        if !segment.picture.shows_all() {
            let why = "a mask needs all of the picture: neither fit \"cover\" nor crop_from";
            return Err(HeadError::at("picture", why));
        }
        Ok(segment)
    }

    /// A byte for each pixel of the picture: 255 where it is part of what was looked for.
    pub fn mask(
        &self,
        shape: &[usize],
        numbers: &[f32],
        input: &Prepared,
        picture: &Picture,
    ) -> Result<Vec<u8>, OutputError> {
        let wanted = "[1, 1, rows, columns], as many as the input's or evenly fewer";
        let wrong = || OutputError::Shape { shape: shape.to_vec(), wanted };
        let &[rows, columns] = shape.last_chunk::<2>().ok_or_else(wrong)?;
        if rows == 0 || columns == 0 || numbers.len() != rows * columns {
            return Err(wrong());
        }
        // The output may be coarser than the input; the picture's place in it shrinks alike.
        let place = input.place;
        let across = |x: usize| x * columns / input.width;
        let down = |y: usize| y * rows / input.height;
        let (left, top) = (across(place.left), down(place.top));
        let width = (across(place.left + place.width) - left).max(1);
        let height = (down(place.top + place.height) - top).max(1);
        let inside = numbers.chunks_exact(columns).skip(top).take(height);
        let shares: Vec<f32> =
            inside.flat_map(|row| row.iter().skip(left).take(width)).copied().collect();
        let shares = self.range.shares(shares);
        // Cut, not rounded, as the models' own programs do it.
        let bytes: Vec<u8> = shares.iter().map(|share| (share * 255.0) as u8).collect();
        let resampling =
            Resampling { filter: self.picture.filter, antialias: self.picture.antialias };
        let to = (picture.width(), picture.height());
        Ok(resize_mask(&bytes, (width, height), to, resampling))
    }
}

impl Range {
    fn shares(self, mut numbers: Vec<f32>) -> Vec<f32> {
        match self {
            Self::Unit => {}
            Self::Sigmoid => numbers.iter_mut().for_each(|x| *x = sigmoid(*x)),
            Self::MinMax => {
                let lowest = numbers.iter().copied().fold(f32::INFINITY, f32::min);
                let highest = numbers.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                let span = highest - lowest;
                // Of a mask that is the same everywhere nothing is in it.
                let share = |x: f32| if span > 0.0 { (x - lowest) / span } else { 0.0 };
                numbers.iter_mut().for_each(|x| *x = share(*x));
            }
        }
        numbers
    }
}
