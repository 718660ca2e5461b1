//! Products and embeddings.

use super::matrix::forms;
use super::*;
use crate::kernels::{Embed, Linear, Rows, Variant};
use crate::weights::{BLOCK, Form, Offset, TILE, Tiles, Weights};

const VARIANTS: [Variant; 5] = [
    Variant { rows: 1, tiles: 1, slices: 8 },
    Variant { rows: 1, tiles: 4, slices: 8 },
    Variant { rows: 4, tiles: 2, slices: 8 },
    Variant { rows: 8, tiles: 4, slices: 8 },
    Variant { rows: 3, tiles: 2, slices: 16 },
];

struct Case {
    form: Form,
    outputs: usize,
    inputs: usize,
    rows: usize,
    gated: bool,
    bias: bool,
    residual: bool,
    function: Function,
    variant: Variant,
}

const FUNCTIONS: [Function; 6] = [
    Function::None,
    Function::Relu,
    Function::Gelu,
    Function::GeluTanh,
    Function::Tanh,
    Function::Sigmoid,
];

fn tiles_of(matrices: &[&Matrix], tiles: usize) -> Tiles {
    let mut all = Tiles::default();
    for tile in 0..tiles {
        matrices.iter().for_each(|matrix| matrix.append(tile..tile + 1, &mut all));
    }
    all
}

fn stored(form: &Form, tiles: Tiles) -> Vec<(usize, Vec<u32>)> {
    let mut buffers = vec![(Linear::WORDS, tiles.words)];
    if form.width.quantised() {
        buffers.push((Linear::SCALES, tiles.scales));
        if form.offset == Offset::Minimum {
            buffers.push((Linear::MINIMUMS, tiles.minimums));
        }
    }
    buffers
}

/// Rows of `inputs` numbers, each behind four that are not its own and before zeros.
fn spread(x: &[f32], inputs: usize, stride: usize) -> Vec<u32> {
    let mut all = Vec::new();
    for row in x.chunks_exact(inputs) {
        all.extend([f32::NAN; 4].map(f32::to_bits));
        all.extend(bits(row));
        all.resize(all.len().next_multiple_of(stride), 0);
    }
    all
}

fn check(case: &Case) {
    let Case { form, outputs, inputs, rows, gated, bias, residual, function, variant } = *case;
    let what = format!(
        "{form:?} {outputs}×{inputs}, {rows} rows, gated {gated}, {function:?}, {variant:?}"
    );
    let up = Matrix::new(form, outputs, inputs, 1);
    let gate = Matrix::new(form, outputs, inputs, 2);
    let mut chance = Chance::new(3);
    let (x, biases) = (chance.floats(rows * inputs), chance.floats(outputs + 5));
    let (added_stride, out_stride) = (outputs + 7, outputs + 9);
    let added = chance.floats(rows * added_stride);
    let stride = inputs.next_multiple_of(BLOCK) + 4;
    let linear = Linear {
        form,
        rows: Rows::Tokens,
        inputs,
        from: 4,
        stride,
        out_stride,
        gated,
        bias,
        function,
        residual: residual.then_some(added_stride),
    };
    let own = outputs.div_ceil(TILE);
    let tiles = if gated { own * 2 } else { own };
    let matrices: &[&Matrix] = if gated { &[&up, &gate] } else { &[&up] };
    let mut buffers = stored(&form, tiles_of(matrices, own));
    buffers.push((Linear::X, spread(&x, inputs, stride)));
    buffers.push((Linear::OUT, vec![0; rows * out_stride]));
    if bias {
        buffers.push((Linear::BIAS, bits(&biases)));
    }
    if residual {
        buffers.push((Linear::RESIDUAL, bits(&added)));
    }
    // This piece's outputs begin at the third of the result.
    let first = 2;
    let uniforms = [[rows as u32, 0, 1, 0], [first as u32, outputs as u32, tiles as u32, 0]];
    let kernel = linear.kernel(variant);
    let groups = variant.groups(tiles, rows);
    let out = run(&kernel, &buffers, uniforms, groups, &[Linear::OUT]);
    let out = floats(&out[0]);
    let mut want = vec![0.0; rows * out_stride];
    for row in 0..rows {
        let x = &x[row * inputs..][..inputs];
        let (y, g) = (up.times(x), gate.times(x));
        for at in 0..outputs {
            let mut value = y[at];
            if gated {
                value *= g[at] / (1.0 + (-g[at]).exp());
            }
            if bias {
                value += biases[first + at];
            }
            value = exact(function, value);
            if residual {
                value += added[row * added_stride + first + at];
            }
            want[row * out_stride + first + at] = value;
        }
    }
    near(&out[..want.len()], &want, &what);
}

