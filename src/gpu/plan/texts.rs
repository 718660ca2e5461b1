//! Dispatches of what encoders alone have.

use super::Groups;
use super::maker::{Maker, count};
use super::values::Place;
use crate::GpuError;
use crate::graph::{self, ValueId};
use crate::kernels::{Bound, LayerNorm, Mutual, Span};

impl Maker<'_> {
    pub(super) fn layer_norm(
        &mut self,
        x: ValueId,
        [gain, bias]: [&[f32]; 2],
        epsilon: f32,
        out: ValueId,
    ) -> Result<(), GpuError> {
        let memory = self.memory;
        let width = self.values.width(x)?;
        let gain = self.floats("gain", gain)?;
        let none = vec![0.0; width];
        let bias = self.floats("bias", if bias.is_empty() { &none } else { bias })?;
        let (x, out) = (self.values.place(x)?, self.values.place(out)?);
        let Place { rows, from, stride, .. } = x;
        let norm = LayerNorm { rows, width, from, stride, out_stride: out.stride, epsilon };
        let bound = vec![
            Bound::whole(LayerNorm::X, memory.value(x)?),
            Bound::whole(LayerNorm::GAIN, &gain),
            Bound::whole(LayerNorm::BIAS, &bias),
            Bound::whole(LayerNorm::OUT, memory.value(out)?),
        ];
        let groups: Groups = Box::new(move |sizes| LayerNorm::groups(count(rows, sizes)));
        self.dispatch(&norm.kernel(), bound, groups)
    }

    pub(super) fn mutual(&mut self, attention: &graph::Mutual) -> Result<(), GpuError> {
        let memory = self.memory;
        let &graph::Mutual { inputs, heads, head_size, scale, blind_is_zero, out, .. } = attention;
        let refused = |why: &str| Err(GpuError::Unsupported(why.to_owned()));
        if !head_size.is_multiple_of(4) || !(4..=256).contains(&head_size) {
            return refused("heads whose size is no multiple of 4, or more than 256");
        }
        let [q, k, v] = inputs.map(|value| self.values.place(value));
        let (places, out) = ([q?, k?, v?], self.values.place(out)?);
        if places.iter().any(|place| !place.from.is_multiple_of(4)) {
            return refused("heads that begin at no multiple of 4");
        }
        let spans = places.map(|Place { from, stride, .. }| Span { from, stride });
        let lost = || GpuError::Internal("a mask is missing".to_owned());
        let mask = attention.mask.map(|id| {
            let both = self.graph.masks.get(id).zip(memory.masks.get(id));
            both.ok_or_else(lost)
        });
        let mask = mask.transpose()?;
        let kernel = Mutual {
            heads,
            head_size,
            inputs: spans,
            out_stride: out.stride,
            scale,
            mask: mask.map(|(mask, _)| *mask),
            blind_is_zero,
        };
        let mut bound = vec![
            Bound::whole(Mutual::BLOCKS, &memory.blocks),
            Bound::whole(Mutual::OUT, memory.value(out)?),
        ];
        for (binding, place) in
            [Mutual::QUERIES, Mutual::KEYS, Mutual::VALUES].into_iter().zip(places)
        {
            bound.push(Bound::whole(binding, memory.value(place)?));
        }
        bound.extend(mask.map(|(_, buffer)| Bound::whole(Mutual::MASK, buffer)));
        let groups: Groups = Box::new(move |sizes| kernel.groups(sizes.blocks));
        self.dispatch(&kernel.kernel(), bound, groups)
    }
}
