//! Where on a page text is, and in which order it is read.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::boxes::{self, Rules};
use super::fault::{HeadError, named, read, within};
use super::picture::{PictureInput, Prepared};
use super::tensor::OutputError;
use crate::skills::pictures::{Picture, Point, Quad};

/// A box that is turned by more than this many times its width is a line that stands.
const STANDING: f32 = 1.5;
/// Pixels that a box has more of on each side.
const LEAST_SIDE: f32 = 3.0;

/// The text of a page: this graph finds lines, another package reads them.
/// `{"task": "ocr", "picture": {…}, "reader": "NAME"}`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ocr {
    /// How a picture becomes the input.
    pub picture: PictureInput,
    /// The output, where the graph has several: floats from 0 to 1 of shape `[1, 1, rows, columns]`.
    pub output: Option<String>,
    /// What a pixel of text has more than.
    #[serde(default = "binarise")]
    pub binarise: f32,
    /// What a box's pixels have on average at least.
    #[serde(default = "least_score")]
    pub least_score: f32,
    /// How much larger a box becomes: times its area over its perimeter, to each side.
    #[serde(default = "unclip")]
    pub unclip: f32,
    /// Whether pixels right of and below text are text too.
    #[serde(default)]
    pub dilate: bool,
    /// Boxes at most; of more, the largest.
    #[serde(default = "most")]
    pub most: usize,
    /// Name of the package that reads a line.
    pub reader: String,
    /// Name of the package that says which lines are upside down; without one, none is.
    pub turner: Option<String>,
    /// A line whose characters are less sure than this on average is left out.
    #[serde(default = "threshold")]
    pub threshold: f32,
}

impl Ocr {
    pub(super) fn parse(fields: Map<String, Value>) -> Result<Self, HeadError> {
        let ocr: Self = read(fields)?;
        ocr.picture.check()?;
        named("output", ocr.output.as_deref())?;
        named("reader", Some(&ocr.reader))?;
        named("turner", ocr.turner.as_deref())?;
        for (path, value) in [
            ("binarise", ocr.binarise),
            ("least_score", ocr.least_score),
            ("threshold", ocr.threshold),
        ] {
            within(path, value, 0.0, 1.0)?;
        }
        within("unclip", ocr.unclip, 0.0, 10.0)?;
        within("most", ocr.most, 1, 5000)?;
        if !ocr.picture.shows_all() {
            let why = "a page is read whole: neither fit \"cover\" nor crop_from";
            return Err(HeadError::at("picture", why));
        }
        Ok(ocr)
    }

    /// The boxes around lines of text, in whole pixels of the picture, from the top down.
    pub fn boxes(
        &self,
        shape: &[usize],
        numbers: &[f32],
        input: &Prepared,
        picture: &Picture,
    ) -> Result<Vec<Quad>, OutputError> {
        let wanted = "[1, 1, rows, columns]";
        let wrong = || OutputError::Shape { shape: shape.to_vec(), wanted };
        let &[rows, columns] = shape.last_chunk::<2>().ok_or_else(wrong)?;
        if rows == 0 || columns == 0 || numbers.len() != rows * columns {
            return Err(wrong());
        }
        let rules = Rules {
            binarise: self.binarise,
            least_score: self.least_score,
            unclip: self.unclip,
            dilate: self.dilate,
            most: self.most,
        };
        let found = boxes::find(boxes::Map { width: columns, numbers }, &rules);
        let onto = Onto { input, picture, columns, rows };
        let quads = found.into_iter().map(|(quad, _)| Quad(quad.0.map(|p| onto.point(p))));
        let mut quads: Vec<Quad> = quads.filter(large_enough).collect();
        quads.sort_by(|a, b| a.0[0].y.total_cmp(&b.0[0].y).then(a.0[0].x.total_cmp(&b.0[0].x)));
        Ok(quads)
    }

