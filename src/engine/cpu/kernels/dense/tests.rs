use super::super::Kernel;
use super::super::pool::Pool;
use super::*;

fn values(count: usize, seed: usize) -> Vec<f32> {
    (0..count).map(|i| ((i * 37 + seed * 101) % 211) as f32 * 0.01 - 0.9).collect()
}

/// What a product is by definition, and the size of its terms.
fn defined(
    x: &[f32],
    inputs: usize,
    outputs: usize,
    weight: impl Fn(usize, usize) -> f64,
) -> Vec<(f64, f64)> {
    let mut all = Vec::new();
    for row in x.chunks_exact(inputs) {
        for output in 0..outputs {
            let terms = row.iter().enumerate().map(|(i, &x)| f64::from(x) * weight(i, output));
            all.push((terms.clone().sum(), terms.map(f64::abs).sum()));
        }
    }
    all
}

fn computed(kernel: Kernel, dense: &Dense, scheme: Scheme, x: &[f32], rows: usize) -> Vec<f32> {
    let pool = Pool::new(2);
    let mut digits = Digits::default();
    digits.set(kernel, &pool, scheme, x, rows);
    let mut out = vec![f32::NAN; rows * dense.outputs];
    let function = Function::None;
    let mut products = [Product { dense, bias: &[], function, residual: None, out: &mut out }];
    multiply(kernel, &pool, rows, x, &digits, &mut products);
    out
}

/// Sizes around those that are computed together.
const SIZES: [(usize, usize, usize); 5] =
    [(1, 5, 3), (7, 37, 21), (8, 64, 48), (19, 130, 100), (2, 3, 49)];

#[test]
fn products_with_floats_are_those_of_the_definition_on_every_kernel() {
    for (rows, inputs, outputs) in SIZES {
        let (x, w) = (values(rows * inputs, 1), values(inputs * outputs, 2));
        let tiles = FloatTiles::new(inputs, outputs, |i, o| w[i * outputs + o]);
        let dense = Dense::from(tiles);
        let want = defined(&x, inputs, outputs, |i, o| f64::from(w[i * outputs + o]));
        let mut first: Option<Vec<f32>> = None;
        for kernel in Kernel::available() {
            let got = computed(kernel, &dense, Scheme::Bits8, &x, rows);
            for (got, (want, size)) in got.iter().zip(&want) {
                assert!((f64::from(*got) - want).abs() <= 1e-6 * size, "{got} for {want}");
            }
            let last = computed(kernel, &dense, Scheme::Bits8, &x[(rows - 1) * inputs..], 1);
            assert_eq!(last, got[(rows - 1) * outputs..], "a row alone is the same");
            assert_eq!(&got, first.get_or_insert(got.clone()), "{kernel:?}");
        }
    }
}

#[test]
fn products_with_bytes_stay_within_the_steps_of_their_rows() {
    for (rows, inputs, outputs) in SIZES {
        let x = values(rows * inputs, 3);
        let w: Vec<i8> = (0..inputs * outputs).map(|i| (i * 73 % 256) as u8 as i8).collect();
        let scales: Vec<f32> = (0..outputs).map(|o| 0.001 * (1 + o % 7) as f32).collect();
        let zeros: Vec<i32> = (0..outputs).map(|o| (o % 3) as i32 * 5 - 5).collect();
        let weight = |i: usize, o: usize| {
            f64::from(scales[o]) * f64::from(i32::from(w[i * outputs + o]) - zeros[o])
        };
        let tiles = ByteTiles::new(inputs, &scales, &zeros, |i, o| w[i * outputs + o]).unwrap();
        let dense = Dense::from(tiles);
        let want = defined(&x, inputs, outputs, weight);
        for (scheme, steps) in [
            (Scheme::Bits8, 255.0),
            (Scheme::Bits16, 65_535.0),
            (Scheme::Fixed { scale: 2.2 / 255.0, zero: 105 }, 255.0),
        ] {
            let mut first: Option<Vec<f32>> = None;
            for kernel in Kernel::available() {
                let got = computed(kernel, &dense, scheme, &x, rows);
                for (at, (got, (want, _))) in got.iter().zip(&want).enumerate() {
                    // Half a step of the widest row, or a whole one where a zero point was rounded.
                    let most: f64 = (0..inputs).map(|i| weight(i, at % outputs).abs()).sum();
                    let within = most * 2.2 / steps * 1.01 + 1e-5;
                    assert!((f64::from(*got) - want).abs() <= within, "{got} for {want}");
                }
                let last = computed(kernel, &dense, scheme, &x[(rows - 1) * inputs..], 1);
                assert_eq!(last, got[(rows - 1) * outputs..], "a row alone is the same");
                assert_eq!(&got, first.get_or_insert(got.clone()), "{kernel:?} {scheme:?}");
            }
        }
    }
}

