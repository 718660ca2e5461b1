use super::pieces::Piece;
use super::*;

const RULES: Rules =
    Rules { binarise: 0.3, least_score: 0.5, unclip: 1.6, dilate: false, most: 1000 };

/// A map on which a rectangle, turned by this many degrees around its middle, is text.
fn map(width: usize, height: usize, middle: (f32, f32), sides: (f32, f32), turn: f32) -> Vec<f32> {
    let (sin, cos) = turn.to_radians().sin_cos();
    let inside = |x: usize, y: usize| {
        let (dx, dy) = (x as f32 - middle.0, y as f32 - middle.1);
        let (along, across) = (dx * cos + dy * sin, dy * cos - dx * sin);
        along.abs() <= sides.0 / 2.0 && across.abs() <= sides.1 / 2.0
    };
    let pixels = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
    pixels.map(|(x, y)| if inside(x, y) { 0.9 } else { 0.1 }).collect()
}

#[test]
fn a_box_lies_around_text_however_it_is_turned() {
    for turn in [0.0, 3.0, -12.0, 30.0, -44.0] {
        let numbers = map(160, 120, (80.0, 60.0), (70.0, 12.0), turn);
        let found = find(Map { width: 160, numbers: &numbers }, &RULES);
        let [(quad, score)] = found.as_slice() else { panic!("{turn}: {found:?}") };
        assert!((score - 0.9).abs() < 0.05, "{turn}: {score}");
        // 70 × 12 over 164 times 1.6 is 8.2 more to each side.
        let [a, b, _, d] = quad.0;
        assert!((a.distance(b) - 86.0).abs() < 3.0, "{turn}: {quad:?}");
        assert!((a.distance(d) - 28.0).abs() < 3.0, "{turn}: {quad:?}");
        let angle = (b.y - a.y).atan2(b.x - a.x).to_degrees();
        assert!((angle - turn).abs() < 2.0, "{turn}: {angle}");
        let middle = quad.0.iter().fold((0.0, 0.0), |m, p| (m.0 + p.x / 4.0, m.1 + p.y / 4.0));
        assert!((middle.0 - 80.0).abs() < 1.0 && (middle.1 - 60.0).abs() < 1.0, "{middle:?}");
    }
}

#[test]
fn what_is_small_or_unsure_is_no_box() {
    let small = map(60, 60, (30.0, 30.0), (40.0, 2.0), 0.0);
    assert!(find(Map { width: 60, numbers: &small }, &RULES).is_empty());
    let faint: Vec<f32> =
        map(60, 60, (30.0, 30.0), (40.0, 9.0), 0.0).iter().map(|x| x / 2.0).collect();
    assert!(find(Map { width: 60, numbers: &faint }, &RULES).is_empty());
    let sure = Rules { least_score: 0.4, ..RULES };
    assert_eq!(find(Map { width: 60, numbers: &faint }, &sure).len(), 1);
    assert!(find(Map { width: 60, numbers: &vec![0.0; 3600] }, &RULES).is_empty());
    assert_eq!(find(Map { width: 60, numbers: &vec![1.0; 3600] }, &RULES).len(), 1);
}

#[test]
fn of_too_many_boxes_the_largest_are_taken() {
    let mut numbers = vec![0.0; 100 * 100];
    for (at, number) in numbers.iter_mut().enumerate() {
        let (x, y) = (at % 100, at / 100);
        // Two small pieces and a large one.
        let inside =
            (y < 10 && (x < 20 || (30..50).contains(&x))) || ((60..90).contains(&y) && x < 80);
        *number = f32::from(inside);
    }
    let found = find(Map { width: 100, numbers: &numbers }, &Rules { most: 1, ..RULES });
    assert_eq!(found.len(), 1);
    assert!(found[0].0.0[0].y > 30.0, "{found:?}");
}

#[test]
fn pieces_are_those_of_a_flood() {
    let mut state = 0x2545_f491_u32;
    for (width, height, share) in [(7, 5, 2), (16, 16, 3), (40, 23, 2), (31, 40, 5), (1, 9, 2)] {
        let numbers: Vec<f32> = (0..width * height)
            .map(|_| {
                state ^= state << 13;
                state ^= state >> 17;
                state ^= state << 5;
                f32::from(state.is_multiple_of(share))
            })
            .collect();
        let bitmap = Bitmap::above(Map { width, numbers: &numbers }, 0.5);
        let mut found: Vec<usize> =
            bitmap.pieces().iter().map(|Piece { pixels, .. }| *pixels).collect();
        let mut wanted = flood(&numbers, width);
        found.sort_unstable();
        wanted.sort_unstable();
        assert_eq!(found, wanted, "{width} × {height}");
    }
}

/// Sizes of pieces, found pixel by pixel.
fn flood(numbers: &[f32], width: usize) -> Vec<usize> {
    let mut left: Vec<bool> = numbers.iter().map(|x| *x > 0.5).collect();
    let (columns, rows) = (width as isize, (numbers.len() / width) as isize);
    let mut sizes = Vec::new();
    while let Some(start) = left.iter().position(|set| *set) {
        let (mut stack, mut size) = (vec![start], 0);
        left[start] = false;
        while let Some(at) = stack.pop() {
            size += 1;
            let (x, y) = (at as isize % columns, at as isize / columns);
            for (dx, dy) in (-1..=1).flat_map(|dy| (-1..=1).map(move |dx| (dx, dy))) {
                let (x, y) = (x + dx, y + dy);
                let there = (y * columns + x) as usize;
                if (0..columns).contains(&x) && (0..rows).contains(&y) && left[there] {
                    left[there] = false;
                    stack.push(there);
                }
            }
        }
        sizes.push(size);
    }
    sizes
}

#[test]
fn dilation_reaches_right_and_down_and_not_around_the_edge() {
    let numbers = [0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0];
    let pieces = Bitmap::above(Map { width: 3, numbers: &numbers }, 0.5).dilated().pieces();
    let sizes: Vec<usize> = pieces.iter().map(|piece| piece.pixels).collect();
    assert_eq!(sizes, [4]);
    let corner = [0.0, 0.0, 1.0, 0.0, 0.0, 0.0];
    let pieces = Bitmap::above(Map { width: 3, numbers: &corner }, 0.5).dilated().pieces();
    assert_eq!(pieces.iter().map(|piece| piece.pixels).collect::<Vec<_>>(), [2]);
}
