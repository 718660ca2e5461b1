mod integers;
mod margins;
mod measure;

use std::collections::BTreeSet;
use std::sync::Arc;

use tract_onnx::prelude::*;
use tract_onnx::tract_core::ops::array::TypedConcat;
use tract_onnx::tract_core::ops::cnn::conv::{Conv, KernelFormat};
use tract_onnx::tract_core::ops::cnn::{Deconv, MaxPool, PaddingSpec, PoolSpec, SumPool};
use tract_onnx::tract_core::ops::math::{add, max, min, mul};
use tract_onnx::tract_core::ops::nn::gelu_exact::gelu_exact;
use tract_onnx::tract_core::ops::nn::resize::{CoordTransformer, Interpolator, Nearest, Resize};
use tract_onnx::tract_core::ops::nn::{DataFormat, Reduce, Reducer, sigmoid};

use super::super::kernels::Kernel;
use super::super::kernels::pool::Pool;
use super::super::ops::Step;
use super::super::weights::Weights as Stored;
use super::*;
use crate::engine::Activation;

/// Numbers between -1 and 1 that look like chance.
fn numbers(shape: &[usize], seed: usize) -> Tensor {
    let count = shape.iter().product::<usize>();
    let scrambled = |i: usize| (i + seed * 9_973).wrapping_mul(2_654_435_761) >> 7 & 0xffff;
    let values: Vec<f32> = (0..count).map(|i| scrambled(i) as f32 / 32_768.0 - 1.0).collect();
    Tensor::from_shape(shape, &values).unwrap()
}

/// A graph that is put together node by node.
struct Sketch {
    model: TypedModel,
    nodes: usize,
}

impl Sketch {
    fn name(&mut self) -> String {
        self.nodes += 1;
        format!("node {}", self.nodes)
    }

    fn wire(&mut self, op: impl Into<Box<dyn TypedOp>>, inputs: &[OutletId]) -> OutletId {
        let name = self.name();
        self.model.wire_node(name, op, inputs).unwrap()[0]
    }

    fn constant(&mut self, value: Tensor) -> OutletId {
        let name = self.name();
        self.model.add_const(name, value).unwrap()
    }

    fn scalar(&mut self, x: f32) -> OutletId {
        self.constant(Tensor::from_shape(&[1, 1, 1, 1], &[x]).unwrap())
    }

    fn geometry([inputs, outputs]: [usize; 2], [kernel, stride, padding]: [usize; 3]) -> PoolSpec {
        let both = |n| tvec![n; 2];
        PoolSpec {
            data_format: DataFormat::NCHW,
            kernel_shape: both(kernel),
            padding: PaddingSpec::Explicit(both(padding), both(padding)),
            dilations: None,
            strides: Some(both(stride)),
            input_channels: inputs,
            output_channels: outputs,
        }
    }

    fn conv(
        &mut self,
        x: OutletId,
        group: usize,
        [inputs, outputs]: [usize; 2],
        [kernel, stride, padding]: [usize; 3],
    ) -> OutletId {
        let weights = numbers(&[outputs, inputs / group, kernel, kernel], self.nodes);
        let (weights, bias) = (self.constant(weights), self.constant(numbers(&[outputs], 5)));
        let op = Conv {
            pool_spec: Self::geometry([inputs, outputs], [kernel, stride, padding]),
            kernel_fmt: KernelFormat::OIHW,
            group,
            q_params: None,
        };
        self.wire(op, &[x, weights, bias])
    }

    fn hard_swish(&mut self, x: OutletId) -> OutletId {
        let [zero, three, six, sixth] = [0.0, 3.0, 6.0, 1.0 / 6.0].map(|x| self.scalar(x));
        let moved = self.wire(add(), &[x, three]);
        let below = self.wire(max(), &[moved, zero]);
        let within = self.wire(min(), &[below, six]);
        let product = self.wire(mul(), &[x, within]);
        self.wire(mul(), &[product, sixth])
    }

    /// The mean of a picture, through a product and a sigmoid, times the picture.
    fn gated(&mut self, x: OutletId, channels: usize) -> OutletId {
        let sum = Reduce { axes: tvec![2, 3], reducer: Reducer::Sum };
        let mean = self.wire(sum, &[x]);
        let small = self.scalar(0.002);
        let mean = self.wire(mul(), &[mean, small]);
        let gate = self.conv(mean, 1, [channels; 2], [1, 1, 0]);
        let gate = self.wire(sigmoid(), &[gate]);
        self.wire(mul(), &[x, gate])
    }
}

