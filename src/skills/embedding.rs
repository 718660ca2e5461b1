//! From what an encoder says of each token to one vector for the text.

use super::heads::Pool;

/// One vector of `width` values from those of the tokens, one after another; `tokens` is not empty
/// and holds whole vectors.
pub fn pool(tokens: &[f32], width: usize, pool: Pool) -> Vec<f32> {
    let mut rows = tokens.chunks_exact(width.max(1));
    match pool {
        Pool::Cls => rows.next().unwrap_or_default().to_vec(),
        Pool::Mean => {
            let mut sums = vec![0.0f64; width];
            let count = rows.len().max(1) as f64;
            for row in rows {
                sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += f64::from(*value));
            }
            sums.into_iter().map(|sum| (sum / count) as f32).collect()
        }
    }
}

/// Gives a vector the length 1; one of zeros stays as it is.
pub fn normalise(vector: &mut [f32]) {
    let squares: f64 = vector.iter().map(|&v| f64::from(v) * f64::from(v)).sum();
    if squares > 0.0 {
        let inverse = 1.0 / squares.sqrt();
        vector.iter_mut().for_each(|v| *v = (f64::from(*v) * inverse) as f32);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_the_mean_of_its_tokens_or_its_first() {
        let tokens = [1.0, 2.0, 3.0, 6.0];
        assert_eq!(pool(&tokens, 2, Pool::Mean), [2.0, 4.0]);
        assert_eq!(pool(&tokens, 2, Pool::Cls), [1.0, 2.0]);
    }

    #[test]
    fn lengths_become_one_and_zeros_stay() {
        let mut vector = [3.0, 4.0];
        normalise(&mut vector);
        assert_eq!(vector, [0.6, 0.8]);
        let mut nothing = [0.0; 2];
        normalise(&mut nothing);
        assert_eq!(nothing, [0.0; 2]);
    }
}
