//! Lines of a body that comes in pieces.

/// Cuts what comes into lines; never holds more than one.
#[derive(Debug)]
pub(super) struct Lines {
    rest: Vec<u8>,
    limit: usize,
    /// Lines so far.
    pub(super) count: u64,
}

/// A line that is longer than one may be.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooLong;

impl Lines {
    pub(super) fn new(limit: usize) -> Self {
        Self { rest: Vec::new(), limit, count: 0 }
    }

    /// Takes the next piece; gives each line that it completes, with its number. What comes behind
    /// a line that is too long is not looked at.
    pub(super) fn push(
        &mut self,
        mut piece: &[u8],
        mut each: impl FnMut(u64, &[u8]),
    ) -> Result<(), TooLong> {
        while let Some(end) = piece.iter().position(|byte| *byte == b'\n') {
            let (line, behind) = piece.split_at(end);
            self.keep(line)?;
            self.end(&mut each);
            piece = behind.get(1..).unwrap_or_default();
        }
        self.keep(piece)
    }

    /// Gives the last line, where it has no end.
    pub(super) fn finish(&mut self, mut each: impl FnMut(u64, &[u8])) {
        if !self.rest.is_empty() {
            self.end(&mut each);
        }
    }

    fn keep(&mut self, part: &[u8]) -> Result<(), TooLong> {
        if self.rest.len() + part.len() > self.limit {
            self.count += 1;
            return Err(TooLong);
        }
        self.rest.extend_from_slice(part);
        Ok(())
    }

    fn end(&mut self, each: &mut impl FnMut(u64, &[u8])) {
        self.count += 1;
        let line = std::mem::take(&mut self.rest);
        each(self.count, line.trim_ascii());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_the_same_wherever_the_body_is_cut() {
        let body = b"one\n\n two\r\nthree\n  \nfour";
        for size in 1..=body.len() {
            let (mut lines, mut found) = (Lines::new(8), Vec::new());
            for piece in body.chunks(size) {
                let each = |number, line: &[u8]| found.push((number, line.to_vec()));
                lines.push(piece, each).unwrap();
            }
            lines.finish(|number, line| found.push((number, line.to_vec())));
            let expected = [(1, "one"), (2, ""), (3, "two"), (4, "three"), (5, ""), (6, "four")];
            let expected = expected.map(|(number, line)| (number, line.as_bytes().to_vec()));
            assert_eq!(found, expected, "pieces of {size} bytes");
        }
    }

    #[test]
    fn a_line_that_is_too_long_is_told_by_its_number() {
        let mut lines = Lines::new(4);
        assert_eq!(lines.push(b"ok\n1234", |_, _| ()), Ok(()));
        assert_eq!(lines.push(b"5", |_, _| ()), Err(TooLong));
        assert_eq!(lines.count, 2);
    }
}
