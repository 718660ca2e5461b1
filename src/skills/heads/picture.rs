//! How a picture becomes the input of a graph.

use serde::Deserialize;

use super::fault::{HeadError, named};
use super::size::{self, Size};
use super::tensor::{Tensor, Values};
use crate::skills::pictures::{Filter, Picture, Resampling};

/// How a picture becomes the input of a graph: made smaller or larger, brought into the input's
/// shape, and its bytes into numbers, `(byte × scale − mean) ÷ deviation` for each channel in the
/// order of `colour`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PictureInput {
    /// The input's name, where the graph has several.
    pub input: Option<String>,
    /// Its size in pixels.
    pub size: Size,
    /// What becomes of a picture of another shape.
    #[serde(default)]
    pub fit: Fit,
    /// With a fixed size: the picture is brought to this width and height, of which the middle is
    /// taken.
    pub crop_from: Option<(usize, usize)>,
    /// Which pixels make a new one.
    pub filter: Filter,
    /// Whether the filter widens where the picture becomes smaller: Pillow does, OpenCV does not.
    #[serde(default)]
    pub antialias: bool,
    /// Order of the axes.
    #[serde(default)]
    pub layout: Layout,
    /// Which channels there are, in which order.
    #[serde(default)]
    pub colour: Colour,
    /// What a byte is multiplied with.
    #[serde(default)]
    pub scale: Scale,
    /// Subtracted from each channel; none is 0.
    #[serde(default)]
    pub mean: Vec<f32>,
    /// By which each channel is divided; none is 1.
    #[serde(default)]
    pub deviation: Vec<f32>,
    /// What fills the rest around a picture, as bytes of each channel; none is 0.
    #[serde(default)]
    pub pad: Vec<f32>,
    /// What the numbers are.
    #[serde(default)]
    pub element: Element,
}

/// What becomes of a picture whose shape is not the input's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fit {
    /// It is stretched.
    #[default]
    Stretch,
    /// It fills the input; what is too much on two sides is cut off.
    Cover,
    /// It is in the middle of the input, with padding on two sides.
    Contain,
    /// It is in the upper left of the input, with padding to the right or below.
    ContainStart,
}

/// Order of the axes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Layout {
    /// Picture, channel, row, column.
    #[default]
    Nchw,
    /// Picture, row, column, channel.
    Nhwc,
}

/// The channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Colour {
    /// Red, green, blue.
    #[default]
    Rgb,
    /// Blue, green, red.
    Bgr,
    /// Lightness (ITU-R BT.601).
    Grey,
}

/// What a byte is multiplied with.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(untagged, expecting = "a number or \"max\" is needed")]
pub enum Scale {
    /// This.
    Factor(f32),
    /// One over the largest byte of the picture, once it has its size.
    Largest(Largest),
}

/// The word for [`Scale::Largest`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Largest {
    /// As it is written.
    Max,
}

impl Default for Scale {
    fn default() -> Self {
        Self::Factor(1.0)
    }
}

/// What the numbers of an input are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Element {
    /// Single floats.
    #[default]
    F32,
    /// Bytes, rounded.
    U8,
}

/// A picture as an input, and where in it the picture lies.
#[derive(Debug, Clone, PartialEq)]
pub struct Prepared {
    /// The input, of one picture.
    pub tensor: Tensor,
    /// Pixels of its row.
    pub width: usize,
    /// Its rows.
    pub height: usize,
    /// Where the picture's own pixels are.
    pub place: Place,
}

impl Prepared {
    /// Takes the input out; what says where the picture lies in it stays.
    pub fn take_tensor(&mut self) -> Tensor {
        std::mem::take(&mut self.tensor)
    }
}

/// A rectangle within an input, in its pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Columns before it.
    pub left: usize,
    /// Rows above it.
    pub top: usize,
    /// Its columns.
    pub width: usize,
    /// Its rows.
    pub height: usize,
}

impl PictureInput {
    pub(super) fn check(&self) -> Result<(), HeadError> {
        named("picture.input", self.input.as_deref())?;
        let channels = self.colour.channels();
        for (path, list) in
            [("mean", &self.mean), ("deviation", &self.deviation), ("pad", &self.pad)]
        {
            let path = format!("picture.{path}");
            if !list.is_empty() && list.len() != channels {
                let why = format!("it has {} numbers for {channels} channels", list.len());
                return Err(HeadError::at(&path, why));
            }
            if list.iter().any(|number| !number.is_finite()) {
                return Err(HeadError::at(&path, "it has a number that is not finite"));
            }
        }
        if self.deviation.contains(&0.0) {
            return Err(HeadError::at("picture.deviation", "nothing can be divided by 0"));
        }
        match (self.crop_from, self.size) {
            (None, _) => Ok(()),
            (Some((across, down)), Size::Fixed { width, height })
                if across >= width && down >= height && across.max(down) <= 4096 =>
            {
                Ok(())
            }
            (Some(_), Size::Fixed { .. }) => Err(HeadError::at(
                "picture.crop_from",
                "it must be as large as size at least, and 4096 at most",
            )),
            _ => Err(HeadError::at("picture.crop_from", "it needs a fixed size")),
        }
    }

    /// Whether every part of a picture is in the input.
    pub(super) fn shows_all(&self) -> bool {
        self.fit != Fit::Cover && self.crop_from.is_none()
    }

