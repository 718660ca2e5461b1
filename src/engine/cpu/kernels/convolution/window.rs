//! Where a window lies on its input, and how a block of that input lies in a buffer.

/// The part of a picture that one output reads: height first, then width.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::engine::cpu) struct Window {
    pub(in crate::engine::cpu) kernel: [usize; 2],
    pub(in crate::engine::cpu) stride: [usize; 2],
    pub(in crate::engine::cpu) dilation: [usize; 2],
}

/// Sizes of a convolution's pictures, and the zeros before the first row and column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine::cpu) struct Extent {
    pub(in crate::engine::cpu) input: [usize; 2],
    pub(in crate::engine::cpu) before: [usize; 2],
    pub(in crate::engine::cpu) output: [usize; 2],
}

impl Window {
    /// Elements of the window.
    pub(in crate::engine::cpu) fn taps(&self) -> usize {
        self.kernel.iter().product()
    }

    /// Whether each output reads the one input at its own place.
    pub(super) fn is_point(&self, extent: &Extent) -> bool {
        let single = self.kernel == [1, 1] && self.stride == [1, 1] && extent.before == [0, 0];
        single && extent.input == extent.output
    }
}

/// How a block of input lies in a buffer.
///
/// A window that moves by s reads, of each of its taps, every s-th row and column. Rows and columns
/// are therefore sorted by their remainders: each pair of remainders that a tap has is a plane, and
/// in it neighbours are what neighbouring outputs read. An output at (y, x) of the block then finds
/// each tap at `y * pitch + x` plus a number that belongs to the tap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layout {
    /// Floats from one row of a plane to the next.
    pub(super) pitch: usize,
    /// Rows of a plane.
    pub(super) height: usize,
    /// Remainders of each plane.
    pub(super) planes: Vec<[usize; 2]>,
    /// Where each tap begins within a channel.
    pub(super) taps: Vec<usize>,
}

impl Layout {
    /// For blocks of `rows` × `columns` outputs.
    pub(super) fn new(window: &Window, rows: usize, columns: usize) -> Self {
        let [stride_y, stride_x] = window.stride;
        let offsets: Vec<[usize; 2]> = (0..window.kernel[0])
            .flat_map(|y| (0..window.kernel[1]).map(move |x| [y, x]))
            .map(|[y, x]| [y * window.dilation[0], x * window.dilation[1]])
            .collect();
        let height = rows + offsets.iter().map(|[y, _]| y / stride_y).max().unwrap_or(0);
        let pitch = columns + offsets.iter().map(|[_, x]| x / stride_x).max().unwrap_or(0);
        let mut planes = Vec::new();
        let taps = offsets.iter().map(|[y, x]| {
            let remainders = [y % stride_y, x % stride_x];
            let plane = planes.iter().position(|plane| *plane == remainders);
            let plane = plane.unwrap_or_else(|| {
                planes.push(remainders);
                planes.len() - 1
            });
            (plane * height + y / stride_y) * pitch + x / stride_x
        });
        let taps = taps.collect();
        Self { pitch, height, planes, taps }
    }

    /// Floats of a channel.
    pub(super) fn channel(&self) -> usize {
        self.planes.len() * self.height * self.pitch
    }
}