#[test]
fn the_largest_sums_of_bytes_do_not_overflow() {
    let inputs = MAX_INPUTS;
    let tiles = ByteTiles::new(inputs, &[1.0], &[0], |_, _| -128).unwrap();
    let dense = Dense::from(tiles);
    let x = vec![255.0; inputs];
    let scheme = Scheme::Fixed { scale: 1.0, zero: 0 };
    for kernel in Kernel::available() {
        let got = computed(kernel, &dense, scheme, &x, 1);
        assert_eq!(got, [-128.0 * 255.0 * inputs as f32]);
    }
    assert!(ByteTiles::new(inputs + 1, &[1.0], &[0], |_, _| 0).is_err());
}

#[test]
fn bias_function_and_residual_follow_the_sums() {
    let (rows, inputs, outputs) = (9, 20, 50);
    let (x, w) = (values(rows * inputs, 1), values(inputs * outputs, 2));
    let (bias, residual) = (values(outputs, 5), values(rows * outputs, 6));
    let tiles = FloatTiles::new(inputs, outputs, |i, o| w[i * outputs + o]);
    let dense = Dense::from(tiles);
    let want = defined(&x, inputs, outputs, |i, o| f64::from(w[i * outputs + o]));
    for kernel in Kernel::available() {
        let pool = Pool::new(3);
        let mut out = vec![f32::NAN; rows * outputs];
        let added = Some(residual.as_slice());
        let (dense, function, out) = (&dense, Function::Relu, &mut out[..]);
        let mut products = [Product { dense, bias: &bias, function, residual: added, out }];
        multiply(kernel, &pool, rows, &x, &Digits::default(), &mut products);
        for (at, got) in out.iter().enumerate() {
            let sum = want[at].0 + f64::from(bias[at % outputs]);
            let want = sum.max(0.0) + f64::from(residual[at]);
            assert!((f64::from(*got) - want).abs() < 1e-4, "{kernel:?}: {got} for {want}");
        }
    }
}

#[test]
fn what_is_no_number_stays_none_and_rows_of_zeros_stay_zeros() {
    let tiles = ByteTiles::new(40, &[0.5; 17], &[0; 17], |i, o| (i + o) as i8).unwrap();
    let dense = Dense::from(tiles);
    for kernel in Kernel::available() {
        for scheme in [Scheme::Bits8, Scheme::Bits16] {
            for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                let mut x = vec![0.0; 80];
                x[50] = value;
                let got = computed(kernel, &dense, scheme, &x, 2);
                assert!(got[..17].iter().all(|&y| y == 0.0), "{got:?}");
                assert!(got[17..].iter().all(|y| y.is_nan()), "{got:?}");
            }
        }
    }
}

#[test]
#[ignore = "prints how fast products are"]
#[allow(clippy::print_stderr, reason = "that is what it is for")]
fn speed() {
    for (rows, inputs, outputs) in
        [(32, 384, 1152), (32, 384, 1536), (32, 1536, 384), (256, 384, 1536)]
    {
        let x = values(rows * inputs, 1);
        let w = values(inputs * outputs, 2);
        let floats = FloatTiles::new(inputs, outputs, |i, o| w[i * outputs + o]);
        let floats = Dense::from(floats);
        let scales = vec![0.01; outputs];
        let bytes = ByteTiles::new(inputs, &scales, &vec![0; outputs], |i, o| (i * o) as i8);
        let bytes = Dense::from(bytes.unwrap());
        let pool = Pool::new(1);
        for (what, dense, scheme) in [
            ("floats", &floats, Scheme::Bits8),
            ("8 bits", &bytes, Scheme::Bits8),
            ("16 bits", &bytes, Scheme::Bits16),
        ] {
            let mut digits = Digits::default();
            let mut out = vec![0.0; rows * outputs];
            let mut best = [f64::MAX; 2];
            for _ in 0..200 {
                let start = std::time::Instant::now();
                digits.set(Kernel::best(), &pool, scheme, &x, rows);
                best[0] = best[0].min(start.elapsed().as_secs_f64());
                let start = std::time::Instant::now();
                let function = Function::None;
                let mut products =
                    [Product { dense, bias: &[], function, residual: None, out: &mut out }];
                multiply(Kernel::best(), &pool, rows, &x, &digits, &mut products);
                best[1] = best[1].min(start.elapsed().as_secs_f64());
            }
            let giga = (rows * inputs * outputs) as f64 / best[1] / 1e9;
            eprintln!(
                "{rows}x{inputs}x{outputs} {what}: {:.1} us, {giga:.0} G/s, digits {:.1} us",
                best[1] * 1e6,
                best[0] * 1e6
            );
        }
    }
}
