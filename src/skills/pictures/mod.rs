//! Pictures as pixels: taken from files, made larger or smaller, cut out, and written again.
//!
//! [`Announced::read`] looks at a file's head, [`Announced::decode`] makes a [`Picture`] of it.
//!
//! **Invariants**
//! - Nothing is decoded before its size is known to be within the limit; what a decoder may
//!   allocate follows from that size.
//! - A picture stands upright: the orientation that a camera noted has been applied.
//! - A file that ends early is refused, never filled up.
//!
//! **Not here**: what a model wants of a picture (`heads`).

mod decode;
mod encode;
mod resample;
#[cfg(test)]
mod tests;
mod warp;

pub use decode::{Announced, Format, PictureError};
pub use encode::{png_of_cutout, png_of_mask};
pub use resample::{Filter, Resampling, resize_mask};
pub use warp::{Point, Quad};

/// Channels of a pixel: red, green, blue.
pub const CHANNELS: usize = 3;

/// Pixels in rows from the top, 8 bits each of red, green and blue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    width: usize,
    height: usize,
    rgb: Vec<u8>,
}

impl Picture {
    /// `rgb` has three bytes for each pixel; neither side is 0.
    pub fn new(width: usize, height: usize, rgb: Vec<u8>) -> Option<Self> {
        let bytes = width.checked_mul(height)?.checked_mul(CHANNELS)?;
        (bytes > 0 && bytes == rgb.len()).then_some(Self { width, height, rgb })
    }

    /// Pixels of a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Rows.
    pub fn height(&self) -> usize {
        self.height
    }

    /// Red, green and blue of each pixel.
    pub fn rgb(&self) -> &[u8] {
        &self.rgb
    }

    /// The rows, top first.
    pub fn rows(&self) -> impl Iterator<Item = &[u8]> {
        self.rgb.chunks_exact(self.width * CHANNELS)
    }

    /// The pixel at this place; at the nearest edge where it lies outside.
    pub fn pixel(&self, x: isize, y: isize) -> [u8; CHANNELS] {
        let x = x.clamp(0, self.width as isize - 1) as usize;
        let y = y.clamp(0, self.height as isize - 1) as usize;
        let at = (y * self.width + x) * CHANNELS;
        self.rgb.get(at..).and_then(<[u8]>::first_chunk).copied().unwrap_or_default()
    }

    /// The picture made this large.
    pub fn resized(&self, width: usize, height: usize, resampling: Resampling) -> Self {
        let rgb = resample::resize::<CHANNELS>(
            &self.rgb,
            (self.width, self.height),
            (width, height),
            resampling,
        );
        Self { width: width.max(1), height: height.max(1), rgb }
    }

    /// The rectangle of this size whose upper left corner lies here; parts outside are left out.
    pub fn cropped(&self, left: usize, top: usize, width: usize, height: usize) -> Self {
        let (left, top) = (left.min(self.width - 1), top.min(self.height - 1));
        let width = width.clamp(1, self.width - left);
        let height = height.clamp(1, self.height - top);
        let columns = left * CHANNELS..(left + width) * CHANNELS;
        let rows = self.rows().skip(top).take(height);
        let rgb = rows.filter_map(|row| row.get(columns.clone())).flatten().copied().collect();
        Self { width, height, rgb }
    }

    /// The picture turned by a quarter, anticlockwise.
    pub fn turned_left(&self) -> Self {
        let (width, height) = (self.height, self.width);
        let place = |y: usize, x: usize| self.pixel((self.width - 1 - y) as isize, x as isize);
        let rgb = (0..height).flat_map(|y| (0..width).flat_map(move |x| place(y, x))).collect();
        Self { width, height, rgb }
    }

    /// The picture turned by half.
    pub fn turned_over(&self) -> Self {
        let (pixels, _) = self.rgb.as_chunks::<CHANNELS>();
        let rgb = pixels.iter().rev().flatten().copied().collect();
        Self { width: self.width, height: self.height, rgb }
    }
}