/// A graph with everything that is taken over, for any number of pictures.
fn everything() -> TypedModel {
    let mut s = Sketch { model: TypedModel::default(), nodes: 0 };
    let images = s.model.symbols.sym("N");
    let shape = [images.to_dim(), 3.to_dim(), 32.to_dim(), 40.to_dim()];
    let x = s.model.add_source("x", f32::fact(shape)).unwrap();
    let x = s.conv(x, 1, [3, 24], [3, 1, 1]);
    let x = s.hard_swish(x);
    let deep = s.conv(x, 24, [24, 24], [5, 2, 2]);
    let scale = s.constant(numbers(&[1, 24, 1, 1], 1));
    let deep = s.wire(mul(), &[deep, scale]);
    let deep = s.gated(deep, 24);
    let deep = s.conv(deep, 1, [24, 40], [1, 1, 0]);
    let zero = s.scalar(0.0);
    let deep = s.wire(gelu_exact(), &[deep]);
    let wide = s.conv(deep, 1, [40, 40], [3, 1, 1]);
    let deep = s.wire(add(), &[wide, deep]);
    let largest =
        MaxPool { pool_spec: Sketch::geometry([40, 40], [2, 2, 0]), with_index_outputs: None };
    let pooled = s.wire(largest, &[deep]);
    let bilinear = Resize {
        coord_transformer: CoordTransformer::HalfPixel,
        interpolator: Interpolator::Linear,
        nearest: Nearest::Floor,
        optional_scales_input: Some(1),
        optional_sizes_input: None,
    };
    let scales = s.constant(Tensor::from_shape(&[4], &[1.0f32, 1.0, 2.0, 2.0]).unwrap());
    let back = s.wire(bilinear, &[pooled, scales]);
    let joined = s.wire(TypedConcat { axis: 1 }, &[deep, back]);
    let joined = s.conv(joined, 2, [80, 16], [3, 1, 1]);
    let mean = SumPool {
        pool_spec: Sketch::geometry([16, 16], [3, 1, 1]),
        count_include_pad: false,
        normalize: true,
    };
    let mean = s.wire(mean, &[joined]);
    let (weights, bias) = (s.constant(numbers(&[6, 16, 2, 2], 3)), s.constant(numbers(&[6], 4)));
    let larger = Deconv {
        pool_spec: Sketch::geometry([16, 6], [2, 2, 0]),
        kernel_format: KernelFormat::OIHW,
        adjustments: tvec![0, 0],
        group: 1,
    };
    let larger = s.wire(larger, &[mean, weights, bias]);
    let gain = s.constant(numbers(&[1, 6, 1, 1], 8));
    let out = s.wire(mul(), &[larger, gain]);
    let out = s.wire(max(), &[out, zero]);
    s.model.select_output_outlets(&[out]).unwrap();
    s.model
}

fn weight_bytes(model: &TypedModel) -> u64 {
    let nodes = model.nodes.iter().filter_map(|node| node.op_as::<ConvolutionNode>());
    nodes.map(ConvolutionNode::weight_bytes).sum()
}

/// What a plan needs in its turn state.
fn threads(kernel: Kernel, count: usize) -> Step {
    Step::new(
        kernel,
        Activation::default(),
        Arc::new(Pool::new(count)),
        Arc::new(Stored::default()),
    )
}

fn floats(value: &TValue) -> Vec<f32> {
    value.try_as_plain_ram().unwrap().as_slice::<f32>().unwrap().to_vec()
}

#[test]
fn a_graph_gives_what_tract_gives() {
    let stock = everything().into_runnable().unwrap();
    let mut ours = everything();
    replace(&mut ours).unwrap();
    assert!(weight_bytes(&ours) > 80_000);
    let ours = ours.into_optimized().unwrap().into_runnable().unwrap();
    let operators: BTreeSet<String> =
        ours.model().nodes.iter().map(|node| node.op().name().to_string()).collect();
    let known =
        ["Const", "Convolution", "Elementwise", "Pooling", "Reduce<Sum>", "Resampling", "Source"];
    let unknown: Vec<_> = operators.iter().filter(|name| !known.contains(&&***name)).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
    assert!(weight_bytes(ours.model()) > 80_000);
    for kernel in Kernel::available() {
        let mut state = ours.spawn().unwrap();
        state.turn_state.shared.insert(threads(kernel, 2));
        for images in [1, 3] {
            let x = numbers(&[images, 3, 32, 40], 17);
            let want = floats(&stock.run(tvec![x.clone().into_tvalue()]).unwrap()[0]);
            let got = floats(&state.run(tvec![x.into_tvalue()]).unwrap()[0]);
            let largest = want.iter().fold(0.0f32, |most, x| most.max(x.abs()));
            assert_eq!(got.len(), want.len());
            for (at, (got, want)) in got.iter().zip(&want).enumerate() {
                let wrong = (got - want).abs();
                assert!(wrong < 3e-5 * largest, "{kernel:?} {images} {at}: {got} for {want}");
            }
        }
    }
}
