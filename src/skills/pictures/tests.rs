use std::path::Path;

use super::*;

const MOST: u64 = 1_000_000;

fn file(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/heads").join(name))
        .unwrap()
}

fn decode(format: Format, bytes: &[u8]) -> Result<Picture, PictureError> {
    Announced::read(format, bytes.to_vec(), MOST)?.decode()
}

/// A picture as a file, by the library's own encoder.
fn encoded(image: &image::DynamicImage, format: image::ImageFormat) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    image.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// A picture in which no two pixels are alike.
fn ramp(width: u32, height: u32) -> image::DynamicImage {
    let pixel = |x, y| image::Rgb([(x * 5) as u8, (y * 7) as u8, (x * y) as u8]);
    image::RgbImage::from_fn(width, height, pixel).into()
}

/// Whether two colours are as near as JPEG leaves them.
fn near(found: [u8; 3], wanted: [u8; 3]) -> bool {
    found.iter().zip(wanted).all(|(&a, b)| a.abs_diff(b) < 24)
}

#[test]
fn a_picture_is_the_same_whatever_keeps_it_whole() {
    let image = ramp(40, 30);
    let wanted = Picture::new(40, 30, image.to_rgb8().into_raw()).unwrap();
    let wide = image::DynamicImage::ImageRgb16(image.to_rgb16());
    for (format, bytes) in [
        (Format::Png, encoded(&image, image::ImageFormat::Png)),
        (Format::Png, encoded(&wide, image::ImageFormat::Png)),
        (Format::WebP, encoded(&image, image::ImageFormat::WebP)),
    ] {
        assert_eq!(decode(format, &bytes).unwrap(), wanted, "{format:?}");
    }
    let grey = image::GrayImage::from_pixel(3, 2, image::Luma([77]));
    let grey = encoded(&grey.into(), image::ImageFormat::Png);
    assert_eq!(decode(Format::Png, &grey).unwrap().pixel(0, 0), [77; 3]);
    let clear = image::RgbaImage::from_pixel(3, 2, image::Rgba([0, 0, 255, 51]));
    let clear = encoded(&clear.into(), image::ImageFormat::Png);
    assert_eq!(decode(Format::Png, &clear).unwrap().pixel(0, 0), [204, 204, 255]);
}

#[test]
fn a_picture_stands_as_its_camera_was_held() {
    let picture = decode(Format::Jpeg, &file("sides.jpg")).unwrap();
    assert_eq!((picture.width(), picture.height()), (16, 32));
    assert!(near(picture.pixel(8, 4), [255, 0, 0]), "{:?}", picture.pixel(8, 4));
    assert!(near(picture.pixel(8, 28), [0, 0, 255]), "{:?}", picture.pixel(8, 28));
}

#[test]
fn printing_colours_become_those_of_a_screen() {
    let picture = decode(Format::Jpeg, &file("cmyk.jpg")).unwrap();
    assert!(near(picture.pixel(8, 8), [0, 255, 0]), "{:?}", picture.pixel(8, 8));
}

#[test]
fn what_is_not_a_picture_is_refused() {
    let png = encoded(&ramp(9, 9), image::ImageFormat::Png);
    let large = encoded(&ramp(2000, 501), image::ImageFormat::Png);
    let refused = |format, bytes: &[u8]| decode(format, bytes).err().map(|e| e.to_string());
    for (format, bytes, says) in [
        (Format::Png, &b"GIF89a"[..], "not image/png"),
        (Format::Jpeg, &png, "not image/jpeg"),
        (Format::WebP, b"", "not image/webp"),
        (Format::Png, &large, "2000 × 501 pixels; the limit is 1000000"),
        (Format::WebP, &file("moving.webp"), "animated"),
    ] {
        let told = refused(format, bytes).unwrap();
        assert!(told.contains(says), "{told}");
    }
}

