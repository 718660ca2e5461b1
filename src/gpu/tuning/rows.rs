//! Norms and attention to be tried.

use std::time::Duration;

use super::Attending;
use super::products::{MANY, SINGLE};
use super::time::{Run, floats, shortest, uniform};
use crate::graph::Attention;
use crate::kernels::{
    Attend, Bound, Join, Kernel, Norm, PAGE_TOKENS, Pipelines, Reduction, Rows, SPLIT_KEYS, Tiled,
    bind, partial_floats,
};
use crate::plan::page_bytes;
use crate::{Device, GpuError};

/// Norms that are run one after another: one takes too short a time.
const NORMS: usize = 256;
/// Keys that each row sees, about.
const SEEN: usize = 2 * SPLIT_KEYS;

/// Time of many norms of a single row.
pub(super) fn time_norm(
    device: &Device,
    width: usize,
    reduction: Reduction,
) -> Result<Duration, GpuError> {
    let (rows, epsilon) = (Rows::Tokens, 1e-5);
    let norm = Norm { rows, width, from: 0, stride: width, out_stride: width, epsilon, reduction };
    let pipeline = Pipelines::default().get(device, &norm.kernel())?;
    let [x, gain, out] = [floats(device, width)?, floats(device, width)?, floats(device, width)?];
    let step = uniform(device, [1, 0, 1, 0])?;
    let bound = [
        Bound::whole(0, &step),
        Bound::whole(Norm::X, &x),
        Bound::whole(Norm::GAIN, &gain),
        Bound::whole(Norm::OUT, &out),
    ];
    let group = bind(device, &pipeline, &bound)?;
    shortest(device, &[(pipeline, group, Norm::groups(1))], NORMS)
}

/// Time of a mix of single tokens and a piece of a prompt.
pub(super) fn time_attention(
    device: &Device,
    attention: &Attention,
    attending: Attending,
) -> Result<Duration, GpuError> {
    let &Attention { heads, kv_heads, head_size, .. } = attention;
    let out_stride = heads * head_size;
    let mut pipelines = Pipelines::default();
    let mut all = Duration::ZERO;
    let queries = floats(device, MANY * out_stride)?;
    let table: Vec<u32> = (0..(SEEN / PAGE_TOKENS) as u32).collect();
    let tables = device.upload("trial", &table)?;
    let pages = floats(device, table.len() * page_bytes(kv_heads, head_size) as usize / 4)?;
    let out = floats(device, MANY * out_stride)?;
    let partials = floats(device, SEEN / SPLIT_KEYS * heads * partial_floats(head_size))?;
    for (count, splits, times) in [(1, SEEN / SPLIT_KEYS, SINGLE), (MANY, 1, 1)] {
        let positions: Vec<u32> =
            (SEEN - count..SEEN).flat_map(|position| [0, position as u32, 0, 0]).collect();
        let rows = floats(device, positions.len())?;
        device.write(&rows, 0, &positions);
        let step = uniform(device, [count as u32, 0, splits as u32, 0])?;
        let mut run = |kernel: Kernel, groups, more: Vec<Bound<'_>>| -> Result<Run, GpuError> {
            let pipeline = pipelines.get(device, &kernel)?;
            let common = [Bound::whole(0, &step), Bound::whole(Attend::ROWS, &rows)];
            let bound: Vec<_> = common.into_iter().chain(more).collect();
            let group = bind(device, &pipeline, &bound)?;
            Ok((pipeline, group, groups))
        };
        let keys = || {
            vec![
                Bound::whole(Attend::QUERIES, &queries),
                Bound::whole(Attend::TABLES, &tables),
                Bound::whole(Attend::PAGES, &pages),
                Bound::whole(Attend::OUT, &out),
            ]
        };
        let mut runs = Vec::new();
        match attending {
            Attending::Tiles(pairs) if count > 1 => {
                let tiled = Tiled { heads, kv_heads, head_size, out_stride, pairs };
                runs.push(run(tiled.kernel(), tiled.groups(count), keys())?);
            }
            Attending::Rows(_) | Attending::Tiles(_) => {
                let reduction = attending.of_few();
                let attend = Attend { heads, kv_heads, head_size, out_stride, reduction };
                let mut bound = keys();
                bound.push(Bound::whole(Attend::PARTIALS, &partials));
                runs.push(run(attend.kernel(), attend.groups(count, splits), bound)?);
            }
        }
        if splits > 1 {
            let join = Join { heads, head_size, out_stride };
            let bound =
                vec![Bound::whole(Join::PARTIALS, &partials), Bound::whole(Join::OUT, &out)];
            runs.push(run(join.kernel(), join.groups(count), bound)?);
        }
        all += shortest(device, &runs, times)?;
    }
    Ok(all)
}