    /// The piece of a picture that a box holds, its text lying.
    pub fn line(picture: &Picture, quad: &Quad) -> Picture {
        let line = picture.straightened(quad);
        if line.height() as f32 >= line.width() as f32 * STANDING {
            line.turned_left()
        } else {
            line
        }
    }
}

/// From a map's pixels to a picture's.
struct Onto<'a> {
    input: &'a Prepared,
    picture: &'a Picture,
    columns: usize,
    rows: usize,
}

impl Onto<'_> {
    fn point(&self, p: Point) -> Point {
        let place = self.input.place;
        let x = p.x * self.input.width as f32 / self.columns as f32 - place.left as f32;
        let y = p.y * self.input.height as f32 / self.rows as f32 - place.top as f32;
        let (width, height) = (self.picture.width() as f32, self.picture.height() as f32);
        Point {
            x: (x / place.width as f32 * width).round().clamp(0.0, width - 1.0),
            y: (y / place.height as f32 * height).round().clamp(0.0, height - 1.0),
        }
    }
}

fn large_enough(quad: &Quad) -> bool {
    let [a, b, _, d] = quad.0;
    a.distance(b) > LEAST_SIDE && a.distance(d) > LEAST_SIDE
}

/// Boxes in reading order: lines from the top down, each from left to right. Every inner list is a
/// line of the page and holds places in `quads`.
///
/// A page that is a little skewed is read along its own lines. Columns of running text are not told
/// apart: what stands side by side is one line.
pub fn reading_order(quads: &[Quad]) -> Vec<Vec<usize>> {
    let skew = skew(quads);
    let mut spots: Vec<Spot> =
        quads.iter().enumerate().map(|(at, q)| Spot::of(at, q, skew)).collect();
    spots.sort_by(|a, b| a.down.total_cmp(&b.down));
    let mut lines: Vec<Vec<Spot>> = Vec::new();
    for spot in spots {
        match lines.last_mut() {
            Some(line) if line.last().is_some_and(|last| last.is_beside(&spot)) => line.push(spot),
            _ => lines.push(vec![spot]),
        }
    }
    for line in &mut lines {
        line.sort_by(|a, b| a.across.total_cmp(&b.across));
    }
    lines.iter().map(|line| line.iter().map(|spot| spot.at).collect()).collect()
}

/// A box's middle in the direction of the page's lines.
struct Spot {
    at: usize,
    across: f32,
    down: f32,
    height: f32,
}

impl Spot {
    fn of(at: usize, quad: &Quad, skew: f32) -> Self {
        let x = quad.0.iter().map(|p| p.x).sum::<f32>() / 4.0;
        let y = quad.0.iter().map(|p| p.y).sum::<f32>() / 4.0;
        let (sin, cos) = skew.sin_cos();
        let height = quad.size().1 as f32;
        Self { at, across: x * cos + y * sin, down: y * cos - x * sin, height }
    }

    /// Whether the middle of the lower one is within the upper one, or the other way round.
    fn is_beside(&self, other: &Self) -> bool {
        (other.down - self.down).abs() < self.height.min(other.height) / 2.0
    }
}

/// The angle of the page's lines in radians: the median over the boxes that are lines.
fn skew(quads: &[Quad]) -> f32 {
    let lying = quads.iter().filter(|quad| {
        let (width, height) = quad.size();
        width > 2 * height
    });
    let mut angles: Vec<f32> = lying
        .map(|quad| {
            let [a, b, c, d] = quad.0;
            (b.y + c.y - a.y - d.y).atan2(b.x + c.x - a.x - d.x)
        })
        .collect();
    angles.sort_by(f32::total_cmp);
    angles.get(angles.len() / 2).copied().unwrap_or_default()
}

fn binarise() -> f32 {
    0.3
}

fn least_score() -> f32 {
    0.5
}

fn unclip() -> f32 {
    1.6
}

fn most() -> usize {
    1000
}

fn threshold() -> f32 {
    0.5
}
