"""The KV cache of a model by number format, engine and number of GPUs.

Three engines, three answers: `exact` counts the tokens; vLLM hands out blocks of 16 (its
v1/kv_cache_interface.py, 0.33.0); llama.cpp allocates all of it at the start (@0c1e57098:
src/llama-context.cpp, llama-kv-cache.cpp, llama-kv-cache-iswa.cpp). vLLM groups the layers of a
model with windows so that their pages are alike; what that adds is not counted.
"""

from dataclasses import dataclass
from types import MappingProxyType

from membound.cost import memory
from membound.cost.case import MOST_LLAMACPP_REQUESTS
from membound.cost.inputs import model_inputs
from membound.cost.spec import ModelSpec
from membound.quant.blocks import FORMATS

ENGINES = ("exact", "vllm", "llama.cpp")

# True bits of a number in the cache, scales included.
KV_BITS = MappingProxyType(
    {name: 8.0 * FORMATS[name.upper()].type_size / FORMATS[name.upper()].block_size
     for name in ("f32", "f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "iq4_nl")}
    | {"fp8": 8.0, "nvfp4": 4.5}
)  # fmt: skip
KV_TYPES = MappingProxyType(
    {
        "exact": tuple(KV_BITS),
        "vllm": ("f32", "f16", "bf16", "fp8", "nvfp4"),
        "llama.cpp": tuple(name for name in KV_BITS if name not in ("fp8", "nvfp4")),
    }
)


@dataclass(frozen=True)
class KVPolicy:
    """How a cache is kept: which engine, the types of keys and values, and the engine's settings.

    `unified`, `swa_full` and the batch sizes are llama.cpp's `-kvu`, `--swa-full`, `-b` and `-ub`;
    `block_size` and `batched_tokens` vLLM's `--block-size` and `--max-num-batched-tokens`.
    """

    engine: str = "exact"
    key_type: str = "f16"
    value_type: str = "f16"
    block_size: int = 16
    batched_tokens: int = 8192
    unified: bool = False
    swa_full: bool = False
    n_batch: int = 2048
    n_ubatch: int = 512

    def __post_init__(self):
        if self.engine not in ENGINES:
            raise ValueError(f"engine must be one of {', '.join(ENGINES)}; got {self.engine!r}")
        for kind in (self.key_type, self.value_type):
            if kind not in KV_TYPES[self.engine]:
                raise ValueError(
                    f"a KV cache of {self.engine} must be one of "
                    f"{', '.join(KV_TYPES[self.engine])}; got {kind!r}"
                )
        for name in ("block_size", "batched_tokens", "n_batch", "n_ubatch"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")

    @property
    def chunk(self) -> int:
        """The most tokens of a prompt in one pass."""
        return self.n_ubatch if self.engine == "llama.cpp" else self.batched_tokens

    @property
    def inputs(self) -> dict[str, float | bool | str]:
        """What it adds to a `case.Case`."""
        return {
            "engine": self.engine,
            "key_bits": KV_BITS[self.key_type],
            "value_bits": KV_BITS[self.value_type],
            "chunk": float(self.chunk),
            "block_size": float(self.block_size),
            "unified": self.unified,
            "swa_full": self.swa_full,
            "n_batch": float(self.n_batch),
        }

    def layer_bytes(self, spec: ModelSpec, tensor_parallel: int = 1) -> float:
        """What a token adds to one layer, on one GPU; MLA's latent is copied to every GPU."""
        return memory.layer_bytes(self._case(spec, gpus=tensor_parallel))

    def num_bytes(
        self, spec: ModelSpec, context: int, num_sequences: int, tensor_parallel: int = 1
    ) -> float:
        """The cache of `num_sequences` of `context` tokens each, in bytes on one GPU."""
        load = {"context": context, "concurrency": num_sequences, "gpus": tensor_parallel}
        return memory.cache_bytes(self._case(spec, **load))

    def llamacpp_bytes(self, spec: ModelSpec, n_ctx: int, num_sequences: int = 1) -> float:
        """What llama.cpp allocates at start for `-c n_ctx -np num_sequences`, on all devices.

        An `n_ctx` of 0 is the model's own context length.
        """
        for name, number, least in (("n_ctx", n_ctx, 0), ("num_sequences", num_sequences, 1)):
            if number < least:
                raise ValueError(f"{name} must be at least {least}, got {number}")
        case = self._case(spec, concurrency=num_sequences, gpus=1)
        return memory.llamacpp_cache_bytes(case, float(n_ctx or spec.context_length))

    def _case(self, spec: ModelSpec, **load: int) -> dict[str, float | bool | str]:
        """As much of a `case.Case` as a cache depends on."""
        self.check(spec, load.get("concurrency", 1))
        numbers = {name: float(number) for name, number in load.items()}
        return {**model_inputs(spec), **self.inputs, **numbers}

    def check(self, spec: ModelSpec, num_sequences: int = 1) -> None:
        """Refuse a cache that no engine would make: a `ValueError` says why."""
        most = int(MOST_LLAMACPP_REQUESTS)
        if self.engine == "llama.cpp" and num_sequences > most:
            raise ValueError(f"llama.cpp serves at most {most} sequences, got {num_sequences}")
        if self.engine == "llama.cpp" and spec.is_mla and self.key_type != self.value_type:
            raise ValueError(
                f"llama.cpp keeps keys and values of MLA in one type: got {self.key_type} and "
                f"{self.value_type}"
            )
        widths = {self.key_type: spec.head_dim, self.value_type: spec.value_dim}
        if spec.is_mla:
            widths = {self.key_type: spec.kv_lora_rank + spec.rope_head_dim}
        for kind, width in widths.items():
            block = FORMATS[kind.upper()].block_size if kind.upper() in FORMATS else 1
            if width % block:
                raise ValueError(
                    f"a head in {kind} must be whole blocks of {block} numbers, got {width}"
                )