#[test]
fn products_are_those_of_floats_in_every_form() {
    for (form, variant) in forms().into_iter().zip(VARIANTS.into_iter().cycle()) {
        let (gated, bias, residual, function) = (false, false, false, Function::None);
        let (outputs, inputs, rows) = (40, 96, 5);
        check(&Case { form, outputs, inputs, rows, gated, bias, residual, function, variant });
    }
}

#[test]
fn products_of_every_shape_with_what_belongs_to_them() {
    let form = forms()[0];
    let mut variants = VARIANTS.iter().cycle();
    for (outputs, inputs, rows) in [
        (16, 32, 1),
        (1, 32, 1),
        (17, 64, 2),
        (64, 48, 3),
        (100, 320, 9),
        (33, 512, 17),
        (130, 80, 8),
    ] {
        for (gated, bias, residual) in
            [(false, true, false), (false, false, true), (true, false, false), (false, true, true)]
        {
            let fits = |variant: &&Variant| !gated || variant.tiles.is_multiple_of(2);
            let variant = *variants.find(fits).unwrap();
            let function = Function::None;
            check(&Case { form, outputs, inputs, rows, gated, bias, residual, function, variant });
        }
    }
}

#[test]
fn products_go_through_every_function_before_a_residual_is_added() {
    let forms = forms();
    for (at, function) in FUNCTIONS.into_iter().enumerate() {
        // Small products, and products that are far beyond where functions are flat.
        for (form, inputs) in [(forms[at], 64), (forms[0], 512)] {
            let (outputs, rows, gated, bias, variant) = (50, 3, false, true, VARIANTS[at % 5]);
            for residual in [false, true] {
                let case =
                    Case { form, outputs, inputs, rows, gated, bias, residual, function, variant };
                check(&case);
            }
        }
    }
}

#[test]
fn embeddings_are_rows_of_the_matrix() {
    for form in forms() {
        for (outputs, width) in [(50, 64), (16, 96), (37, 48)] {
            let matrix = Matrix::new(form, outputs, width, 7);
            let stride = width.next_multiple_of(4) + 8;
            let embed = Embed { form, width, out_stride: stride };
            let ids = [3, 0, outputs - 1, 15, outputs - 2, 3];
            // The matrix stands for the rows from 2 on of a larger one; token 1 is in another piece.
            let mut rows: Vec<u32> = ids.iter().flat_map(|&id| [id as u32 + 2, 9, 9, 9]).collect();
            rows.extend([1, 0, 0, 0]);
            let tokens = ids.len() + 1;
            let mut buffers = stored(&form, tiles_of(&[&matrix], outputs.div_ceil(TILE)));
            buffers.push((Embed::ROWS, rows));
            buffers.push((Embed::OUT, vec![0; tokens * stride]));
            let uniforms = [[tokens as u32, 0, 1, 0], [2, outputs as u32, 0, 0]];
            let groups = embed.groups(tokens);
            let out = run(&embed.kernel(), &buffers, uniforms, groups, &[Embed::OUT]);
            let mut want = vec![0.0; tokens * stride];
            for (row, &id) in ids.iter().enumerate() {
                for at in 0..width {
                    want[row * stride + at] = matrix.weight(id, at);
                }
            }
            near(&floats(&out[0])[..want.len()], &want, &format!("{form:?} {outputs}×{width}"));
        }
    }
}
