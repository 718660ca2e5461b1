//! `QuantizeLinear` and `DequantizeLinear` as ONNX has them: scales that are computed, by axis or by
//! block, numbers of 8 and 16 bits, and a division where tract multiplies by the inverse and rounds
//! another way at ties.

use tract_onnx::Onnx;
use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::prelude::*;
use tract_onnx::tract_hir::internal::*;

/// Makes tract use these in the place of its own.
pub(super) fn register(onnx: &mut Onnx) {
    fn quantize(c: &ParsingContext, node: &NodeProto) -> TractResult<Built> {
        build(c, node, true)
    }
    fn dequantize(c: &ParsingContext, node: &NodeProto) -> TractResult<Built> {
        build(c, node, false)
    }
    onnx.op_register.insert("QuantizeLinear", quantize);
    onnx.op_register.insert("DequantizeLinear", dequantize);
}

type Built = (Box<dyn InferenceOp>, Vec<String>);

fn build(_: &ParsingContext, node: &NodeProto, quantize: bool) -> TractResult<Built> {
    let wanted = node.get_attr_opt::<i64>("output_dtype")?.unwrap_or(0);
    let element = match wanted {
        0 | 2 => DatumType::U8,
        3 => DatumType::I8,
        4 => DatumType::U16,
        5 => DatumType::I16,
        other => bail!("elements of type {other} are not known here"),
    };
    let axis = node.get_attr_opt("axis")?.unwrap_or(1);
    let block = node.get_attr_opt::<i64>("block_size")?.unwrap_or(0);
    let block = usize::try_from(block).context("block_size is negative")?;
    Ok((expand(Scales { quantize, axis, block, element }), vec![]))
}

/// One of the two operators; inputs are values, scales and perhaps zero points.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Scales {
    quantize: bool,
    axis: i64,
    /// Values along the axis that share a scale; 0 where each scale is of the whole.
    block: usize,
    /// What is made without zero points to tell it.
    element: DatumType,
}

impl Scales {
    /// What is made of inputs of these types.
    fn made(&self, scale: DatumType, zero: Option<DatumType>) -> DatumType {
        if self.quantize { zero.unwrap_or(self.element) } else { scale }
    }

    /// The place of each value's scale.
    fn places(&self, shape: &[usize], scales: &[usize]) -> TractResult<Places> {
        let count: usize = scales.iter().product();
        if count == 1 && self.block == 0 {
            return Ok(Places { inner: 1, length: 1, per: 1, scales: 1 });
        }
        let rank = i64::try_from(shape.len())?;
        let axis = if self.axis < 0 { self.axis + rank } else { self.axis };
        let axis = usize::try_from(axis)?;
        let length = *shape.get(axis).with_context(|| format!("there is no axis {}", self.axis))?;
        let inner = shape.iter().skip(axis + 1).product();
        if self.block == 0 {
            ensure!(count == length, "{count} scales where the axis has {length}");
            return Ok(Places { inner, length, per: 1, scales: 0 });
        }
        let wanted: Vec<usize> = shape
            .iter()
            .enumerate()
            .map(|(at, &dim)| if at == axis { dim.div_ceil(self.block) } else { dim })
            .collect();
        ensure!(wanted == scales, "scales of shape {scales:?} where {wanted:?} is right");
        Ok(Places { inner, length, per: self.block, scales: length.div_ceil(self.block) })
    }
}

struct Places {
    /// Values behind each step of the axis.
    inner: usize,
    /// Steps of the axis.
    length: usize,
    /// Steps that share a scale.
    per: usize,
    /// Scales along the axis where they go on behind it; 0 where they are of the axis alone.
    scales: usize,
}

impl Places {
    fn of(&self, value: usize) -> usize {
        if self.length <= 1 && self.scales <= 1 {
            return 0;
        }
        let inner = self.inner.max(1);
        let step = value / inner % self.length.max(1);
        match self.scales {
            0 => step,
            scales => {
                let outer = value / (inner * self.length.max(1));
                (outer * scales + step / self.per) * inner + value % inner
            }
        }
    }
}

impl Expansion for Scales {
    fn name(&self) -> StaticName {
        if self.quantize { "QuantizeLinear".into() } else { "DequantizeLinear".into() }
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        s: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        ensure!((2..=3).contains(&inputs.len()), "it has {} inputs", inputs.len());
        let ([x, scale, zero @ ..], [y]) = (inputs, outputs) else {
            bail!("a value and a scale in and one value out are expected")
        };
        s.equals(&x.shape, &y.shape)?;
        match (self.quantize, zero.first()) {
            (true, Some(zero)) => s.equals(&zero.datum_type, &y.datum_type),
            (true, None) => s.equals(&y.datum_type, self.element),
            (false, _) => s.equals(&scale.datum_type, &y.datum_type),
        }
    }

    fn wire(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        model.wire_node(prefix, self.clone(), inputs)
    }
}

impl Op for Scales {
    fn name(&self) -> StaticName {
        Expansion::name(self)
    }

    op_as_typed_op!();
}

impl EvalOp for Scales {
    op_out_of_plan!();

    fn eval(&self, _: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let [values, scale, rest @ ..] = inputs.as_slice() else { bail!("two inputs at least") };
        let places = self.places(values.shape(), scale.shape())?;
        let made = self.made(scale.datum_type(), rest.first().map(|zero| zero.datum_type()));
        let scale = scale.cast_to::<f32>()?;
        let scale = scale.try_as_plain_ram()?;
        let scale = scale.as_slice::<f32>()?;
        let zero = match rest.first() {
            Some(zero) => {
                let zero = zero.cast_to::<i32>()?;
                zero.try_as_plain_ram()?.as_slice::<i32>()?.to_vec()
            }
            None => vec![0; scale.len()],
        };
        ensure!(zero.len() == scale.len(), "{} zero points for {} scales", zero.len(), scale.len());
        let pairs: Vec<(f32, f32)> =
            scale.iter().zip(&zero).map(|(scale, zero)| (*scale, *zero as f32)).collect();
        let pair = |at: usize| pairs.get(places.of(at)).copied().unwrap_or((1.0, 0.0));
        let mut out = values.cast_to::<f32>()?.into_owned();
        let (least, most) = match made.unquantized() {
            DatumType::U8 => (0.0, 255.0),
            DatumType::I8 => (-128.0, 127.0),
            DatumType::U16 => (0.0, 65_535.0),
            DatumType::I16 => (-32_768.0, 32_767.0),
            _ => (f32::NEG_INFINITY, f32::INFINITY),
        };
        let mut view = out.try_as_plain_ram_mut()?;
        for (at, value) in view.as_slice_mut::<f32>()?.iter_mut().enumerate() {
            let (scale, zero) = pair(at);
            *value = if self.quantize {
                ((*value / scale).round_ties_even() + zero).clamp(least, most)
            } else {
                (*value - zero) * scale
            };
        }
        Ok(tvec![out.cast_to_dt(made)?.into_owned().into_tvalue()])
    }
}

impl TypedOp for Scales {
    as_op!();

    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let [values, scale, rest @ ..] = inputs else { bail!("two inputs at least") };
        let made = self.made(scale.datum_type, rest.first().map(|zero| zero.datum_type));
        Ok(tvec![made.fact(values.shape.clone())])
    }
}
