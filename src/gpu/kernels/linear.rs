//! Products of rows with weights, and what belongs to them.
//!
//! A workgroup makes the outputs of a few tiles for a few rows. Its invocations are the sixteen
//! outputs of a tile times the slices into which the inputs are cut; a slice takes every so-many-th
//! block. Each invocation keeps the sums of its output for all rows in registers, so a weight is read
//! once for all of them and a row's number once for all tiles. At the end the slices are added up in
//! their order. So a row's result is the same whatever the number of rows and tiles.

use std::fmt::Write;

use super::dequantize::{functions, groups};
use super::{Kernel, PLACE, Rows, STEP, storage};
use crate::graph::Function;
use crate::weights::{BLOCK, Form, Offset, TILE};

/// A product's shape, and what is done with its result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Linear {
    pub(crate) form: Form,
    pub(crate) rows: Rows,
    /// Numbers of a row.
    pub(crate) inputs: usize,
    /// Where they begin in a row of the input's buffer, and how long such a row is; multiples of 4.
    pub(crate) from: usize,
    pub(crate) stride: usize,
    /// How long a row of the result's buffer is.
    pub(crate) out_stride: usize,
    /// Tiles come in pairs, of which the second makes the gate of the first: `silu(g) * y`.
    pub(crate) gated: bool,
    pub(crate) bias: bool,
    pub(crate) function: Function,
    /// How long a row of what is added is.
    pub(crate) residual: Option<usize>,
}

/// How the work is divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Variant {
    /// Rows of a workgroup.
    pub(crate) rows: usize,
    /// Tiles of a workgroup.
    pub(crate) tiles: usize,
    /// Slices of the inputs: the same for a matrix whatever the rows, or results would differ.
    pub(crate) slices: usize,
}

impl Variant {
    /// The same for a matrix of few tiles: one tile for each workgroup, where a row by itself would
    /// leave most of a device idle. Results are the same.
    pub(crate) const fn spread(self, tiles: usize, gated: bool) -> Self {
        const IDLE: usize = 128;
        let few = tiles.div_ceil(self.tiles) < IDLE;
        if self.rows == 1 && few && !gated { Self { tiles: 1, ..self } } else { self }
    }

    /// Workgroups for a matrix of `tiles` tiles and so many rows.
    pub(crate) const fn groups(&self, tiles: usize, rows: usize) -> [u32; 3] {
        [tiles.div_ceil(self.tiles) as u32, rows.div_ceil(self.rows) as u32, 1]
    }
}

/// Binding numbers.
impl Linear {
    pub(crate) const WORDS: usize = 2;
    pub(crate) const X: usize = 3;
    pub(crate) const OUT: usize = 4;
    pub(crate) const SCALES: usize = 5;
    pub(crate) const MINIMUMS: usize = 6;
    pub(crate) const BIAS: usize = 7;
    pub(crate) const RESIDUAL: usize = 8;
}

impl Linear {
    /// Its text.
    pub(crate) fn kernel(&self, variant: Variant) -> Kernel {
        let blocks = self.inputs.div_ceil(BLOCK);
        let mut text = format!("{STEP}{PLACE}");
        text += &self.declarations();
        text += &functions(&self.form, blocks);
        let Variant { rows, tiles, slices } = variant;
        let (sums, threads) = (rows * tiles * slices * TILE, slices * TILE);
        let _infallible = write!(
            text,
            "var<workgroup> sums: array<f32, {sums}>;
@compute @workgroup_size({threads})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) at: u32) {{
    let lane = at % {TILE}u;
    let slice = at / {TILE}u;
    let first = group.x * {tiles}u;
    let row = group.y * {rows}u;
    let last = {count} - 1u;
",
            count = self.rows.count(),
        );
        self.begin(&mut text, variant);
        let _infallible =
            writeln!(text, "    for (var block = slice; block < {blocks}u; block += {slices}u) {{");
        self.block(&mut text, variant);
        text += "    }\n";
        for (tile, row) in pairs(variant) {
            let _infallible = writeln!(
                text,
                "    sums[((slice * {tiles}u + {tile}u) * {rows}u + {row}u) * {TILE}u + lane] = a{tile}_{row};"
            );
        }
        self.finish(&mut text, variant);
        Kernel { name: "linear", text }
    }

    fn declarations(&self) -> String {
        let mut text = storage(Self::WORDS, "read", "words", "vec4<u32>");
        text += &storage(Self::X, "read", "x", "vec4<f32>");
        text += &storage(Self::OUT, "read_write", "out", "f32");
        if self.form.width.quantised() {
            text += &storage(Self::SCALES, "read", "scales", "u32");
            if self.form.offset == Offset::Minimum {
                text += &storage(Self::MINIMUMS, "read", "minimums", "u32");
            }
        }
        if self.bias {
            text += &storage(Self::BIAS, "read", "bias", "f32");
        }
        if self.residual.is_some() {
            text += &storage(Self::RESIDUAL, "read", "residual", "f32");
        }
        text
    }

    /// Sums at zero; where rows and tiles begin, the last again where there are no more.
    fn begin(&self, text: &mut String, variant: Variant) {
        let (from, stride) = (self.from / 4, self.stride / 4);
        for row in 0..variant.rows {
            let _infallible =
                writeln!(text, "    let x{row} = {from}u + min(row + {row}u, last) * {stride}u;");
        }
        for tile in 0..variant.tiles {
            let _infallible =
                writeln!(text, "    let t{tile} = min(first + {tile}u, place.tiles - 1u);");
        }
        for (tile, row) in pairs(variant) {
            let _infallible = writeln!(text, "    var a{tile}_{row} = 0.0;");
        }
    }

