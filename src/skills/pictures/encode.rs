//! Pixels to PNG.

use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder, ImageError};

use super::Picture;

/// A PNG in shades of grey; `mask` has a byte for each pixel.
pub fn png_of_mask(width: usize, height: usize, mask: &[u8]) -> Result<Vec<u8>, ImageError> {
    write(width, height, mask, ExtendedColorType::L8)
}

/// A PNG of the picture in which `mask` says how much of each pixel is there.
pub fn png_of_cutout(picture: &Picture, mask: &[u8]) -> Result<Vec<u8>, ImageError> {
    let (pixels, _) = picture.rgb().as_chunks::<3>();
    let rgba: Vec<u8> =
        pixels.iter().zip(mask).flat_map(|(&[r, g, b], &alpha)| [r, g, b, alpha]).collect();
    write(picture.width(), picture.height(), &rgba, ExtendedColorType::Rgba8)
}

fn write(
    width: usize,
    height: usize,
    bytes: &[u8],
    colour: ExtendedColorType,
) -> Result<Vec<u8>, ImageError> {
    let mut png = Vec::new();
    // Fast: the answer goes over a shop's own network, and the box has other work.
    PngEncoder::new_with_quality(&mut png, CompressionType::Fast, FilterType::Adaptive)
        .write_image(bytes, width as u32, height as u32, colour)?;
    Ok(png)
}