    /// The picture as an input of shape `[1, …]`.
    pub fn prepare(&self, picture: &Picture) -> Prepared {
        let resampling = Resampling { filter: self.filter, antialias: self.antialias };
        let own = (picture.width(), picture.height());
        let resized = |width, height| picture.resized(width, height, resampling);
        let (shown, width, height) = match self.size {
            Size::Multiple { of, shortest, longest } => {
                let (width, height) = size::multiple(own, of, shortest, longest);
                (resized(width, height), width, height)
            }
            Size::Line { height, narrowest, widest, step } => {
                let (drawn, width) = size::line(own, height, (narrowest, widest, step));
                return self.placed(&resized(drawn, height), width, height, (0, 0));
            }
            Size::Fixed { width, height } => {
                let (across, down) = self.crop_from.unwrap_or((width, height));
                let (fit_width, fit_height) = self.fit.size(own, (across, down));
                let fitted = resized(fit_width, fit_height);
                let cut = |have: usize, want: usize| have.saturating_sub(want) / 2;
                let (left, top) = (cut(fit_width, width), cut(fit_height, height));
                (fitted.cropped(left, top, width, height), width, height)
            }
        };
        let middle = |have: usize, want: usize| (want - have.min(want)) / 2;
        let start = match self.fit {
            Fit::ContainStart => (0, 0),
            _ => (middle(shown.width(), width), middle(shown.height(), height)),
        };
        self.placed(&shown, width, height, start)
    }

    fn placed(
        &self,
        shown: &Picture,
        width: usize,
        height: usize,
        (left, top): (usize, usize),
    ) -> Prepared {
        let numbers = self.numbers(shown);
        let mut values = vec![0.0_f32; width * height * numbers.len()];
        match self.layout {
            Layout::Nchw => {
                for (plane, channel) in values.chunks_exact_mut(width * height).zip(&numbers) {
                    plane.fill(channel.pad);
                    for (to, row) in plane.chunks_exact_mut(width).skip(top).zip(shown.rows()) {
                        let (pixels, _) = row.as_chunks();
                        to.iter_mut()
                            .skip(left)
                            .zip(pixels)
                            .for_each(|(to, p)| *to = channel.of(p));
                    }
                }
            }
            Layout::Nhwc => {
                let channels = numbers.len();
                for pixel in values.chunks_exact_mut(channels) {
                    pixel.iter_mut().zip(&numbers).for_each(|(to, channel)| *to = channel.pad);
                }
                let rows = values.chunks_exact_mut(width * channels).skip(top);
                for (to, row) in rows.zip(shown.rows()) {
                    let (pixels, _) = row.as_chunks();
                    for (to, p) in to.chunks_exact_mut(channels).skip(left).zip(pixels) {
                        to.iter_mut().zip(&numbers).for_each(|(to, channel)| *to = channel.of(p));
                    }
                }
            }
        }
        let shape = match self.layout {
            Layout::Nchw => vec![1, numbers.len(), height, width],
            Layout::Nhwc => vec![1, height, width, numbers.len()],
        };
        let values = match self.element {
            Element::F32 => Values::Floats(values),
            Element::U8 => Values::Bytes(values.iter().map(|v| v.round() as u8).collect()),
        };
        let place = Place { left, top, width: shown.width(), height: shown.height() };
        Prepared { tensor: Tensor { shape, values }, width, height, place }
    }

    /// For each channel of the input, which numbers its bytes become.
    fn numbers(&self, shown: &Picture) -> Vec<Channel> {
        let scale = match self.scale {
            Scale::Factor(factor) => factor,
            Scale::Largest(Largest::Max) => {
                1.0 / f32::from(shown.rgb().iter().max().copied().unwrap_or(1).max(1))
            }
        };
        let channel = |at: usize| {
            let of = |list: &[f32], none: f32| list.get(at).copied().unwrap_or(none);
            let (mean, deviation) = (of(&self.mean, 0.0), of(&self.deviation, 1.0));
            let number = |byte: f32| (byte * scale - mean) / deviation;
            Channel {
                weights: self.colour.weights(at),
                table: (0..=255).map(|byte: u8| number(f32::from(byte))).collect(),
                pad: number(of(&self.pad, 0.0)),
            }
        };
        (0..self.colour.channels()).map(channel).collect()
    }
}

/// How a channel of the input comes from red, green and blue.
struct Channel {
    /// Thousandths of red, green and blue.
    weights: [u32; 3],
    /// The number for each byte.
    table: Vec<f32>,
    /// The number around the picture.
    pad: f32,
}

impl Channel {
    fn of(&self, pixel: &[u8; 3]) -> f32 {
        let sum: u32 = pixel.iter().zip(self.weights).map(|(&part, w)| u32::from(part) * w).sum();
        self.table.get(((sum + 500) / 1000) as usize).copied().unwrap_or_default()
    }
}

impl Colour {
    fn channels(self) -> usize {
        match self {
            Self::Rgb | Self::Bgr => 3,
            Self::Grey => 1,
        }
    }

    fn weights(self, channel: usize) -> [u32; 3] {
        let only = |at: usize| [0, 1, 2].map(|part| if part == at { 1000 } else { 0 });
        match self {
            Self::Rgb => only(channel),
            Self::Bgr => only(2 - channel.min(2)),
            Self::Grey => [299, 587, 114],
        }
    }
}

impl Fit {
    /// The size of a picture that is fitted into another.
    fn size(self, own: (usize, usize), into: (usize, usize)) -> (usize, usize) {
        let across = into.0 as f64 / own.0 as f64;
        let down = into.1 as f64 / own.1 as f64;
        let ratio = match self {
            Self::Stretch => return into,
            Self::Cover => across.max(down),
            Self::Contain | Self::ContainStart => across.min(down),
        };
        let side = |side: usize| ((side as f64 * ratio).round() as usize).max(1);
        match self {
            Self::Cover => (side(own.0).max(into.0), side(own.1).max(into.1)),
            _ => (side(own.0).min(into.0), side(own.1).min(into.1)),
        }
    }
}
