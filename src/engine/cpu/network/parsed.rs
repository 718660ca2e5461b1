//! A graph as it was read, of which plans are made: one for all shapes, or one for a request's.

use std::path::Path;

use tract_onnx::Onnx;
use tract_onnx::pb::{
    GraphProto, ModelProto, TypeProto, ValueInfoProto, tensor_shape_proto, type_proto,
};
use tract_onnx::prelude::*;
use tract_onnx::tract_hir::infer::Factoid;
use tract_onnx::tract_hir::internal::*;
use tract_onnx::tract_hir::ops::konst::Const;

use super::arrays::Kind;
use super::{casts, decisive, extremes, guard, one_hot, places, training};
use crate::engine::LoadError;
use crate::engine::cpu::convolutions;
use crate::engine::cpu::general;
use crate::engine::cpu::ops;
use crate::engine::network::{Dim, Port};

/// A graph that was read and checked, with its weights.
#[derive(Clone)]
pub(super) struct Parsed {
    model: InferenceModel,
    /// Inputs that can only be planned with by their value.
    pub(super) decisive: Vec<bool>,
    /// What no node may make more of.
    limit: u64,
}

/// An input or output as the graph declares it.
#[derive(Clone)]
pub(super) struct Declared {
    pub(super) port: Port,
    pub(super) kind: Kind,
}

/// What of a request a plan is made for.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Given {
    Shape(Vec<usize>),
    Value(Arc<Tensor>),
}

impl Parsed {
    /// Takes what is declared before the passes have changed it.
    pub(super) fn ports(graph: &GraphProto) -> Result<[Vec<Declared>; 2], LoadError> {
        let stored = |name: &str| graph.initializer.iter().any(|tensor| tensor.name == name);
        let inputs = graph.input.iter().filter(|input| !stored(&input.name));
        let declared = |infos: &mut dyn Iterator<Item = &ValueInfoProto>| {
            infos.map(declared).collect::<Result<Vec<_>, _>>()
        };
        Ok([declared(&mut inputs.into_iter())?, declared(&mut graph.output.iter())?])
    }

    /// All operators that a graph may have once it has been prepared.
    pub(super) fn onnx(hints: bool) -> Onnx {
        let onnx = tract_onnx::onnx().with_ignore_output_shapes(true);
        let mut onnx = onnx.with_ignore_value_info(!hints);
        ops::register(&mut onnx);
        general::register(&mut onnx);
        onnx
    }

    /// Reads a graph that has been prepared. `hints` says whether to believe the shapes that the
    /// file tells of what flows inside.
    pub(super) fn read(
        proto: &ModelProto,
        folder: &Path,
        inputs: &[Declared],
        limit: u64,
        hints: bool,
    ) -> TractResult<Self> {
        let mut model = parse(&Self::onnx(hints), proto, folder)?;
        guard::guard(&mut model, limit);
        let names: Vec<String> = inputs.iter().map(|input| input.port.name.clone()).collect();
        let decisive = proto.graph.as_ref().map(|graph| decisive::inputs(graph, &names));
        Ok(Self { model, decisive: decisive.unwrap_or_default(), limit })
    }

    /// A plan for all shapes.
    pub(super) fn whole(&self) -> TractResult<TypedModel> {
        let mut model = self.model.clone();
        for at in 0..model.input_outlets()?.len() {
            let fact = model.input_fact(at)?.clone();
            ensure!(!fact.shape.is_open(), "the number of axes of an input is not known");
            let symbols = model.symbols.clone();
            let dims = fact.shape.dims().map(|dim| {
                dim.concretize().unwrap_or_else(|| symbols.new_with_prefix("d").to_dim())
            });
            let shape: TVec<TDim> = dims.collect();
            model.set_input_fact(at, fact.with_shape(shape))?;
        }
        self.typed(model)
    }

