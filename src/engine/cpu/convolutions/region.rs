//! Element-wise nodes behind a picture that can be computed with it.

use std::collections::HashMap;

use tract_onnx::tract_core::ops::binary::TypedBinOp;
use tract_onnx::tract_core::ops::element_wise::ElementWiseOp;
use tract_onnx::tract_core::ops::math::{Add, Div, Max, Min, Mul, Sub};
use tract_onnx::tract_core::ops::nn::{GeluExact, HardSwish, LeakyRelu, Sigmoid, Silu};
use tract_onnx::tract_hir::internal::*;

use crate::engine::cpu::kernels::convolution::{Function, Instruction, Operand, Tail};
use crate::engine::cpu::ops::convolution::instruction;

/// Instructions of a region at most.
const LONGEST: usize = 16;

/// Nodes that need nothing but a picture and what was there before, and of which only the last
/// one's value is read by others.
pub(super) struct Region {
    /// Value 0 is the picture.
    pub(super) instructions: Vec<Instruction>,
    /// Tensors besides the picture, as [`Operand::Picture`] and [`Operand::Gate`] number them.
    pub(super) pictures: Vec<OutletId>,
    pub(super) result: OutletId,
}

impl Region {
    /// The program that computes it.
    pub(super) fn tail(&self) -> Tail {
        let mut tail = Tail { instructions: self.instructions.clone() };
        tail.shorten();
        tail
    }

    /// The largest region behind `picture` that reads at most so many other tensors; `order` is that
    /// in which nodes are computed.
    pub(super) fn behind(
        model: &TypedModel,
        order: &[usize],
        picture: OutletId,
        most_pictures: usize,
    ) -> TractResult<Option<Self>> {
        let mut growing = Growing::new(model, picture);
        if model.outlet_fact(picture)?.rank() < 3 {
            return Ok(None);
        }
        growing.grow(order, most_pictures)?;
        growing.finish()
    }

    /// The largest region that begins with node `first`, a function of a picture that others may
    /// read as well; and that picture.
    pub(super) fn beginning_with(
        model: &TypedModel,
        order: &[usize],
        first: usize,
        most_pictures: usize,
    ) -> TractResult<Option<(OutletId, Self)>> {
        let node = model.node(first);
        let [output] = &*node.outputs else { return Ok(None) };
        for &picture in &node.inputs {
            let fact = model.outlet_fact(picture)?;
            if fact.konst.is_some() || fact.shape != output.fact.shape || fact.rank() < 3 {
                continue;
            }
            let mut growing = Growing::new(model, picture);
            growing.only_behind = Some(first);
            growing.grow(order, most_pictures)?;
            return Ok(growing.finish()?.map(|region| (picture, region)));
        }
        Ok(None)
    }
}

impl Growing<'_> {
    fn finish(mut self) -> TractResult<Option<Region>> {
        let growing = &mut self;
        let outputs = growing.model.output_outlets()?;
        let longest = (1..growing.order.len()).rev().find(|&last| growing.closed(last, outputs));
        let Some(last) = longest else { return Ok(None) };
        let Some(&result) = growing.order.get(last) else { return Ok(None) };
        growing.instructions.truncate(last);
        if let Some(&count) = growing.pictures_after.get(last - 1) {
            growing.pictures.truncate(count);
        }
        let Growing { instructions, pictures, .. } = self;
        Ok(Some(Region { instructions, pictures, result }))
    }
}

struct Growing<'a> {
    model: &'a TypedModel,
    values: HashMap<OutletId, usize>,
    /// The picture, then what each instruction makes.
    order: Vec<OutletId>,
    instructions: Vec<Instruction>,
    pictures: Vec<OutletId>,
    /// How many pictures are read up to each instruction.
    pictures_after: Vec<usize>,
    /// The one reader of the picture that a region may begin with, where others may read it too.
    only_behind: Option<usize>,
}

impl<'a> Growing<'a> {
    fn new(model: &'a TypedModel, picture: OutletId) -> Self {
        Self {
            model,
            values: HashMap::from([(picture, 0)]),
            order: vec![picture],
            instructions: Vec::new(),
            pictures: Vec::new(),
            pictures_after: Vec::new(),
            only_behind: None,
        }
    }

    /// Takes nodes in the order in which they are computed: of what a node reads, all that needs
    /// the picture has then been taken or is left outside for good.
    fn grow(&mut self, order: &[usize], most_pictures: usize) -> TractResult<()> {
        for &id in order {
            let read = self.model.node(id).inputs.iter();
            if self.instructions.len() == LONGEST
                || !read.clone().any(|v| self.values.contains_key(v))
            {
                continue;
            }
            let pictures = self.pictures.len();
            match self.absorbed(id)? {
                Some(instruction) if self.pictures.len() <= most_pictures => {
                    let outlet = OutletId::new(id, 0);
                    self.values.insert(outlet, self.order.len());
                    self.order.push(outlet);
                    self.instructions.push(instruction);
                    self.pictures_after.push(self.pictures.len());
                }
                _ => self.pictures.truncate(pictures),
            }
        }
        Ok(())
    }

