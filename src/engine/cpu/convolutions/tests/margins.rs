use tract_onnx::tract_core::ops::array::{Pad, PadMode};
use tract_onnx::tract_core::ops::change_axes::AxisOp;

use super::*;

/// A picture with channels last, zeros around it and a convolution; then a repeated edge and the
/// largest of each window.
fn framed(fill: f32, edge: usize) -> TypedModel {
    let mut s = Sketch { model: TypedModel::default(), nodes: 0 };
    let images = s.model.symbols.sym("N");
    let shape = [images.to_dim(), 21.to_dim(), 30.to_dim(), 3.to_dim()];
    let x = s.model.add_source("x", f32::fact(shape)).unwrap();
    let mode = PadMode::Constant(Arc::new(Tensor::from(fill)));
    let x = s.wire(Pad { pads: vec![(0, 0), (1, 2), (3, 0), (0, 0)], mode }, &[x]);
    let x = s.wire(AxisOp::Move(3, 1), &[x]);
    let x = s.conv(x, 1, [3, 8], [3, 1, 1]);
    let pads = vec![(0, 0), (0, 0), (0, edge), (1, 1)];
    let x = s.wire(Pad { pads, mode: PadMode::Edge }, &[x]);
    let pool_spec = Sketch::geometry([8, 8], [3, 2, 0]);
    let x = s.wire(MaxPool { pool_spec, with_index_outputs: None }, &[x]);
    s.model.select_output_outlets(&[x]).unwrap();
    s.model
}

fn pads_left(model: TypedModel) -> usize {
    let stock = model.clone().into_runnable().unwrap();
    let mut ours = model;
    replace(&mut ours).unwrap();
    let ours = ours.into_optimized().unwrap().into_runnable().unwrap();
    let mut state = ours.spawn().unwrap();
    state.turn_state.shared.insert(threads(Kernel::best(), 2));
    let x = numbers(&[2, 21, 30, 3], 17);
    let want = stock.run(tvec![x.clone().into_tvalue()]).unwrap();
    let got = state.run(tvec![x.into_tvalue()]).unwrap();
    assert_eq!(want[0].shape(), got[0].shape());
    for (got, want) in floats(&got[0]).iter().zip(floats(&want[0])) {
        assert!((got - want).abs() < 1e-5, "{got} for {want}");
    }
    ours.model().nodes.iter().filter(|node| node.op_is::<Pad>()).count()
}

#[test]
fn windows_take_over_the_margins_that_they_know() {
    assert_eq!(pads_left(framed(0.0, 2)), 0);
}

#[test]
fn other_margins_stay() {
    assert_eq!(pads_left(framed(1.5, 2)), 1);
    assert_eq!(pads_left(framed(0.0, 3)), 1, "a window would show nothing of the picture");
}