    /// A plan for inputs of these shapes and values, in the graph's order. Values are no inputs of
    /// the plan any more.
    pub(super) fn particular(&self, given: &[Given]) -> TractResult<TypedModel> {
        let mut model = self.model.clone();
        let outlets = model.input_outlets()?.to_vec();
        let mut left = Vec::new();
        for (at, (outlet, given)) in outlets.iter().zip(given).enumerate() {
            match given {
                Given::Shape(shape) => {
                    let element = model.input_fact(at)?.datum_type.concretize();
                    let element = element.context("an input without a type")?;
                    model.set_input_fact(at, InferenceFact::dt_shape(element, shape))?;
                    left.push(*outlet);
                }
                Given::Value(value) => {
                    let fact = InferenceFact::from(TypedFact::try_from(value.clone())?);
                    let node = model.node_mut(outlet.node);
                    node.op = Box::new(Const::new(value.clone())?);
                    model.set_outlet_fact(*outlet, fact)?;
                }
            }
        }
        model.set_input_outlets(&left)?;
        self.typed(model)
    }

    /// The graph as tract understands it, with our operators in the place of some of tract's.
    fn typed(&self, model: InferenceModel) -> TractResult<TypedModel> {
        let mut model = model.into_typed()?;
        guard::check(&model, self.limit)?;
        convolutions::replace(&mut model)?;
        guard::check(&model, self.limit)?;
        training::check(&model)?;
        casts::widen(&mut model)?;
        extremes::replace(&mut model)?;
        one_hot::replace(&mut model);
        places::check(&mut model);
        Ok(model)
    }

    /// Names of the operators, of the graph's nodes in their order.
    pub(super) fn operators(&self) -> impl Iterator<Item = String> {
        self.model.nodes().iter().map(|node| node.op().name().to_string())
    }

    /// The stored tensors, which plans share.
    pub(super) fn stored(&self) -> impl Iterator<Item = &Arc<Tensor>> {
        self.model.nodes().iter().filter_map(|node| Some(node.op_as::<Const>()?.val()))
    }
}

fn parse(onnx: &Onnx, proto: &ModelProto, folder: &Path) -> TractResult<InferenceModel> {
    let folder = folder.to_str().context("the folder's name is not UTF-8")?;
    let parsed = onnx.parse(proto, Some(folder))?;
    ensure!(parsed.unresolved_inputs.is_empty(), "nothing makes {:?}", parsed.unresolved_inputs);
    Ok(parsed.model)
}

fn declared(info: &ValueInfoProto) -> Result<Declared, LoadError> {
    let name = info.name.clone();
    let unsound = |why: String| LoadError::Unsound { why };
    let Some(TypeProto { value: Some(type_proto::Value::TensorType(tensor)), .. }) = &info.r#type
    else {
        let what = "a sequence, a map, optional or of no type";
        return Err(unsound(format!("{name} is {what}; only arrays can be taken and given")));
    };
    let kind = Kind::of(tensor.elem_type).ok_or_else(|| {
        let element = tract_onnx::pb::tensor_proto::DataType::try_from(tensor.elem_type);
        let element = element.map_or("of an unknown type", |element| element.as_str_name());
        unsound(format!("the elements of {name} are {element}, which cannot be taken or given"))
    })?;
    let dims = tensor.shape.as_ref().map(|shape| {
        let dim = |(axis, dim): (usize, &tensor_shape_proto::Dimension)| match &dim.value {
            Some(tensor_shape_proto::dimension::Value::DimValue(length)) if *length >= 0 => {
                Dim::Fixed(usize::try_from(*length).unwrap_or(usize::MAX))
            }
            Some(tensor_shape_proto::dimension::Value::DimParam(param))
                if !param.is_empty() && param != "?" =>
            {
                Dim::Free(param.clone())
            }
            _ => Dim::Free(format!("{name}_{axis}")),
        };
        shape.dim.iter().enumerate().map(dim).collect()
    });
    Ok(Declared { port: Port { name: name.clone(), element: kind.element(), dims }, kind })
}
