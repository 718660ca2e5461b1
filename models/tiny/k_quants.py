"""Blocks of 256 weights as ggml stores them, by the simplest rounding: `gguf` can only read them."""

import numpy as np

GROUPS_OF_32 = {"Q4_K": 4, "Q5_K": 5}


def quantise(values, name):
    """Rows of f32, a multiple of 256 each, to bytes: `block_q4_K` and its kin in ggml-common.h."""
    rows = values.shape[0]
    blocks = values.reshape(-1, 256)
    encode = q6_k if name == "Q6_K" else lambda blocks: with_minimums(blocks, GROUPS_OF_32[name])
    return encode(blocks).reshape(rows, -1)


def half(values):
    """As f16 has it, in f32 and in bytes."""
    stored = values.astype(np.float16)
    return stored.astype(np.float32), stored.reshape(-1, 1).view(np.uint8)


def over(values, by):
    return values / np.where(by == 0, 1, by)


def q6_k(blocks):
    groups = blocks.reshape(-1, 16, 16)
    scales = np.abs(groups).max(axis=2) / 31
    d, d_bytes = half(scales.max(axis=1) / 127)
    steps = np.rint(over(scales, d[:, None])).clip(1, 127).astype(np.int8)
    weights = np.rint(over(groups, (d[:, None] * steps)[:, :, None])).clip(-32, 31) + 32
    # Two halves of four runs of 32.
    runs = weights.astype(np.uint8).reshape(-1, 2, 4, 32)
    low = (runs[:, :, :2] & 15) | ((runs[:, :, 2:] & 15) << 4)
    high = np.zeros_like(runs[:, :, 0])
    for run in range(4):
        high |= (runs[:, :, run] >> 4) << (2 * run)
    count = len(blocks)
    parts = [low.reshape(count, 128), high.reshape(count, 64), steps.view(np.uint8), d_bytes]
    return np.concatenate(parts, axis=1)


def with_minimums(blocks, bits):
    groups = blocks.reshape(-1, 8, 32)
    most = (1 << bits) - 1
    minimums = np.maximum(0, -groups.min(axis=2))
    scales = np.maximum(0, groups.max(axis=2) + minimums) / most
    d, d_bytes = half(scales.max(axis=1) / 63)
    dmin, dmin_bytes = half(minimums.max(axis=1) / 63)
    steps = np.rint(over(scales, d[:, None])).clip(1, 63).astype(np.uint8)
    depths = np.rint(over(minimums, dmin[:, None])).clip(0, 63).astype(np.uint8)
    raised = groups + (dmin[:, None] * depths)[:, :, None]
    weights = np.rint(over(raised, (d[:, None] * steps)[:, :, None])).clip(0, most).astype(np.uint8)
    pairs = weights.reshape(-1, 4, 2, 32) & 15
    count = len(blocks)
    parts = [d_bytes, dmin_bytes, six_bits(steps, depths)]
    if bits == 5:
        parts.append(((weights >> 4) << np.arange(8)[:, None].astype(np.uint8)).sum(axis=1, dtype=np.uint8))
    parts.append((pairs[:, :, 0] | (pairs[:, :, 1] << 4)).reshape(count, 128))
    return np.concatenate(parts, axis=1)


def six_bits(steps, depths):
    """Eight scales and eight minimums in twelve bytes."""
    first = [part[:, :4] | ((part[:, 4:] >> 4) << 6) for part in (steps, depths)]
    return np.concatenate([*first, (steps[:, 4:] & 15) | ((depths[:, 4:] & 15) << 4)], axis=1)