#[test]
fn a_file_that_ends_early_is_refused_wherever_it_ends() {
    let image = ramp(60, 40);
    for (format, written) in [
        (Format::Jpeg, image::ImageFormat::Jpeg),
        (Format::Png, image::ImageFormat::Png),
        (Format::WebP, image::ImageFormat::WebP),
    ] {
        let whole = encoded(&image, written);
        assert!(decode(format, &whole).is_ok(), "{format:?}");
        // The last bytes of a PNG say only that it has ended.
        for end in 0..whole.len() - 16 {
            assert!(decode(format, &whole[..end]).is_err(), "{format:?} {end} of {}", whole.len());
        }
    }
}

#[test]
fn a_damaged_file_is_refused_or_read_and_never_panics() {
    for (format, name) in
        [(Format::Jpeg, "sides.jpg"), (Format::Jpeg, "cmyk.jpg"), (Format::WebP, "moving.webp")]
    {
        let sound = file(name);
        for at in 0..sound.len() {
            let mut damaged = sound.clone();
            damaged[at] ^= 0x5a;
            let _ = decode(format, &damaged);
        }
    }
    let sound = encoded(&ramp(20, 20), image::ImageFormat::Png);
    for at in 0..sound.len() {
        let mut damaged = sound.clone();
        damaged[at] ^= 0x5a;
        let _ = decode(Format::Png, &damaged);
    }
}

#[test]
fn pictures_become_larger_and_smaller_as_by_pillow_and_opencv() {
    let told: serde_json::Value = serde_json::from_slice(&file("resampled.json")).unwrap();
    let bytes =
        |value: &serde_json::Value| -> Vec<u8> { serde_json::from_value(value.clone()).unwrap() };
    let source = Picture::new(13, 9, bytes(&told["rgb"])).unwrap();
    let cases = told["cases"].as_array().unwrap();
    assert!(cases.len() > 30);
    for case in cases {
        let filter: Filter = serde_json::from_value(case["filter"].clone()).unwrap();
        let antialias = case["antialias"].as_bool().unwrap();
        let (width, height) = (case["width"].as_u64().unwrap(), case["height"].as_u64().unwrap());
        let resized =
            source.resized(width as usize, height as usize, Resampling { filter, antialias });
        // Both round in integers of few digits; OpenCV's edges have the nearest pixel twice.
        let edges = filter == Filter::Bicubic && !antialias;
        let most = if edges { 24 } else { 1 };
        let wanted = bytes(&case["rgb"]);
        let gaps = resized.rgb().iter().zip(&wanted).map(|(a, b)| a.abs_diff(*b));
        assert!(
            gaps.clone().all(|gap| gap <= most),
            "{filter:?} {antialias} {width}×{height}: {:?}",
            gaps.max()
        );
        assert_eq!(resized.rgb().len(), wanted.len());
    }
}

#[test]
fn a_piece_is_cut_out_and_straightened() {
    let picture = Picture::new(40, 30, ramp(40, 30).to_rgb8().into_raw()).unwrap();
    let quad = |corners: [(f32, f32); 4]| Quad(corners.map(|(x, y)| Point { x, y }));
    let upright = quad([(5.0, 4.0), (15.0, 4.0), (15.0, 10.0), (5.0, 10.0)]);
    assert_eq!(picture.straightened(&upright), picture.cropped(5, 4, 10, 6));
    // The same corners begun elsewhere: the piece is turned.
    let turned = quad([(15.0, 10.0), (5.0, 10.0), (5.0, 4.0), (15.0, 4.0)]);
    let cut = picture.straightened(&turned);
    assert_eq!(cut.pixel(0, 0), picture.pixel(15, 10));
    assert_eq!(cut.turned_over().turned_over(), cut);
    let four = (0..4).fold(cut.clone(), |piece, _| piece.turned_left());
    assert_eq!(four, cut);
    let flat = quad([(3.0, 3.0); 4]);
    assert_eq!(picture.straightened(&flat).rgb().len(), 3);
}