    /// Whether only value `last` of those up to it is read by others.
    fn closed(&self, last: usize, outputs: &[OutletId]) -> bool {
        let made_here = usize::from(self.only_behind.is_some());
        self.order.iter().take(last).skip(made_here).all(|value| {
            let readers = self.model.node(value.node).outputs.get(value.slot);
            let inside = |reader: &InletId| {
                self.values.get(&OutletId::new(reader.node, 0)).is_some_and(|&at| at <= last)
            };
            let inside = readers.is_some_and(|output| output.successors.iter().all(inside));
            inside && !outputs.contains(value)
        })
    }

    /// The instruction that computes a node, where all it reads is there.
    fn absorbed(&mut self, id: usize) -> TractResult<Option<Instruction>> {
        let node = self.model.node(id);
        let (Some(&picture), [output]) = (self.order.first(), &*node.outputs) else {
            return Ok(None);
        };
        let picture = self.model.outlet_fact(picture)?;
        if output.fact.datum_type != f32::datum_type() || output.fact.shape != picture.shape {
            return Ok(None);
        }
        let Some(function) = function(node) else { return Ok(None) };
        let shape = picture.shape.clone();
        let mut operands = TVec::new();
        for &input in &node.inputs {
            let Some(operand) = self.operand(&shape, input)? else { return Ok(None) };
            operands.push(operand);
        }
        Ok(match &*operands {
            [x] => Some(instruction(function, x.clone(), Operand::Scalar(0.0))),
            [left, right] => Some(instruction(function, left.clone(), right.clone())),
            _ => None,
        })
    }

    fn operand(&mut self, picture: &ShapeFact, outlet: OutletId) -> TractResult<Option<Operand>> {
        if let Some(&value) = self.values.get(&outlet) {
            return Ok(Some(Operand::Value(value)));
        }
        let fact = self.model.outlet_fact(outlet)?;
        if fact.datum_type != f32::datum_type() || fact.rank() != picture.rank() {
            return Ok(None);
        }
        if let Some(constant) = &fact.konst {
            return constant_operand(picture, constant);
        }
        let at_one_place = fact.shape.iter().skip(2).all(|dim| dim.is_one());
        let same_rows = fact.shape.iter().take(2).eq(picture.iter().take(2));
        let number = self.pictures.iter().position(|known| *known == outlet);
        let number = number.unwrap_or(self.pictures.len());
        let operand = if fact.shape == *picture {
            Operand::Picture(number)
        } else if at_one_place && same_rows {
            Operand::Gate(number)
        } else {
            return Ok(None);
        };
        if number == self.pictures.len() {
            self.pictures.push(outlet);
        }
        Ok(Some(operand))
    }
}

/// A constant that is the same for all places.
fn constant_operand(picture: &ShapeFact, constant: &Tensor) -> TractResult<Option<Operand>> {
    let ram = constant.try_as_plain_ram()?;
    let values = ram.as_slice::<f32>()?;
    if let &[value] = values {
        return Ok(Some(Operand::Scalar(value)));
    }
    let mut others = constant.shape().iter().enumerate().filter(|(axis, _)| *axis != 1);
    let channels = constant.shape().get(1).map(|dim| dim.to_dim());
    let by_channel = others.all(|(_, &dim)| dim == 1) && channels.as_ref() == picture.get(1);
    Ok(by_channel.then(|| Operand::Channel(values.to_vec())))
}

fn function(node: &TypedNode) -> Option<Function> {
    if let Some(TypedBinOp(op, None)) = node.op_as::<TypedBinOp>() {
        return Some(match op {
            op if op.is::<Add>() => Function::Add,
            op if op.is::<Sub>() => Function::Sub,
            op if op.is::<Mul>() => Function::Mul,
            op if op.is::<Div>() => Function::Div,
            op if op.is::<Max>() => Function::Max,
            op if op.is::<Min>() => Function::Min,
            _ => return None,
        });
    }
    let ElementWiseOp(op, None) = node.op_as::<ElementWiseOp>()? else { return None };
    Some(match op {
        op if op.is::<Sigmoid>() => Function::Sigmoid,
        op if op.is::<Silu>() => Function::Silu,
        op if op.is::<HardSwish>() => Function::HardSwish,
        op if op.is::<GeluExact>() => Function::Gelu,
        op => Function::LeakyRelu(op.downcast_ref::<LeakyRelu>()?.alpha),
    })
}
