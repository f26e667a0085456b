"""The KV cache of a model by number format, engine and number of GPUs.

Three engines, three answers: `exact` counts the tokens; vLLM hands out blocks of 16 (its
v1/kv_cache_interface.py, 0.33.0); llama.cpp allocates all of it at the start (@0c1e57098:
src/llama-context.cpp, llama-kv-cache.cpp, llama-kv-cache-iswa.cpp). vLLM groups the layers of a
model with windows so that their pages are alike; what that adds is not counted.
"""

from dataclasses import dataclass
from types import MappingProxyType

from membound.cost import formulas
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
# llama.cpp has a cache for windows only where its model code asks for one: a Mistral 7B, whose
# architecture is llama, gets full layers.
LLAMA_CPP_WINDOWS = ("gemma2", "gemma3", "gpt-oss")
LLAMA_CPP_MAX_SEQUENCES = 256


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

    def layer_bytes(self, spec: ModelSpec, tensor_parallel: int = 1) -> float:
        """What a token adds to one layer, on one GPU; MLA's latent is copied to every GPU."""
        self._check_rows(spec)
        key_bits, value_bits = KV_BITS[self.key_type], KV_BITS[self.value_type]
        if spec.is_mla:
            return formulas.latent_layer_bytes(
                float(spec.kv_lora_rank), float(spec.rope_head_dim), key_bits
            )
        heads = formulas.kv_heads_per_gpu(float(spec.num_kv_heads), float(tensor_parallel))
        return formulas.kv_layer_bytes(
            heads, float(spec.head_dim), float(spec.value_dim), key_bits, value_bits
        )

    def layers(self, spec: ModelSpec) -> tuple[float, float, float]:
        """How many layers keep every token, how many a window, and how long that window is."""
        if self.engine == "llama.cpp" and spec.architecture not in LLAMA_CPP_WINDOWS:
            return float(spec.num_layers), 0.0, 0.0
        return float(spec.num_full_layers), float(spec.num_window_layers), float(spec.window)

    def num_bytes(
        self, spec: ModelSpec, context: int, num_sequences: int, tensor_parallel: int = 1
    ) -> float:
        """The cache of `num_sequences` of `context` tokens each, in bytes on one GPU."""
        layers = (self.layer_bytes(spec, tensor_parallel), *self.layers(spec))
        if self.engine == "exact":
            return num_sequences * formulas.kv_bytes(*layers, float(context))
        if self.engine == "vllm":
            once = formulas.vllm_kv_bytes(
                *layers, float(context), float(self.block_size), float(self.batched_tokens)
            )
            return num_sequences * once
        return self.llamacpp_bytes(spec, context * num_sequences, num_sequences)

    def llamacpp_bytes(self, spec: ModelSpec, n_ctx: int, num_sequences: int = 1) -> float:
        """What llama.cpp allocates at start for `-c n_ctx -np num_sequences`, on all devices.

        An `n_ctx` of 0 is the model's own context length.
        """
        for name, number, least in (("n_ctx", n_ctx, 0), ("num_sequences", num_sequences, 1)):
            if number < least:
                raise ValueError(f"{name} must be at least {least}, got {number}")
        if num_sequences > LLAMA_CPP_MAX_SEQUENCES:
            raise ValueError(
                f"llama.cpp serves at most {LLAMA_CPP_MAX_SEQUENCES} sequences, got {num_sequences}"
            )
        return formulas.llamacpp_kv_bytes(
            self.layer_bytes(spec),
            *self.layers(spec),
            float(n_ctx or spec.context_length),
            float(num_sequences),
            self.unified,
            float(self.n_batch),
            float(self.n_ubatch),
            self.swa_full,
        )

    def _check_rows(self, spec: ModelSpec) -> None:
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
