//! How large a picture becomes for a graph.

use serde::Deserialize;

/// Pixels of a side at most, whatever a card says.
const MAX_SIDE: usize = 4096;

/// The size of a graph's input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Written")]
pub enum Size {
    /// `{width, height}`: always this.
    Fixed {
        /// Pixels of a row.
        width: usize,
        /// Rows.
        height: usize,
    },
    /// `{multiple_of, shortest, longest}`: the picture's own, enlarged until its shorter side has
    /// `shortest` pixels, then made smaller until its longer one has at most `longest`, each side
    /// rounded to a multiple.
    Multiple {
        /// Of which both sides are multiples.
        of: usize,
        /// Pixels of the shorter side at least.
        shortest: usize,
        /// Pixels of the longer side at most; it wins.
        longest: usize,
    },
    /// `{height, narrowest, widest, step}`: a line of text of this height, as wide as its shape
    /// asks, filled up to `narrowest` and then to a multiple of `step`.
    Line {
        /// Rows.
        height: usize,
        /// Pixels of a row at least.
        narrowest: usize,
        /// Pixels of a row at most; longer lines are squeezed.
        widest: usize,
        /// Of which the width is a multiple, so that few different widths occur.
        step: usize,
    },
}

/// The fields of all forms.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    width: Option<usize>,
    height: Option<usize>,
    multiple_of: Option<usize>,
    shortest: Option<usize>,
    longest: Option<usize>,
    narrowest: Option<usize>,
    widest: Option<usize>,
    step: Option<usize>,
}

impl TryFrom<Written> for Size {
    type Error = String;

    fn try_from(w: Written) -> Result<Self, String> {
        let wide = (w.narrowest, w.widest, w.step);
        let multiple = (w.multiple_of, w.shortest, w.longest);
        let size = match (w.width, w.height, multiple, wide) {
            (Some(width), Some(height), (None, None, None), (None, None, None)) => {
                Self::Fixed { width, height }
            }
            (None, None, (Some(of), shortest, Some(longest)), (None, None, None)) => {
                Self::Multiple { of, shortest: shortest.unwrap_or(1), longest }
            }
            (
                None,
                Some(height),
                (None, None, None),
                (Some(narrowest), Some(widest), Some(step)),
            ) => Self::Line { height, narrowest, widest, step },
            _ => {
                return Err("width and height, or multiple_of, longest and perhaps shortest, or \
                            height, narrowest, widest and step are needed"
                    .into());
            }
        };
        size.check()?;
        Ok(size)
    }
}

impl Size {
    fn check(self) -> Result<(), String> {
        let sides = match self {
            Self::Fixed { width, height } => vec![("width", width), ("height", height)],
            Self::Multiple { of, shortest, longest } => {
                vec![("multiple_of", of), ("shortest", shortest), ("longest", longest)]
            }
            Self::Line { height, narrowest, widest, step } => {
                vec![
                    ("height", height),
                    ("narrowest", narrowest),
                    ("widest", widest),
                    ("step", step),
                ]
            }
        };
        if let Some((name, side)) = sides.iter().find(|(_, side)| !(1..=MAX_SIDE).contains(side)) {
            return Err(format!("{name} is {side}; 1 to {MAX_SIDE} are allowed"));
        }
        match self {
            Self::Multiple { of, longest, .. } if of > longest => {
                Err(format!("multiple_of is {of}, more than longest, which is {longest}"))
            }
            Self::Line { narrowest, widest, .. } if narrowest > widest => {
                Err(format!("narrowest is {narrowest}, more than widest, which is {widest}"))
            }
            _ => Ok(()),
        }
    }
}

/// Both sides scaled and rounded to multiples, as PP-OCR does it.
pub(super) fn multiple(
    (width, height): (usize, usize),
    of: usize,
    shortest: usize,
    longest: usize,
) -> (usize, usize) {
    let (short, long) = (width.min(height) as f64, width.max(height) as f64);
    let larger = (shortest as f64 / short).max(1.0);
    let ratio = larger.min(longest as f64 / long);
    let most = longest / of * of;
    let side = |side: usize| {
        let scaled = (side as f64 * ratio).floor() / of as f64;
        (scaled.round_ties_even() as usize * of).clamp(of, most)
    };
    (side(width), side(height))
}

/// Pixels that a line of this shape has at this height, and those it is filled up to.
pub(super) fn line(
    (width, height): (usize, usize),
    to_height: usize,
    (narrowest, widest, step): (usize, usize, usize),
) -> (usize, usize) {
    let scaled = (to_height as f64 * width as f64 / height as f64).ceil() as usize;
    let drawn = scaled.clamp(1, widest);
    (drawn, drawn.max(narrowest).next_multiple_of(step))
}
