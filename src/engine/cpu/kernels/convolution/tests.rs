use super::super::function::gelu;
use super::super::fused::Whole;
use super::*;

/// A convolution as its definition says it, in 64 bits, and the sum of its terms' sizes.
fn definition(case: &Case, x: &[f32], weights: &[f32], bias: &[f32]) -> Vec<(f64, f64)> {
    let Case { window, groups, channels: [inputs, outputs], extent, images } = *case;
    let ([height, width], [rows, columns]) = (extent.input, extent.output);
    let own = inputs / groups;
    let mut out = Vec::new();
    for image in 0..images {
        for output in 0..outputs {
            for (row, column) in (0..rows).flat_map(|y| (0..columns).map(move |x| (y, x))) {
                let mut sum = (f64::from(bias[output]), f64::from(bias[output]).abs());
                for channel in 0..own {
                    for (ky, kx) in taps(&window) {
                        let y = row * window.stride[0] + ky * window.dilation[0];
                        let x_ = column * window.stride[1] + kx * window.dilation[1];
                        let place =
                            y.checked_sub(extent.before[0]).zip(x_.checked_sub(extent.before[1]));
                        let Some((y, x_)) = place.filter(|&(y, x)| y < height && x < width) else {
                            continue;
                        };
                        let group = output / (outputs / groups);
                        let plane = image * inputs + group * own + channel;
                        let at =
                            (output * own + channel) * window.taps() + ky * window.kernel[1] + kx;
                        let term = f64::from(weights[at])
                            * f64::from(x[(plane * height + y) * width + x_]);
                        sum = (sum.0 + term, sum.1 + term.abs());
                    }
                }
                out.push(sum);
            }
        }
    }
    out
}

fn taps(window: &Window) -> impl Iterator<Item = (usize, usize)> {
    let [height, width] = window.kernel;
    (0..height).flat_map(move |y| (0..width).map(move |x| (y, x)))
}

#[derive(Debug, Clone, Copy)]
struct Case {
    window: Window,
    groups: usize,
    channels: [usize; 2],
    extent: Extent,
    images: usize,
}

/// A case from its window, and zeros before and behind.
fn case(
    (kernel, stride, dilation): ([usize; 2], [usize; 2], [usize; 2]),
    (before, behind): ([usize; 2], [usize; 2]),
    (groups, channels): (usize, [usize; 2]),
    (images, input): (usize, [usize; 2]),
) -> Case {
    let window = Window { kernel, stride, dilation };
    let output = [0, 1].map(|axis| {
        let reach = (kernel[axis] - 1) * dilation[axis] + 1;
        (input[axis] + before[axis] + behind[axis] - reach) / stride[axis] + 1
    });
    Case { window, groups, channels, extent: Extent { input, before, output }, images }
}

