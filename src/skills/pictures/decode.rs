//! A file to a [`Picture`].
//!
//! Transparent parts show white, as on paper; colour profiles are not applied; 16 bits become 8.

use std::io::Cursor;

use image::codecs::{jpeg::JpegDecoder, png::PngDecoder, webp::WebPDecoder};
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageError, Limits};

use super::Picture;

/// Bytes that a decoder may take for each pixel, besides the pixels themselves: coefficients of a
/// progressive JPEG, planes of a WebP.
const DECODER_BYTES_PER_PIXEL: u64 = 16;
/// What a decoder may take whatever the size: tables, a chunk with a colour profile.
const DECODER_BYTES: u64 = 8 << 20;
/// Bytes that the head of a PNG may take for each pixel of a row: two rows of the widest pixels.
const ROW_BYTES_PER_PIXEL: u64 = 16;
/// Where a PNG says how wide it is.
const PNG_WIDTH: std::ops::Range<usize> = 16..20;

/// The forms of files that are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// JPEG.
    Jpeg,
    /// PNG.
    Png,
    /// WebP.
    WebP,
}

impl Format {
    /// All there are.
    pub const ALL: [Self; 3] = [Self::Jpeg, Self::Png, Self::WebP];

    /// Its media type.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::WebP => "image/webp",
        }
    }

    /// What a file is by its first bytes.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        if bytes.starts_with(b"\xff\xd8\xff") {
            Some(Self::Jpeg)
        } else if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
            Some(Self::Png)
        } else if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
            Some(Self::WebP)
        } else {
            None
        }
    }
}