    /// Adds a block's products to the sums.
    fn block(&self, text: &mut String, variant: Variant) {
        let form = &self.form;
        let _infallible = writeln!(text, "        let b = block * {}u;", BLOCK / 4);
        for tile in 0..variant.tiles {
            for part in (0..form.parts).filter(|_| form.width.quantised()) {
                let _infallible = writeln!(
                    text,
                    "        let s{tile}_{part} = scale_at(t{tile}, block, {part}u, lane);"
                );
                if form.offset == Offset::Minimum {
                    let _infallible = writeln!(
                        text,
                        "        let m{tile}_{part} = minimum_at(t{tile}, block, {part}u, lane);"
                    );
                }
            }
            for quad in 0..form.width.quads() {
                let _infallible = writeln!(
                    text,
                    "        let q{tile}_{quad} = quad_at(t{tile}, block, {quad}u, lane);"
                );
            }
        }
        for (at, group) in groups(form).iter().enumerate() {
            for tile in 0..variant.tiles {
                let (quad, part) = (format!("q{tile}_{}", group.quad), group.part);
                let (scale, minimum) = (format!("s{tile}_{part}"), format!("m{tile}_{part}"));
                let weights = group.weights(form, &quad, &scale, &minimum);
                let _infallible = writeln!(text, "        let w{tile}_{at} = {weights};");
            }
            for row in 0..variant.rows {
                let _infallible =
                    writeln!(text, "        let v{row}_{at} = x[x{row} + b + {}u];", group.four);
                for tile in 0..variant.tiles {
                    let (sum, w, v) =
                        (format!("a{tile}_{row}"), format!("w{tile}_{at}"), format!("v{row}_{at}"));
                    let _infallible = writeln!(
                        text,
                        "        {sum} = fma({w}.x, {v}.x, fma({w}.y, {v}.y, fma({w}.z, {v}.z, fma({w}.w, {v}.w, {sum}))));"
                    );
                }
            }
        }
    }

    /// Adds up the slices and writes the results.
    fn finish(&self, text: &mut String, variant: Variant) {
        let Variant { rows, tiles, slices } = variant;
        let (makes, step) = if self.gated { (tiles / 2, 2) } else { (tiles, 1) };
        let (all, threads) = (makes * rows * TILE, slices * TILE);
        let total = |tile: &str| {
            let at = format!("({tile} * {rows}u + m) * {TILE}u + l");
            format!("total({at})")
        };
        let _infallible = write!(
            text,
            "    workgroupBarrier();
    for (var i = at; i < {all}u; i += {threads}u) {{
        let l = i % {TILE}u;
        let t = (i / {TILE}u) % {makes}u;
        let m = i / {per_row}u;
        let o = (first / {step}u + t) * {TILE}u + l;
        if (o < place.count && row + m <= last) {{
            let r = row + m;
            let c = place.first + o;
            var y = {y};
",
            per_row = TILE * makes,
            y = total(&format!("(t * {step}u)")),
        );
        if self.gated {
            let gate = total("(t * 2u + 1u)");
            let _infallible = writeln!(text, "            let g = {gate};");
            text.push_str("            y = y * (g / (1.0 + exp(-g)));\n");
        }
        if self.bias {
            text.push_str("            y += bias[c];\n");
        }
        text.push_str(of_function(self.function));
        if let Some(stride) = self.residual {
            let _infallible = writeln!(text, "            y += residual[r * {stride}u + c];");
        }
        let _infallible = write!(
            text,
            "            out[r * {stride}u + c] = y;
        }}
    }}
}}
fn total(at: u32) -> f32 {{
    var sum = 0.0;
    for (var slice = 0u; slice < {slices}u; slice += 1u) {{
        sum += sums[slice * {of_slice}u + at];
    }}
    return sum;
}}
",
            stride = self.out_stride,
            of_slice = tiles * rows * TILE,
        );
    }
}

/// What makes a function's value of `y`; exponents stay where no device makes infinities of them.
fn of_function(function: Function) -> &'static str {
    match function {
        Function::None => "",
        Function::Relu => "            y = max(y, 0.0);\n",
        // The error function to within 1.5e-7 (Abramowitz and Stegun 7.1.26).
        Function::Gelu => {
            "            let u = min(abs(y) * 0.70710677, 9.0);
            let e = 1.0 / fma(0.3275911, u, 1.0);
            let p = e * fma(e, fma(e, fma(e, fma(e, 1.0614054, -1.4531521), 1.4214138), -0.28449672), 0.2548296);
            let erf = 1.0 - p * exp(-u * u);
            y = 0.5 * y * (1.0 + select(erf, -erf, y < 0.0));
"
        }
        Function::GeluTanh => {
            "            let u = 0.7978846 * fma(0.044715 * y * y, y, y);
            y = y / (1.0 + exp(clamp(-2.0 * u, -80.0, 80.0)));
"
        }
        Function::Tanh => {
            "            y = 2.0 / (1.0 + exp(clamp(-2.0 * y, -80.0, 80.0))) - 1.0;\n"
        }
        Function::Sigmoid => "            y = 1.0 / (1.0 + exp(clamp(-y, -80.0, 80.0)));\n",
    }
}

fn pairs(variant: Variant) -> impl Iterator<Item = (usize, usize)> {
    (0..variant.tiles).flat_map(move |tile| (0..variant.rows).map(move |row| (tile, row)))
}
