//! Pictures in, answers out, with graphs that compute by hand what their heads are made to read.

use std::io::Cursor;

use image::{DynamicImage, GrayImage, ImageFormat, Luma, Rgb, RgbImage};
use serde_json::{Value, json};

use crate::support::{Answer, Ask, Server, bare, install, root};

const RED: [u8; 3] = [255, 0, 0];
const GREEN: [u8; 3] = [0, 255, 0];
const BLUE: [u8; 3] = [0, 0, 255];
const WHITE: [u8; 3] = [255, 255, 255];

fn colour() -> Value {
    let size = json!({"width": 8, "height": 8});
    let picture =
        json!({"size": size, "filter": "bilinear", "antialias": true, "scale": 1.0 / 255.0});
    json!({"task": "classify", "labels": {"file": "labels.txt"}, "picture": picture})
}

fn light() -> Value {
    let size = json!({"width": 16, "height": 16});
    let picture = json!({"size": size, "filter": "bilinear", "scale": 1.0 / 255.0});
    json!({"task": "segment", "picture": picture})
}

fn page() -> [(&'static str, &'static str, Value); 3] {
    let picture = |size: Value| {
        let pad = [255, 255, 255];
        json!({"size": size, "filter": "bilinear", "scale": 1.0 / 255.0, "pad": pad})
    };
    let whole = picture(json!({"multiple_of": 32, "shortest": 160, "longest": 640}));
    let line = picture(json!({"height": 48, "narrowest": 192, "widest": 960, "step": 96}));
    let short = picture(json!({"height": 48, "narrowest": 192, "widest": 192, "step": 192}));
    let find = json!({"task": "ocr", "reader": "read", "turner": "turn", "picture": whole});
    let turn = json!({"task": "turn_line", "class": 1, "threshold": 0.65, "picture": short});
    let read =
        json!({"task": "read_line", "characters": {"metadata": "character"}, "picture": line});
    [
        ("find", "heads/find.onnx", find),
        ("turn", "heads/turn.onnx", turn),
        ("read", "heads/read.onnx", read),
    ]
}

/// A server with a package for each task.
fn server(settings: &[(&str, &str)]) -> Server {
    let data = bare();
    let labels = [("labels.txt", "red\ngreen\nblue\n")];
    install(data.path(), "colour", "heads/colour.onnx", &colour(), &labels);
    install(data.path(), "light", "heads/light.onnx", &light(), &[]);
    for (name, graph, head) in page() {
        install(data.path(), name, graph, &head, &[]);
    }
    Server::start_in(data, settings)
}

fn file(name: &str) -> Vec<u8> {
    std::fs::read(root().join("models/heads").join(name)).unwrap()
}

fn plain(width: u32, height: u32, colour: [u8; 3]) -> RgbImage {
    RgbImage::from_pixel(width, height, Rgb(colour))
}

fn fill(image: &mut RgbImage, left: u32, top: u32, width: u32, height: u32, colour: [u8; 3]) {
    for (x, y) in (top..top + height).flat_map(|y| (left..left + width).map(move |x| (x, y))) {
        image.put_pixel(x, y, Rgb(colour));
    }
}

