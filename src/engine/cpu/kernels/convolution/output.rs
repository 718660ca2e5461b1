//! Where sums go when they are done.

use super::super::Kernel;
use super::rows::{Around, Rows};
use super::{Convolution, MOST_PICTURES, Picture};

/// The output of a convolution, which pieces write in parts that have nothing in common.
pub(super) struct Output<'a> {
    convolution: &'a Convolution,
    pictures: &'a [Picture<'a>],
    /// Rows and columns of a channel's sums.
    size: [usize; 2],
    out: *mut f32,
    len: usize,
    chain: bool,
}

// SAFETY: pieces write disjoint parts, and each piece is computed by one thread.
unsafe impl Sync for Output<'_> {}

impl<'a> Output<'a> {
    /// `out` is images × channels × places.
    pub(super) fn new(
        convolution: &'a Convolution,
        size: [usize; 2],
        pictures: &'a [Picture<'a>],
        out: &'a mut [f32],
    ) -> Self {
        let chain = convolution.tail.is_chain() && convolution.parts() == 1;
        Self { convolution, pictures, size, len: out.len(), out: out.as_mut_ptr(), chain }
    }

    /// Where sums begin, with the places of all channels one after the other.
    pub(super) fn at(&self, image: usize, channel: usize, [y, x]: [usize; 2]) -> usize {
        let [height, width] = self.size;
        let plane = image * self.convolution.channels[1] + channel;
        (plane * height + y) * width + x
    }

    /// Whether the tail must be told where sums belong: row by row, then.
    pub(super) fn by_row(&self) -> bool {
        self.convolution.tail.reads_pictures()
    }

    /// Does to sums of a channel what the tail says; they begin at `at`, which it needs where it reads
    /// pictures.
    pub(super) fn finish(
        &self,
        kernel: Kernel,
        of: [usize; 2],
        at: Option<usize>,
        sums: &mut [f32],
        rows: &mut Rows,
    ) {
        let pictures = self.pictures_at(of, at, sums.len());
        let channel = of[1] / self.convolution.parts();
        let around = Around { channel, pictures: &pictures };
        self.convolution.tail.run(kernel, &around, rows, sums);
    }

    /// What the tail reads of each picture at so many sums that begin at `at`.
    fn pictures_at(
        &self,
        [image, channel]: [usize; 2],
        at: Option<usize>,
        len: usize,
    ) -> [Picture<'a>; MOST_PICTURES] {
        let convolution = self.convolution;
        let plane = image * convolution.outputs() + channel / convolution.parts();
        let mut pictures = [&[][..]; MOST_PICTURES];
        for (around, picture) in pictures.iter_mut().zip(self.pictures) {
            *around = match at {
                Some(at) if picture.len() == self.len => &picture[at..at + len],
                _ => &picture[plane..=plane],
            };
        }
        pictures
    }

    /// Finishes sums and writes them: a part of a row, or whole rows, which begins at `at`.
    ///
    /// # Safety
    /// As for [`Self::write`].
    pub(super) unsafe fn put(
        &self,
        kernel: Kernel,
        of: [usize; 2],
        at: usize,
        sums: &mut [f32],
        rows: &mut Rows,
    ) {
        if !self.chain {
            self.finish(kernel, of, Some(at), sums, rows);
            // SAFETY: the caller's promise.
            return unsafe { self.write(of[1], at, sums) };
        }
        assert!(at + sums.len() <= self.len);
        let pictures = self.pictures_at(of, Some(at), sums.len());
        let around = Around { channel: of[1], pictures: &pictures };
        // SAFETY: the part lies within the output; the caller vouches for the rest.
        let out = unsafe { std::slice::from_raw_parts_mut(self.out.add(at), sums.len()) };
        self.convolution.tail.run_chain_to(kernel, &around, sums, out);
    }

    /// Writes a part of a row of a channel's sums, which begins at `at`.
    ///
    /// # Safety
    /// The part lies within the row, and no other thread writes these places of this channel.
    pub(super) unsafe fn write(&self, channel: usize, at: usize, sums: &[f32]) {
        assert!(at + sums.len() <= self.len);
        let [down, across] = self.convolution.spread;
        if down * across == 1 {
            // SAFETY: the part lies within the output; the caller vouches for the rest.
            let out = unsafe { std::slice::from_raw_parts_mut(self.out.add(at), sums.len()) };
            out.copy_from_slice(sums);
            return;
        }
        let [height, width] = self.size;
        let (plane, y, x) = (at / width / height, at / width % height, at % width);
        let (part, plane) = (channel % (down * across), plane / (down * across));
        let row = (plane * height + y) * down + part / across;
        let first = (row * width + x) * across + part % across;
        for (column, sum) in sums.iter().enumerate() {
            // SAFETY: neighbouring channels have the places between; together they are as many as
            // the output has.
            unsafe { self.out.add(first + column * across).write(*sum) };
        }
    }
}
