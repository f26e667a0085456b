"""Every matrix of the model, in one block of memory, in the layout that reads fastest.

A matrix is (out, in) here, as in the formula y = W x. How its numbers lie in memory is another
matter, and one walk through them can be twice as fast as the other: `IN_OUT` holds the choice,
`scripts/measure-decode` measures it. Matrices with the same input are neighbours, so that one
product computes them all: `q` is a slice of `qkv`, `gate` of `gate_up`, and nothing is held twice.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from membound.arrays import Complex64, Float32, aligned_empty
from membound.gguf.reader import GGUFFile
from membound.maths.rotary import rotations_at
from membound.model.config import ModelConfig
from membound.quoted import quote

# The matrices that lie in memory as (in, out); `fast` says which product reads which.
IN_OUT = frozenset({"gate_up", "head"})


@dataclass(frozen=True)
class LayerWeights:
    """One block's weights: a matrix is (out, in), a norm (hidden_size,)."""

    attn_norm: Float32
    q: Float32
    k: Float32
    v: Float32
    qkv: Float32  # q, k and v, one below the other
    o: Float32
    mlp_norm: Float32
    gate: Float32
    up: Float32
    gate_up: Float32  # gate and up, one below the other
    down: Float32

    @property
    def nbytes(self) -> int:
        """The bytes of the block, each number counted once."""
        whole = (self.attn_norm, self.qkv, self.o, self.mlp_norm, self.gate_up, self.down)
        return sum(weight.nbytes for weight in whole)


@dataclass(frozen=True)
class Weights:
    """A model's weights; with a tied head, `head` and `embedding` are one and the same array."""

    config: ModelConfig
    embedding: Float32  # (vocab_size, hidden_size)
    layers: tuple[LayerWeights, ...]
    norm: Float32
    head: Float32  # (vocab_size, hidden_size)

    def rotations(self, positions: ArrayLike) -> Complex64:
        """The rotations of queries and keys at `positions` (seq_len,): (seq_len, head_dim / 2).

        Made when they are asked for: a table of the whole context is as large as a file says it is.
        """
        return rotations_at(positions, self.config.head_dim, self.config.rope_base)

    @property
    def bytes_read_per_token(self) -> int:
        """What a decode step must fetch: every block, the head, and one row of the embedding."""
        blocks = sum(layer.nbytes for layer in self.layers)
        return blocks + self.norm.nbytes + self.head.nbytes + self.embedding[0].nbytes


def tensor_shapes(config: ModelConfig, *, tied: bool) -> dict[str, tuple[int, ...]]:
    """Return the name and shape of every tensor that a GGUF file of this model holds."""
    hidden, inner = config.hidden_size, config.intermediate_size
    shapes: dict[str, tuple[int, ...]] = {"token_embd.weight": (config.vocab_size, hidden)}
    for layer in range(config.num_layers):
        for name, shape in {
            "attn_norm": (hidden,),
            "attn_q": (config.query_size, hidden),
            "attn_k": (config.kv_size, hidden),
            "attn_v": (config.kv_size, hidden),
            "attn_output": (hidden, config.query_size),
            "ffn_norm": (hidden,),
            "ffn_gate": (inner, hidden),
            "ffn_up": (inner, hidden),
            "ffn_down": (hidden, inner),
        }.items():
            shapes[f"blk.{layer}.{name}.weight"] = shape
    shapes["output_norm.weight"] = (hidden,)
    if not tied:
        shapes["output.weight"] = (config.vocab_size, hidden)
    return shapes


def load_weights(gguf: GGUFFile) -> Weights:
    """Read a Llama-family model; a missing, misshapen or unknown tensor is named."""
    config = ModelConfig.from_metadata(gguf.metadata)
    if config.num_layers > len(gguf.tensors):  # before a name is made for each of their tensors
        raise ValueError(
            f"llama.block_count is {config.num_layers}, the file has {len(gguf.tensors)} tensors"
        )
    tied = "output.weight" not in gguf.tensors
    expected = tensor_shapes(config, tied=tied)
    for name, shape in expected.items():
        if name not in gguf.tensors:
            raise ValueError(f"the file has no tensor {name}, expected one of shape {shape}")
        if gguf.tensors[name].shape != shape:
            raise ValueError(f"{name} must be {shape}, got {gguf.tensors[name].shape}")
    # A bias, or a table of rotary factors, would change every logit if it were passed over.
    unknown = sorted(set(gguf.tensors) - set(expected))
    if unknown:
        raise ValueError(f"a {config.num_layers}-layer Llama has no place for {quote(unknown)}")
    return arrange(config, gguf.tensor, tied=tied)


def random_weights(config: ModelConfig, *, seed: int, tied: bool = True) -> Weights:
    """Make weights for experiments that need a model's shapes and not its knowledge."""
    rng = np.random.default_rng(seed)
    tensors: Mapping[str, Float32] = {
        name: rng.normal(1 if len(shape) == 1 else 0, shape[-1] ** -0.5, shape).astype(np.float32)
        for name, shape in tensor_shapes(config, tied=tied).items()
    }
    return arrange(config, tensors.__getitem__, tied=tied)


def arrange(config: ModelConfig, tensor: Callable[[str], Float32], *, tied: bool) -> Weights:
    """Place every tensor in one block of memory, fetching them one at a time by name."""
    matrices = (shape for shape in tensor_shapes(config, tied=tied).values() if len(shape) == 2)
    arena = _Arena(sum(rows * columns for rows, columns in matrices))

    def stack(kind: str, *names: str) -> list[Float32]:
        """The tensors one below the other, then each by itself."""
        parts = [tensor(name) for name in names]
        whole = arena.take(sum(map(len, parts)), parts[0].shape[1], in_out=kind in IN_OUT)
        ends = np.cumsum([len(part) for part in parts])
        views = np.split(whole, ends[:-1])
        for view, part in zip(views, parts, strict=True):
            view[:] = part
        return [whole, *views]

    def layer(index: int) -> LayerWeights:
        block = f"blk.{index}"
        attn = [f"{block}.attn_{name}.weight" for name in "qkv"]
        qkv, q, k, v = stack("qkv", *attn)
        o, _ = stack("o", f"{block}.attn_output.weight")
        mlp = [f"{block}.ffn_{name}.weight" for name in ("gate", "up")]
        gate_up, gate, up = stack("gate_up", *mlp)
        down, _ = stack("down", f"{block}.ffn_down.weight")
        attn_norm, mlp_norm = (tensor(f"{block}.{n}_norm.weight") for n in ("attn", "ffn"))
        return LayerWeights(attn_norm, q, k, v, qkv, o, mlp_norm, gate, up, gate_up, down)

    layers = tuple(layer(index) for index in range(config.num_layers))
    head, _ = stack("head", "token_embd.weight" if tied else "output.weight")
    return Weights(
        config=config,
        embedding=head if tied else stack("embedding", "token_embd.weight")[0],
        layers=layers,
        norm=tensor("output_norm.weight"),
        head=head,
    )


class _Arena:
    """One block of memory for all matrices: most are too small to get huge pages by themselves."""

    def __init__(self, num_values: int):
        self._free = aligned_empty(num_values)

    def take(self, rows: int, columns: int, *, in_out: bool) -> Float32:
        """Return the next matrix (rows, columns), lying in memory as (columns, rows) if asked."""
        size = rows * columns
        taken, self._free = self._free[:size], self._free[size:]
        return taken.reshape(columns, rows).T if in_out else taken.reshape(rows, columns)
