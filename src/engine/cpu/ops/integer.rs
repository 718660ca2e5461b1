//! Float rows times integer weights, as dynamic quantisation stores them.

use tract_onnx::tract_hir::internal::*;

use super::linear::Quantized;
use super::{constant, width};
use crate::engine::cpu::kernels::pack::{Bits, Packed, Stored};
use crate::engine::cpu::kernels::quantize::BLOCK;

/// Takes weights (inputs × outputs, signed or unsigned bytes), a scale and, where there is one, a
/// zero point, each one number or one for each output.
///
/// A column of the whole height is one block, so the stored integers are what is multiplied.
pub(super) fn build(model: &TypedModel, inputs: &[OutletId]) -> TractResult<Quantized> {
    let columns = width(model, inputs, 0)?;
    let weights = constant(model, inputs, 1)?;
    let &[height, outputs] = weights.shape() else {
        bail!("weights have {} axes; 2 are supported", weights.rank())
    };
    ensure!(height == columns, "weights have {height} rows but the input has {columns} values");
    let shift = match weights.datum_type() {
        DatumType::I8 => 128u8,
        DatumType::U8 => 0,
        other => bail!("weights are {other:?}; INT8 and UINT8 are supported"),
    };
    let scales = for_each(constant(model, inputs, 2)?.as_ref(), outputs)?;
    let zeros = match inputs.len() {
        3 => vec![0.0; outputs],
        _ => for_each(constant(model, inputs, 3)?.as_ref(), outputs)?,
    };
    let values = by_output(weights.as_bytes(), height, outputs, shift);
    let packed = Packed::new(&Stored {
        rows: outputs,
        columns,
        bits: Bits::Eight,
        block: columns.next_multiple_of(BLOCK),
        values: &values,
        scales: &scales,
        zero_points: Some(zeros.into_iter().map(|zero| zero + f32::from(shift)).collect()),
    });
    Ok(Quantized::of(packed.map_err(|why| format_err!("{why}"))?))
}

/// One value for each output.
fn for_each(tensor: &Tensor, outputs: usize) -> TractResult<Vec<f32>> {
    let values = tensor.cast_to::<f32>()?;
    let values = values.try_as_plain_ram()?;
    match *values.as_slice::<f32>()? {
        [one] => Ok(vec![one; outputs]),
        ref each if each.len() == outputs => Ok(each.to_vec()),
        ref others => bail!("{} scales or zero points for {outputs} outputs", others.len()),
    }
}

/// Bytes of inputs × outputs as outputs × inputs, each row filled up to whole blocks, and moved from
/// signed to unsigned.
fn by_output(bytes: &[u8], height: usize, outputs: usize, shift: u8) -> Vec<u8> {
    let padded = height.next_multiple_of(BLOCK);
    let mut turned = vec![0; outputs * padded];
    for (at, row) in bytes.chunks_exact(outputs.max(1)).enumerate() {
        for (column, &byte) in turned.chunks_exact_mut(padded).zip(row) {
            if let Some(place) = column.get_mut(at) {
                *place = byte.wrapping_add(shift);
            }
        }
    }
    turned
}
