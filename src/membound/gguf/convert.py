"""Requantise a GGUF file: the same model in another format.

Which tensor becomes what follows llama.cpp (src/llama-quant.cpp), without its mixes of formats:

- matrices whose name ends in ".weight" are converted; norms, other vectors and the gates of experts
  stay as they are;
- the output matrix, and the embedding where it serves as one, keep Q6_K or better;
- where a row is no whole number of blocks, the tensor falls back to a format of 32, then to F16.
"""

import os
from collections.abc import Callable
from types import MappingProxyType
from typing import NamedTuple

from membound.arrays import Bytes
from membound.gguf.reader import GGUFFile, read_gguf
from membound.gguf.spec import TensorInfo, ValueType
from membound.gguf.writer import NewTensor, write_gguf
from membound.quant.blocks import FORMATS, quantize

# `general.file_type` of a file that is mostly of one format. (llama_ftype, llama.h in llama.cpp)
FILE_TYPES = MappingProxyType(
    {
        "F32": 0,
        "F16": 1,
        "Q4_0": 2,
        "Q4_1": 3,
        "Q8_0": 7,
        "Q5_0": 8,
        "Q5_1": 9,
        "Q2_K": 10,
        "Q3_K": 11,
        "Q4_K": 14,
        "Q5_K": 16,
        "Q6_K": 18,
        "IQ4_NL": 25,
        "BF16": 32,
        "MXFP4": 38,
    }
)

FALLBACKS = MappingProxyType(
    {"Q2_K": "IQ4_NL", "Q3_K": "IQ4_NL", "Q4_K": "Q5_0", "Q5_K": "Q5_1", "Q6_K": "Q8_0"}
)


class Progress(NamedTuple):
    """One tensor has been converted: from which type to which, and how many are done."""

    name: str
    source_type: str
    target_type: str
    num_done: int
    num_tensors: int


def choose_type(tensor: TensorInfo, format_name: str, *, is_output: bool) -> str:
    """The type that a tensor gets in a file of `format_name`."""
    name = tensor.name
    if not name.endswith(".weight") or len(tensor.shape) < 2:
        return tensor.type_name
    if "_norm." in name or "ffn_gate_inp." in name:
        return tensor.type_name
    if is_output and FORMATS[format_name].bits_per_weight < FORMATS["Q6_K"].bits_per_weight:
        format_name = "Q6_K"
    while tensor.shape[-1] % FORMATS[format_name].block_size != 0:
        format_name = FALLBACKS.get(format_name, "F16")
    return format_name


def plan(file: GGUFFile, format_name: str) -> list[NewTensor]:
    """The tensors that `quantize_file` would write: their types, and so the size of the file."""
    if format_name not in FILE_TYPES:
        raise ValueError(f"files are written as {', '.join(FILE_TYPES)}, not {format_name!r}")
    output = "output.weight" if "output.weight" in file.tensors else "token_embd.weight"
    return [
        NewTensor(
            tensor.name,
            tensor.shape,
            choose_type(tensor, format_name, is_output=tensor.name == output),
        )
        for tensor in file.tensors.values()
    ]


def quantize_file(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    format_name: str,
    *,
    progress: Callable[[Progress], None] | None = None,
) -> None:
    """Write the model in the file `source` to `target`, its matrices in `format_name`.

    One tensor at a time is in memory; `progress` hears of each as it is done. A weight that the
    format cannot hold raises `ValueError` with its tensor and row, and `target` stays as it was.
    """
    with read_gguf(source) as file:
        tensors = plan(file, format_name)
        positions = {tensor.name: index for index, tensor in enumerate(tensors)}

        def load(name: str) -> Bytes:
            before, after = file.tensors[name].type_name, tensors[positions[name]].type_name
            data = file.raw(name) if before == after else convert(file, name, after)
            if progress is not None:
                progress(Progress(name, before, after, positions[name] + 1, len(tensors)))
            return data

        changed = {"general.file_type": FILE_TYPES[format_name], "general.quantization_version": 2}
        write_gguf(
            target,
            file.metadata | changed,
            tensors,
            load,
            value_types=file.value_types | dict.fromkeys(changed, ValueType.UINT32),
        )


def convert(file: GGUFFile, name: str, format_name: str) -> Bytes:
    """One tensor's bytes in another format; `ValueError` names the tensor."""
    try:
        return quantize(file.tensor(name), format_name)
    except ValueError as error:
        raise ValueError(f"{name!r}: {error}") from error