fn encoded(image: &RgbImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    DynamicImage::from(image.clone()).write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

fn send(server: &Server, path: &str, kind: &str, body: Vec<u8>) -> Answer {
    let ask = Ask::post_raw(&format!("/store/v1/vision/{path}"), body);
    server.ask(ask.header("content-type", &format!("image/{kind}")))
}

#[test]
fn a_picture_is_classified_whatever_form_it_comes_in() {
    let server = server(&[]);
    let red = plain(40, 30, RED);
    for (kind, format) in
        [("png", ImageFormat::Png), ("jpeg", ImageFormat::Jpeg), ("webp", ImageFormat::WebP)]
    {
        let answer = send(&server, "classify", kind, encoded(&red, format));
        assert_eq!(answer.status, 200, "{}", answer.text());
        let told = answer.json();
        assert_eq!(told["model"], "colour");
        assert_eq!(told["picture"], json!({"width": 40, "height": 30}));
        assert_eq!(told["results"][0]["label"], "red", "{told}");
        assert!(told["results"][0]["score"].as_f64().unwrap() > 0.98, "{told}");
        assert_eq!(told["results"].as_array().unwrap().len(), 3);
    }
    let green = send(&server, "classify?top=1&model=colour", "jpeg", file("cmyk.jpg"));
    assert_eq!(green.json()["results"][0]["label"], "green");
    assert_eq!(green.json()["results"].as_array().unwrap().len(), 1);
    let sure = send(&server, "classify?threshold=0.5", "png", encoded(&red, ImageFormat::Png));
    assert_eq!(sure.json()["results"].as_array().unwrap().len(), 1);
}

#[test]
fn a_mask_is_a_picture_of_the_same_size() {
    let server = server(&[]);
    let mut image = plain(64, 48, [0; 3]);
    fill(&mut image, 0, 0, 32, 48, WHITE);
    let png = encoded(&image, ImageFormat::Png);
    let answer = send(&server, "segment", "png", png.clone());
    assert_eq!(answer.header("content-type"), Some("image/png"), "{}", answer.text());
    let mask = image::load_from_memory(&answer.body).unwrap().into_luma8();
    assert_eq!(mask.dimensions(), (64, 48));
    assert!(mask.get_pixel(10, 20).0[0] >= 253 && mask.get_pixel(50, 20).0[0] <= 2);
    let cutout = send(&server, "segment?format=cutout", "png", png.clone());
    let cutout = image::load_from_memory(&cutout.body).unwrap().into_rgba8();
    assert!(cutout.get_pixel(10, 20).0[3] >= 253 && cutout.get_pixel(50, 20).0[3] <= 2);
    let numbers = send(&server, "segment?format=json", "png", png).json();
    assert!((numbers["share"].as_f64().unwrap() - 0.5).abs() < 0.02, "{numbers}");
    assert_eq!(numbers["box"], json!([0, 0, 32, 48]));
    // What a camera noted lying on its side is masked upright.
    let sides = send(&server, "segment?format=json", "jpeg", file("sides.jpg")).json();
    assert_eq!(sides["picture"], json!({"width": 16, "height": 32}));
}

#[test]
fn a_page_is_read_in_order() {
    let server = server(&[]);
    let mut image = plain(400, 240, WHITE);
    for (at, colour) in [RED, GREEN, BLUE].into_iter().enumerate() {
        fill(&mut image, 30 + 40 * at as u32, 40, 40, 24, colour);
    }
    fill(&mut image, 300, 42, 60, 24, GREEN);
    fill(&mut image, 30, 140, 60, 24, BLUE);
    fill(&mut image, 90, 140, 60, 24, RED);
    let answer = send(&server, "ocr", "png", encoded(&image, ImageFormat::Png));
    assert_eq!(answer.status, 200, "{} {}", answer.text(), server.log());
    let told = answer.json();
    assert_eq!(told["text"], "rgb g\nbr", "{told}");
    assert_eq!((&told["model"], &told["reader"]), (&json!("find"), &json!("read")));
    let lines = told["lines"].as_array().unwrap();
    let rows: Vec<_> = lines.iter().map(|line| line["row"].as_u64().unwrap()).collect();
    assert_eq!(rows, [0, 0, 1]);
    let corner = |at: usize| lines[0]["box"][at].as_array().unwrap().clone();
    let near = |found: &Value, wanted: f64| (found.as_f64().unwrap() - wanted).abs() < 3.0;
    // 120 × 24 pixels, 16 more to each side.
    assert!(near(&corner(0)[0], 14.0) && near(&corner(0)[1], 24.0), "{told}");
    assert!(near(&corner(2)[0], 166.0) && near(&corner(2)[1], 80.0), "{told}");
    let empty = send(&server, "ocr", "png", encoded(&plain(400, 240, WHITE), ImageFormat::Png));
    assert_eq!((&empty.json()["text"], &empty.json()["lines"]), (&json!(""), &json!([])));
}

#[test]
fn a_line_that_is_upside_down_is_turned_before_it_is_read() {
    let server = server(&[]);
    let mut image = plain(400, 240, WHITE);
    let pale = |colour: [u8; 3]| colour.map(|part| part.max(120));
    for (at, colour) in [RED, GREEN, BLUE].into_iter().enumerate() {
        fill(&mut image, 30 + 40 * at as u32, 40, 40, 12, colour);
        fill(&mut image, 30 + 40 * at as u32, 52, 40, 12, pale(colour));
    }
    let told = send(&server, "ocr", "png", encoded(&image, ImageFormat::Png)).json();
    assert_eq!(told["text"], "bgr", "{told}");
}

#[test]
fn what_cannot_be_honoured_is_refused_by_name() {
    let server = server(&[("ENDCAP_LIMITS_MAX_PICTURE_BYTES", "64 KiB")]);
    let png = encoded(&plain(8, 8, RED), ImageFormat::Png);
    let cut = png[..png.len() - 20].to_vec();
    for (path, kind, body, status, code, says) in [
        (
            "classify?tpo=1",
            "png",
            &png,
            400,
            "unknown_parameter",
            "known are model, top, threshold",
        ),
        ("classify?top=0", "png", &png, 400, "invalid_value", "top is `0`; it must be 1 to 1000"),
        ("classify?threshold=2", "png", &png, 400, "invalid_value", "0 to 1"),
        ("segment?format=gif", "png", &png, 400, "invalid_value", "png or cutout or json"),
        ("ocr?top=1", "png", &png, 400, "unknown_parameter", "known are model, threshold"),
        ("classify?model=light", "png", &png, 400, "wrong_task", "colour has"),
        ("classify?model=none", "png", &png, 404, "model_not_found", "none"),
        ("classify", "gif", &png, 415, "unsupported_media_type", "image/jpeg, image/png"),
        ("classify", "jpeg", &png, 415, "wrong_media_type", "not image/jpeg"),
        ("classify", "png", &cut, 400, "picture_truncated", "ends too early"),
        ("classify", "png", &Vec::new(), 415, "wrong_media_type", "not image/png"),
        ("classify", "webp", &file("moving.webp"), 400, "picture_animated", "animated"),
        ("classify", "png", &file("bomb.png"), 413, "picture_too_large", "10000 × 10000"),
        ("classify", "png", &vec![0; 70_000], 413, "body_too_large", "65536"),
    ] {
        let answer = send(&server, path, kind, body.clone());
        assert_eq!(answer.status, status, "{path} {kind}: {}", answer.text());
        let error = &answer.json()["error"];
        assert_eq!(error["code"], code, "{path} {kind}: {error}");
        assert!(error["message"].as_str().unwrap().contains(says), "{path} {kind}: {error}");
    }
    let before = server.memory_bytes();
    for _ in 0..30 {
        assert_eq!(send(&server, "ocr", "png", file("bomb.png")).status, 413);
    }
    assert!(server.memory_bytes() < before + (32 << 20), "{before} {}", server.memory_bytes());
    assert!(!server.log().contains("ERROR"), "{}", server.log());
}

/// A PNG of no colour with a chunk before its pixels.
fn png_with_chunk(side: u32, kind: &[u8; 4], chunk: &[u8]) -> Vec<u8> {
    let plain = GrayImage::from_pixel(side, side, Luma([128]));
    let mut png = Cursor::new(Vec::new());
    DynamicImage::from(plain).write_to(&mut png, ImageFormat::Png).unwrap();
    let mut png = png.into_inner();
    let mut sum = flate2::Crc::new();
    sum.update(kind);
    sum.update(chunk);
    let chunk =
        [&(chunk.len() as u32).to_be_bytes()[..], kind, chunk, &sum.sum().to_be_bytes()].concat();
    // Behind the signature and the head.
    png.splice(33..33, chunk);
    png
}

/// A colour profile that is 400 MB of nothing once it is inflated.
fn profile_bomb() -> Vec<u8> {
    let mut profile = b"bomb\0\0".to_vec();
    let mut deflate = flate2::write::ZlibEncoder::new(&mut profile, flate2::Compression::best());
    for _ in 0..400 {
        std::io::Write::write_all(&mut deflate, &[0; 1 << 20]).unwrap();
    }
    deflate.finish().unwrap();
    png_with_chunk(64, b"iCCP", &profile)
}

#[test]
fn many_bombs_at_once_take_no_more_than_one_picture() {
    let server = server(&[]);
    // As many pixels as are allowed, and a hundred million.
    let largest = png_with_chunk(6324, b"tEXt", b"Title\0largest");
    assert_eq!(send(&server, "classify", "png", largest.clone()).status, 200);
    let one = server.most_memory_bytes();
    let bombs = [file("bomb.png"), profile_bomb(), largest];
    std::thread::scope(|scope| {
        for asker in 0..32 {
            let (server, bomb) = (&server, &bombs[asker % bombs.len()]);
            scope.spawn(move || {
                for _ in 0..2 {
                    let status = send(server, "classify", "png", bomb.clone()).status;
                    assert!([200, 400, 413].contains(&status), "{status}");
                }
            });
        }
    });
    let many = server.most_memory_bytes();
    eprintln!("one picture: {} MiB, bombs: {} MiB at most", one >> 20, many >> 20);
    // Beside one that is decoded some are being read, and answers written.
    assert!(many < one + (96 << 20), "{} MiB, then {} MiB", one >> 20, many >> 20);
    assert_eq!(server.ask(Ask::get("/health/ready")).status, 200);
}

#[test]
fn a_package_is_named_where_several_can_answer() {
    let data = bare();
    let labels = [("labels.txt", "red\ngreen\nblue")];
    for name in ["one", "two"] {
        install(data.path(), name, "heads/colour.onnx", &colour(), &labels);
    }
    let server = Server::start_in(data, &[]);
    let png = encoded(&plain(8, 8, BLUE), ImageFormat::Png);
    let answer = send(&server, "classify", "png", png.clone());
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains("one, two"), "{}", answer.text());
    assert_eq!(send(&server, "classify?model=two", "png", png.clone()).json()["model"], "two");
    assert_eq!(send(&server, "segment", "png", png).status, 404);
}

#[test]
fn a_faulty_head_is_told_with_its_path() {
    let data = bare();
    let mut head = colour();
    head["picture"]["size"]["width"] = json!(0);
    install(data.path(), "colour", "heads/colour.onnx", &head, &[("labels.txt", "red")]);
    let output = crate::support::run(&["serve", "--data", data.path().to_str().unwrap()]);
    let told = crate::support::stderr(&output);
    assert!(told.contains("head.picture.size: width is 0"), "{told}");
}
