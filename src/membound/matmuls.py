"""Matrix products, counted and ready to be timed, and the roof that they stay under.

A product computes and it moves numbers; the processor does both at once, so the slower of the two
decides how long it takes:

    seconds >= max(flops / peak FLOP/s, bytes / (bytes/s of memory))

With the intensity I = flops / bytes this is the roofline, FLOP/s <= min(peak, I · bytes/s):
Williams, Waterman and Patterson, "Roofline" (Communications of the ACM 52(4), 2009). Left of the
ridge, where the two meet, memory is the limit; right of it arithmetic.

FLOPs count a multiplication and an addition as two. Bytes are what must move if each number moves
once: what an ideal cache leaves over, and so a lower bound.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from membound.arrays import Float32
from membound.bench import Run


@dataclass(frozen=True)
class Work:
    """What something computes, and what it must move between memory and processor."""

    flops: float
    nbytes: float

    @property
    def intensity(self) -> float:
        """FLOPs for each byte moved."""
        return self.flops / self.nbytes

    def __add__(self, other: "Work") -> "Work":
        return Work(self.flops + other.flops, self.nbytes + other.nbytes)


@dataclass(frozen=True)
class Roof:
    """What a machine can do at most, both in units per second."""

    flops_per_s: float
    bytes_per_s: float

    @property
    def ridge(self) -> float:
        """The intensity, in FLOPs per byte, from which on arithmetic is the limit."""
        return self.flops_per_s / self.bytes_per_s

    def attainable(self, intensity: float) -> float:
        """The most FLOP/s at an intensity: min(peak, intensity · bytes/s)."""
        return min(self.flops_per_s, intensity * self.bytes_per_s)

    def least_s(self, work: Work) -> float:
        """The least time that the work can take, in seconds."""
        return max(work.flops / self.flops_per_s, work.nbytes / self.bytes_per_s)


def matmul_work(batch: int, num_in: int, num_out: int, *, itemsize: int = 4) -> Work:
    """Count a product (batch, num_in) by (num_in, num_out): 2 · batch · num_in · num_out FLOPs.

    Both factors are read and the product (batch, num_out) is written.
    """
    _refuse_less_than_one(batch=batch, num_in=num_in, num_out=num_out, itemsize=itemsize)
    num_values = batch * num_in + num_in * num_out + batch * num_out
    return Work(2 * batch * num_in * num_out, itemsize * num_values)


def attention_work(
    num_queries: int,
    num_keys: int,
    *,
    num_heads: int,
    num_kv_heads: int,
    head_dim: int,
    itemsize: int = 4,
) -> Work:
    """Count a layer's q kᵀ and p v, each 2 · num_heads · num_queries · num_keys · head_dim FLOPs.

    Every query meets every key, as in a plain product that masks afterwards. Queries, keys and
    values are read and the outputs written; scores never leave the processor, as in FlashAttention.
    """
    _refuse_less_than_one(
        num_queries=num_queries,
        num_keys=num_keys,
        num_heads=num_heads,
        num_kv_heads=num_kv_heads,
        head_dim=head_dim,
        itemsize=itemsize,
    )
    num_values = 2 * num_heads * num_queries * head_dim + 2 * num_kv_heads * num_keys * head_dim
    return Work(4 * num_heads * num_queries * num_keys * head_dim, itemsize * num_values)


def walk(matrices: Sequence[Float32], batch: int) -> tuple[Work, Run]:
    """Count and prepare one product of (batch, num_in) with each matrix (num_out, num_in) in turn.

    This is what a pass through a model's layers does. To be timed as memory delivers them, the
    matrices must together be many times larger than the caches: one matrix, multiplied again and
    again, is read from a cache.
    """
    if not matrices or len({matrix.shape for matrix in matrices}) > 1:
        shapes = sorted({matrix.shape for matrix in matrices})
        raise ValueError(f"a walk needs matrices of one shape, got {shapes}")
    num_out, num_in = matrices[0].shape
    one = matmul_work(batch, num_in, num_out)
    x = np.ones((batch, num_in), np.float32)
    out = np.empty((batch, num_out), np.float32)

    def run() -> Float32:
        for matrix in matrices:
            np.matmul(x, matrix.T, out=out)
        return out

    return Work(len(matrices) * one.flops, len(matrices) * one.nbytes), run


def square(size: int, *, batch: int | None = None, seed: int = 0) -> tuple[Work, Run]:
    """Count and prepare a product of (batch, size) with one (size, size): square unless told."""
    work = matmul_work(size if batch is None else batch, size, size)
    rng = np.random.default_rng(seed)
    matrix = rng.standard_normal((size, size), np.float32)
    x = rng.standard_normal((size if batch is None else batch, size), np.float32)
    out = np.empty_like(x)
    return work, lambda: np.matmul(x, matrix, out=out)


def _refuse_less_than_one(**sizes: int) -> None:
    for name, size in sizes.items():
        if size < 1:
            raise ValueError(f"{name} must be at least 1, got {size}")
