//! Rotary positions.

/// How positions turn a head.
#[derive(Debug, Clone, Copy)]
pub(in crate::engine::cpu) struct Rotary<'a> {
    /// Positions × half a head.
    pub(in crate::engine::cpu) cos: &'a [f32],
    pub(in crate::engine::cpu) sin: &'a [f32],
    /// Neighbours are a pair, instead of the halves' equal places.
    pub(in crate::engine::cpu) interleaved: bool,
}

impl Rotary<'_> {
    /// Turns each head of `x`.
    #[inline(always)]
    pub(in crate::engine::cpu) fn turn(&self, x: &mut [f32], head_size: usize, position: usize) {
        let half = head_size / 2;
        let cos = &self.cos[position * half..(position + 1) * half];
        let sin = &self.sin[position * half..(position + 1) * half];
        for head in x.chunks_exact_mut(head_size) {
            if self.interleaved {
                for (pair, (cos, sin)) in head.chunks_exact_mut(2).zip(cos.iter().zip(sin)) {
                    let (a, b) = (pair[0], pair[1]);
                    pair[0] = a * cos - b * sin;
                    pair[1] = b * cos + a * sin;
                }
            } else {
                let (first, second) = head.split_at_mut(half);
                for ((a, b), (cos, sin)) in first.iter_mut().zip(second).zip(cos.iter().zip(sin)) {
                    (*a, *b) = (*a * cos - *b * sin, *b * cos + *a * sin);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turning_keeps_length_and_position_zero() {
        for interleaved in [false, true] {
            let angle = 0.7f32;
            let rotary = Rotary {
                cos: &[1.0, 1.0, angle.cos(), (angle * 0.1).cos()],
                sin: &[0.0, 0.0, angle.sin(), (angle * 0.1).sin()],
                interleaved,
            };
            let start = [1.0, 2.0, 3.0, 4.0];
            let mut x = start;
            rotary.turn(&mut x, 4, 0);
            assert_eq!(x, start);
            rotary.turn(&mut x, 4, 1);
            let partner = if interleaved { 1 } else { 2 };
            let want = start[0] * angle.cos() - start[partner] * angle.sin();
            assert!((x[0] - want).abs() < 1e-6);
            let length = |v: &[f32]| v.iter().map(|a| a * a).sum::<f32>();
            assert!((length(&x) - length(&start)).abs() < 1e-5);
        }
    }
}
