//! Whose vectors the head may be shown.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use super::head::Head;
use crate::skills::voice::Meaning;

/// The cosine from which on a vector is the one that the head knows: another precision of the same
/// encoder reaches it, another encoder does not.
const SAME: f32 = 0.95;

/// Looks at vectors by the head's own probes before it is shown any: texts whose vectors it knows. A
/// package's name says nothing of who made its vectors.
#[derive(Debug, Default)]
pub(in crate::skills) struct Trusted {
    /// The last encoder that was looked at, and whether its vectors are those.
    known: Mutex<Option<(String, bool)>>,
}

impl Trusted {
    /// A text's vector; none where nobody makes it in time, or its maker is not the head's.
    pub(in crate::skills) async fn vector(
        &self,
        meaning: &dyn Meaning,
        text: &str,
        deadline: Instant,
    ) -> Option<Arc<[f32]>> {
        let encoder = meaning.encoder()?;
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let fits = match known.filter(|(name, _)| *name == encoder) {
            Some((_, fits)) => fits,
            None => self.look(meaning, encoder, deadline).await?,
        };
        if fits { meaning.vector(text, deadline).await } else { None }
    }

    async fn look(
        &self,
        meaning: &dyn Meaning,
        encoder: String,
        deadline: Instant,
    ) -> Option<bool> {
        let probes = &Head::built_in().probes;
        let mut fits = !probes.is_empty();
        for probe in probes {
            let vector = meaning.vector(&probe.text, deadline).await?;
            fits &= cosine(&vector, &probe.vector).is_some_and(|cosine| cosine >= SAME);
        }
        if !fits {
            tracing::warn!(
                encoder,
                "moods are told by words alone, as this encoder's vectors are not those that the head knows"
            );
        }
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some((encoder, fits));
        Some(fits)
    }
}

/// None for vectors of different sizes.
fn cosine(one: &[f32], other: &[f32]) -> Option<f32> {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    let lengths = (dot(one, one) * dot(other, other)).sqrt();
    (one.len() == other.len() && lengths > 0.0).then(|| dot(one, other) / lengths)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use futures_util::FutureExt as _;
    use futures_util::future::{BoxFuture, ready};

    use super::*;

    /// Makes of each text what a test says, and counts.
    struct Makes(&'static str, fn(&str) -> Vec<f32>, AtomicUsize);

    impl Meaning for Makes {
        fn vector<'a>(&'a self, text: &'a str, _: Instant) -> BoxFuture<'a, Option<Arc<[f32]>>> {
            self.2.fetch_add(1, Ordering::SeqCst);
            ready(Some((self.1)(text).into())).boxed()
        }

        fn encoder(&self) -> Option<String> {
            Some(self.0.to_owned())
        }

        fn is_at_hand(&self) -> bool {
            true
        }
    }

    /// As the head's encoder does, a little less exactly.
    fn known(text: &str) -> Vec<f32> {
        let probe = Head::built_in().probes.iter().find(|probe| probe.text == text);
        let vector = probe.map_or_else(|| vec![0.05; 384], |probe| probe.vector.clone());
        vector
            .into_iter()
            .enumerate()
            .map(|(at, v)| v + if at % 2 == 0 { 0.01 } else { -0.01 })
            .collect()
    }

    fn another(_: &str) -> Vec<f32> {
        (0..384).map(|at| if at % 3 == 0 { 0.09 } else { -0.03 }).collect()
    }

    fn smaller(_: &str) -> Vec<f32> {
        vec![0.1; 96]
    }

    #[tokio::test]
    async fn vectors_of_another_encoder_are_not_shown_to_the_head_whatever_its_name() {
        let deadline = Instant::now() + Duration::from_secs(9);
        for (name, makes, fits) in [
            ("renamed 1", known as fn(&str) -> Vec<f32>, true),
            ("all-minilm-l6-v2 1", another, false),
            ("all-minilm-l6-v2 2", smaller, false),
        ] {
            let (meaning, trusted) = (Makes(name, makes, AtomicUsize::new(0)), Trusted::default());
            for asked in 1..=2 {
                let vector = trusted.vector(&meaning, "Where is the milk?", deadline).await;
                assert_eq!(vector.is_some(), fits, "{name}");
                let made = meaning.2.load(Ordering::SeqCst);
                let probes = Head::built_in().probes.len();
                assert_eq!(made, probes + if fits { asked } else { 0 }, "it is looked at once");
            }
        }
    }
}