fn cases() -> Vec<Case> {
    let plain = ([3, 3], [1, 1], [1, 1]);
    vec![
        case(plain, ([1, 1], [1, 1]), (1, [5, 11]), (2, [9, 13])),
        case(plain, ([0, 0], [0, 0]), (1, [3, 8]), (1, [40, 7])),
        case(plain, ([1, 1], [1, 1]), (1, [64, 1]), (1, [33, 320])),
        case(plain, ([1, 1], [1, 1]), (4, [8, 12]), (1, [6, 50])),
        case(plain, ([1, 1], [1, 1]), (7, [7, 7]), (2, [12, 35])),
        case(([3, 3], [2, 2], [1, 1]), ([1, 1], [1, 1]), (6, [6, 6]), (1, [13, 34])),
        case(([5, 5], [1, 1], [1, 1]), ([2, 2], [2, 2]), (6, [6, 6]), (1, [13, 37])),
        case(([5, 5], [2, 1], [1, 1]), ([2, 2], [2, 2]), (5, [5, 5]), (1, [14, 19])),
        case(([5, 5], [2, 2], [1, 1]), ([2, 2], [2, 2]), (5, [5, 10]), (1, [14, 19])),
        case(([7, 7], [2, 2], [1, 1]), ([3, 3], [2, 2]), (1, [3, 17]), (1, [31, 30])),
        case(([3, 3], [1, 1], [4, 4]), ([4, 4], [4, 4]), (1, [6, 9]), (1, [10, 10])),
        case(([3, 2], [3, 2], [1, 2]), ([0, 1], [1, 0]), (1, [4, 5]), (2, [11, 12])),
        case(([1, 1], [1, 1], [1, 1]), ([0, 0], [0, 0]), (1, [19, 23]), (2, [7, 7])),
        case(([1, 1], [1, 1], [1, 1]), ([0, 0], [0, 0]), (1, [300, 40]), (1, [21, 31])),
        case(([1, 1], [1, 1], [1, 1]), ([0, 0], [0, 0]), (2, [38, 50]), (2, [4, 20])),
        case(([1, 1], [1, 1], [1, 1]), ([0, 0], [0, 0]), (1, [900, 24]), (1, [6, 80])),
        case(([1, 1], [1, 1], [1, 1]), ([0, 0], [0, 0]), (1, [3, 20]), (1, [16, 32])),
        case(([1, 1], [2, 2], [1, 1]), ([0, 0], [0, 0]), (1, [16, 10]), (1, [9, 14])),
        case(([1, 1], [2, 2], [1, 1]), ([0, 0], [0, 0]), (1, [70, 90]), (2, [28, 29])),
        case(([1, 1], [1, 1], [1, 1]), ([0, 0], [0, 0]), (3, [30, 120]), (2, [7, 7])),
        case(([1, 1], [1, 1], [1, 1]), ([0, 0], [0, 0]), (1, [24, 6]), (1, [1, 1])),
        case(([1, 3], [1, 1], [1, 1]), ([0, 1], [0, 1]), (1, [480, 60]), (1, [1, 40])),
        case(([1, 5], [1, 3], [1, 2]), ([0, 4], [0, 0]), (2, [6, 4]), (3, [1, 100])),
        case(plain, ([1, 1], [1, 1]), (1, [40, 37]), (2, [15, 22])),
        case(plain, ([0, 2], [1, 0]), (1, [32, 32]), (1, [45, 250])),
        case(([4, 3], [5, 4], [1, 1]), ([9, 0], [9, 0]), (1, [2, 3]), (1, [3, 9])),
    ]
}

