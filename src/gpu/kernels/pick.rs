//! Takes the rows whose logits are wanted out of all rows.

use super::{Kernel, STEP, storage};

/// An invocation for each number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pick {
    pub(crate) width: usize,
    pub(crate) from: usize,
    pub(crate) stride: usize,
    pub(crate) out_stride: usize,
}

/// Binding numbers.
impl Pick {
    pub(crate) const X: usize = 2;
    pub(crate) const WANTED: usize = 3;
    pub(crate) const OUT: usize = 4;
}

const THREADS: usize = 64;

impl Pick {
    pub(crate) fn kernel(&self) -> Kernel {
        let Self { width, from, stride, out_stride } = self;
        let mut text = STEP.to_owned();
        text += &storage(Self::X, "read", "x", "f32");
        text += &storage(Self::WANTED, "read", "wanted", "u32");
        text += &storage(Self::OUT, "read_write", "out", "f32");
        text += &format!(
            "@compute @workgroup_size({THREADS})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {{
    if (id.x < {width}u && id.y < step.wanted) {{
        out[id.y * {out_stride}u + id.x] = x[wanted[id.y] * {stride}u + {from}u + id.x];
    }}
}}
"
        );
        Kernel { name: "pick", text }
    }

    /// Workgroups for so many wanted rows.
    pub(crate) fn groups(&self, wanted: usize) -> [u32; 3] {
        [self.width.div_ceil(THREADS) as u32, wanted as u32, 1]
    }
}