/// Why a file is not taken.
#[derive(Debug, thiserror::Error)]
pub enum PictureError {
    /// It is not what it is said to be.
    #[error("the file is not {}", .0.media_type())]
    NotOfFormat(Format),
    /// Its head cannot be read.
    #[error("the picture's head cannot be read: {0}")]
    Head(#[source] ImageError),
    /// More pixels than allowed.
    #[error("the picture has {width} × {height} pixels; the limit is {limit_pixels} in all")]
    TooLarge {
        /// Pixels of a row.
        width: u32,
        /// Rows.
        height: u32,
        /// Pixels allowed.
        limit_pixels: u64,
    },
    /// It moves.
    #[error("the picture is animated; one that stands still is needed")]
    Animated,
    /// The file is not whole.
    #[error("the picture's file ends too early")]
    Truncated,
    /// Its pixels cannot be read.
    #[error("the picture cannot be decoded: {0}")]
    Pixels(#[source] ImageError),
}

/// A file whose head has been read.
pub struct Announced {
    decoder: Decoder,
    width: u32,
    height: u32,
}

enum Decoder {
    Jpeg(Box<JpegDecoder<Cursor<Vec<u8>>>>),
    Png(Box<PngDecoder<Cursor<Vec<u8>>>>),
    WebP(Box<WebPDecoder<Cursor<Vec<u8>>>>),
}

impl Announced {
    /// Reads the head; refuses what is of another format, not whole, animated, or larger than this.
    pub fn read(format: Format, bytes: Vec<u8>, limit_pixels: u64) -> Result<Self, PictureError> {
        if Format::of(&bytes) != Some(format) {
            return Err(PictureError::NotOfFormat(format));
        }
        if format == Format::Jpeg && !jpeg_is_whole(&bytes) {
            return Err(PictureError::Truncated);
        }
        // Reading the head already makes rows, and inflates a colour profile.
        let limits = head_limits(&bytes);
        let file = Cursor::new(bytes);
        let decoder = match format {
            Format::Jpeg => Decoder::Jpeg(Box::new(JpegDecoder::new(file).map_err(head)?)),
            Format::Png => {
                Decoder::Png(Box::new(PngDecoder::with_limits(file, limits).map_err(head)?))
            }
            Format::WebP => Decoder::WebP(Box::new(WebPDecoder::new(file).map_err(head)?)),
        };
        let (width, height) = decoder.dimensions();
        if u64::from(width) * u64::from(height) > limit_pixels {
            return Err(PictureError::TooLarge { width, height, limit_pixels });
        }
        if decoder.is_animated() {
            return Err(PictureError::Animated);
        }
        Ok(Self { decoder, width, height })
    }

    /// Pixels that decoding takes memory for.
    pub fn pixels(&self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    /// Reads the pixels. Takes a while and blocks.
    pub fn decode(self) -> Result<Picture, PictureError> {
        let limits = limits(self.pixels());
        match self.decoder {
            Decoder::Jpeg(decoder) => upright(*decoder, limits),
            Decoder::Png(decoder) => upright(*decoder, limits),
            Decoder::WebP(decoder) => upright(*decoder, limits),
        }
    }
}

impl Decoder {
    fn dimensions(&self) -> (u32, u32) {
        match self {
            Self::Jpeg(decoder) => decoder.dimensions(),
            Self::Png(decoder) => decoder.dimensions(),
            Self::WebP(decoder) => decoder.dimensions(),
        }
    }

    fn is_animated(&self) -> bool {
        match self {
            Self::Jpeg(_) => false,
            Self::Png(decoder) => decoder.is_apng().unwrap_or(false),
            Self::WebP(decoder) => decoder.has_animation(),
        }
    }
}

fn head_limits(png: &[u8]) -> Limits {
    let width = png.get(PNG_WIDTH).and_then(<[u8]>::first_chunk);
    let width = width.map_or(0, |width| u64::from(u32::from_be_bytes(*width)));
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(width.saturating_mul(ROW_BYTES_PER_PIXEL) + DECODER_BYTES);
    limits
}

fn limits(pixels: u64) -> Limits {
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(pixels.saturating_mul(DECODER_BYTES_PER_PIXEL) + DECODER_BYTES);
    limits
}

fn head(error: ImageError) -> PictureError {
    if ends_early(&error) { PictureError::Truncated } else { PictureError::Head(error) }
}

fn upright(mut decoder: impl ImageDecoder, limits: Limits) -> Result<Picture, PictureError> {
    decoder.set_limits(limits).map_err(PictureError::Pixels)?;
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let decoded = DynamicImage::from_decoder(decoder).map_err(|error| {
        if ends_early(&error) { PictureError::Truncated } else { PictureError::Pixels(error) }
    })?;
    let mut image = on_white(decoded);
    image.apply_orientation(orientation);
    let (width, height) = (image.width() as usize, image.height() as usize);
    let picture = Picture::new(width, height, image.into_rgb8().into_raw());
    picture.ok_or(PictureError::Truncated)
}

fn ends_early(error: &ImageError) -> bool {
    let at_end = |error: &std::io::Error| error.kind() == std::io::ErrorKind::UnexpectedEof;
    if let ImageError::IoError(error) = error {
        return at_end(error);
    }
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        if error.downcast_ref().is_some_and(at_end) {
            return true;
        }
        source = error.source();
    }
    false
}

/// The picture without transparency, in 8 bits.
fn on_white(image: DynamicImage) -> DynamicImage {
    if !image.color().has_alpha() {
        return DynamicImage::ImageRgb8(image.into_rgb8());
    }
    let rgba = image.into_rgba8();
    let (width, height) = rgba.dimensions();
    let mut rgb = image::RgbImage::new(width, height);
    for (to, from) in rgb.pixels_mut().zip(rgba.pixels()) {
        let [red, green, blue, alpha] = from.0.map(u32::from);
        let shown = |part: u32| ((part * alpha + 255 * (255 - alpha) + 127) / 255) as u8;
        to.0 = [shown(red), shown(green), shown(blue)];
    }
    DynamicImage::ImageRgb8(rgb)
}

/// Whether a JPEG has its end: segments are passed over by their lengths, then the scans up to the
/// marker that ends the picture (ITU-T T.81, annex B). What follows it does not matter.
fn jpeg_is_whole(bytes: &[u8]) -> bool {
    const END: u8 = 0xd9;
    let mut at = 2;
    loop {
        // To the next marker: between scans it is right here, after one a search away.
        let found = bytes.get(at..).and_then(|rest| rest.windows(2).position(is_marker));
        let Some(marker_at) = found.map(|found| at + found) else { return false };
        let Some(&marker) = bytes.get(marker_at + 1) else { return false };
        if marker == END {
            return true;
        }
        let length = bytes.get(marker_at + 2..).and_then(<[u8]>::first_chunk::<2>);
        let Some(length) = length.map(|length| u16::from_be_bytes(*length)) else { return false };
        // A scan's own head has a length too; its data follows and is searched.
        at = marker_at + 2 + usize::from(length);
    }
}

/// Whether two bytes are a marker that has a length or ends the picture: not a stuffed 255, not a
/// restart within a scan, not filling.
fn is_marker(pair: &[u8]) -> bool {
    matches!(pair, [0xff, marker] if !matches!(marker, 0x00 | 0x01 | 0xd0..=0xd8 | 0xff))
}