/// Numbers between -1 and 1 that look like chance.
fn numbers(count: usize, seed: usize) -> Vec<f32> {
    let scrambled = |i: usize| (i + seed).wrapping_mul(2_654_435_761) >> 7 & 0xffff;
    (0..count).map(|i| scrambled(i) as f32 / 32_768.0 - 1.0).collect()
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

#[test]
fn sums_equal_the_definition_and_all_kernels_agree() {
    for case in cases() {
        let Case { window, groups, channels: [inputs, outputs], extent, images } = case;
        let places: usize = extent.input.iter().product();
        let x = numbers(images * inputs * places, 1);
        let weights = numbers(outputs * inputs / groups * window.taps(), 2);
        let bias = numbers(outputs, 3);
        let want = definition(&case, &x, &weights, &bias);
        let convolution = Convolution::new(
            window,
            groups,
            [inputs, outputs],
            &weights,
            &bias,
            Tail::default(),
            None,
        )
        .unwrap();
        let mut first: Option<Vec<u32>> = None;
        for kernel in Kernel::available() {
            for threads in [1, 3] {
                let mut out = vec![f32::NAN; want.len()];
                let sources = [Source { channels: inputs, values: &x }];
                let pool = Pool::new(threads);
                convolution.run(kernel, &pool, images, &extent, &sources, &[], &mut out);
                for (at, (got, (want, size))) in out.iter().zip(&want).enumerate() {
                    let wrong = (f64::from(*got) - want).abs();
                    assert!(wrong <= 2e-6 * size, "{case:?} {kernel:?} {at}: {got} for {want}");
                }
                let out = bits(&out);
                assert!(*first.get_or_insert(out.clone()) == out, "{case:?} {kernel:?} {threads}");
            }
        }
    }
}

#[test]
fn channels_may_come_from_several_tensors() {
    let case = case(([3, 3], [1, 1], [1, 1]), ([1, 1], [1, 1]), (1, [7, 9]), (2, [10, 20]));
    let Case { window, extent, .. } = case;
    let x = numbers(2 * 7 * 200, 5);
    let convolution = Convolution::new(
        window,
        1,
        [7, 9],
        &numbers(9 * 7 * 9, 6),
        &numbers(9, 7),
        Tail::default(),
        None,
    )
    .unwrap();
    let parts = |from: usize, to: usize| -> Vec<f32> {
        x.chunks(7 * 200).flat_map(|image| &image[from * 200..to * 200]).copied().collect()
    };
    let (few, many) = (parts(0, 2), parts(2, 7));
    let run = |sources: &[Source<'_>]| {
        let mut out = vec![f32::NAN; 2 * 9 * 200];
        convolution.run(Kernel::best(), &Pool::new(2), 2, &extent, sources, &[], &mut out);
        out
    };
    let apart = run(&[Source { channels: 2, values: &few }, Source { channels: 5, values: &many }]);
    assert_eq!(apart, run(&[Source { channels: 7, values: &x }]));
}

#[test]
fn a_tail_is_applied_to_every_output() {
    use Function::*;
    use Operand::*;
    let instruction = |function, left, right| Instruction { function, left, right };
    let scale = numbers(10, 11);
    let tail = Tail {
        instructions: vec![
            instruction(Mul, Value(0), Channel(scale.clone())),
            instruction(Add, Value(1), Scalar(3.0)),
            instruction(Max, Value(2), Scalar(0.0)),
            instruction(Min, Value(3), Scalar(6.0)),
            instruction(Mul, Value(1), Value(4)),
            instruction(Silu, Value(5), Scalar(0.0)),
            instruction(Sub, Picture(1), Value(6)),
            instruction(Div, Value(7), Gate(0)),
            instruction(LeakyRelu(0.1), Value(8), Scalar(0.0)),
            instruction(Add, Value(9), Value(0)),
            instruction(Gelu, Value(10), Scalar(0.0)),
        ],
    };
    let case = case(([3, 3], [1, 1], [1, 1]), ([1, 1], [1, 1]), (1, [3, 10]), (2, [5, 290]));
    let Case { window, extent, .. } = case;
    let places = 5 * 290;
    let (x, weights, bias) = (numbers(6 * places, 1), numbers(270, 2), numbers(10, 3));
    let gate: Vec<f32> = numbers(20, 4).iter().map(|x| x + 2.0).collect();
    let picture = numbers(20 * places, 5);
    let run = |kernel, tail: Tail| {
        let convolution =
            Convolution::new(window, 1, [3, 10], &weights, &bias, tail, None).unwrap();
        let mut out = vec![f32::NAN; 20 * places];
        let sources = [Source { channels: 3, values: &x }];
        let pictures = [&gate[..], &picture[..]];
        convolution.run(kernel, &Pool::new(2), 2, &extent, &sources, &pictures, &mut out);
        out
    };
    let sums = run(Kernel::Portable, Tail::default());
    let first = run(Kernel::Portable, tail.clone());
    for (at, (sum, got)) in sums.iter().zip(&first).enumerate() {
        let plane = at / places;
        let v1 = f64::from(*sum) * f64::from(scale[plane % 10]);
        let v5 = v1 * (v1 + 3.0).clamp(0.0, 6.0);
        let v6 = v5 / (1.0 + (-v5).exp());
        let v8 = (f64::from(picture[at]) - v6) / f64::from(gate[plane]);
        let v10 = if v8 < 0.0 { v8 * 0.1 } else { v8 } + f64::from(*sum);
        let want = f64::from(gelu::<Whole>(v10 as f32));
        assert!((f64::from(*got) - want).abs() < 1e-5 * (1.0 + want.abs()), "{got} for {want}");
    }
    for kernel in Kernel::available() {
        assert_eq!(bits(&run(kernel, tail.clone())), bits(&first), "{kernel:?}");
    }
}

#[test]
fn neighbouring_channels_are_spread_over_places() {
    let window = Window { kernel: [1, 1], stride: [1, 1], dilation: [1, 1] };
    let extent = Extent { input: [5, 20], before: [0, 0], output: [5, 20] };
    let (x, weights, bias) = (numbers(2 * 7 * 100, 1), numbers(12 * 7, 2), numbers(12, 3));
    let scale = Instruction {
        function: Function::Mul,
        left: Operand::Value(0),
        right: Operand::Channel(vec![2.0, 3.0]),
    };
    let run = |tail, spread| {
        let plain = Convolution::new(window, 1, [7, 12], &weights, &bias, tail, None).unwrap();
        let convolution = plain.spread(spread).unwrap();
        let mut out = vec![f32::NAN; 2 * 12 * 100];
        let sources = [Source { channels: 7, values: &x }];
        convolution.run(Kernel::best(), &Pool::new(2), 2, &extent, &sources, &[], &mut out);
        out
    };
    let plain = run(Tail::default(), [1, 1]);
    let spread = run(Tail { instructions: vec![scale] }, [2, 3]);
    for (at, got) in spread.iter().enumerate() {
        let (plane, y, x) = (at / 600, at / 60 % 10, at % 60);
        let channel = plane * 6 + y % 2 * 3 + x % 3;
        let factor = [2.0, 3.0][plane % 2];
        assert_eq!(*got, plain[channel * 100 + y / 2 * 20 + x / 3] * factor);
    }
}

#[test]
fn a_program_says_the_same_in_fewer_instructions() {
    use Function::*;
    use Operand::*;
    let instruction = |function, left, right| Instruction { function, left, right };
    let hard_swish = |first: usize| {
        vec![
            instruction(Add, Value(first), Scalar(3.0)),
            instruction(Max, Value(first + 1), Scalar(0.0)),
            instruction(Min, Value(first + 2), Scalar(6.0)),
            instruction(Mul, Value(first), Value(first + 3)),
            instruction(Mul, Value(first + 4), Scalar(1.0 / 6.0)),
        ]
    };
    let mut long = vec![instruction(Mul, Value(0), Scalar(2.0))];
    long.extend(hard_swish(1));
    long.extend([instruction(Add, Value(6), Value(0)), instruction(Sub, Value(7), Value(6))]);
    let mut tail = Tail { instructions: long.clone() };
    tail.shorten();
    let functions: Vec<_> = tail.instructions.iter().map(|i| i.function).collect();
    assert_eq!(functions, [Mul, HardSwish, Add, Sub]);
    let x: Vec<f32> = numbers(2 * 3 * 500, 1).iter().map(|x| x * 5.0).collect();
    let run = |tail: &Tail| {
        let mut out = vec![f32::NAN; x.len()];
        apply(Kernel::best(), &Pool::new(2), tail, [3, 500], &x, &[], &mut out);
        out
    };
    for (short, long) in run(&tail).iter().zip(run(&Tail { instructions: long })) {
        assert!((short - long).abs() < 1e-5 * (1.0 + long.abs()), "{short} for {long}");
    }
    // A value that is read later stays.
    let mut kept = hard_swish(0);
    kept.push(instruction(Add, Value(5), Value(2)));
    let mut tail = Tail { instructions: kept.clone() };
    tail.shorten();
    assert_eq!(tail.instructions, kept);
}

#[test]
fn wrong_lengths_are_told() {
    let window = Window { kernel: [3, 3], stride: [1, 1], dilation: [1, 1] };
    let new = |groups, weights: usize| {
        let weights = vec![0.0; weights];
        Convolution::new(window, groups, [4, 6], &weights, &[0.0; 6], Tail::default(), None).err()
    };
    assert_eq!(new(1, 216), None);
    assert!(new(1, 215).unwrap().contains("215 weights"));
    assert!(new(4, 54).unwrap().contains("4 groups"));
}
