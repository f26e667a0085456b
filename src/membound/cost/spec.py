"""What fixes a model's weights and cache: its shapes, however they became known."""

from dataclasses import dataclass, fields
from typing import Self

from membound.model.config import ModelConfig
from membound.quoted import quote

# By GGUF's names; what sets them apart here is their small tensors: norms and biases.
ARCHITECTURES = ("llama", "qwen2", "qwen3", "qwen3moe", "gemma2", "gemma3", "deepseek2", "gpt-oss")
MOST_LAYERS = 10_000  # ours: tensors are made for each, and a file can claim any number


@dataclass(frozen=True)
class ModelSpec:
    """The shapes of a decoder; sizes that cannot belong together are refused.

    `head_dim` is the width of a key head and `value_dim` of a value head. Of `num_layers`,
    `num_window_layers` see only the last `window` tokens. `intermediate_size` is that of a dense
    feed-forward layer, `expert_size` of one expert; the first `num_dense_layers` of a mixture of
    experts are dense. MLA has `kv_lora_rank` and `rope_head_dim`, and `head_dim` is then the width
    of an uncompressed key with its rotated part. `source` says where the numbers come from.
    """

    name: str
    architecture: str
    vocab_size: int
    hidden_size: int
    num_layers: int
    num_heads: int
    num_kv_heads: int
    head_dim: int
    intermediate_size: int
    tied_embeddings: bool
    context_length: int
    value_dim: int = 0  # 0: as wide as a key
    window: int = 0
    num_window_layers: int = 0
    num_experts: int = 0
    experts_per_token: int = 0
    expert_size: int = 0
    num_shared_experts: int = 0
    num_dense_layers: int = 0
    router_bias: bool = False
    kv_lora_rank: int = 0
    q_lora_rank: int = 0
    rope_head_dim: int = 0
    source: str = "given"
    verified: bool = False

    def __post_init__(self):
        if self.architecture not in ARCHITECTURES:
            raise ValueError(
                f"architecture must be one of {', '.join(ARCHITECTURES)}, got {self.architecture!r}"
            )
        self._check_numbers()
        if self.num_layers > MOST_LAYERS:
            raise ValueError(f"num_layers must be at most {MOST_LAYERS}, got {self.num_layers}")
        if not self.value_dim:
            object.__setattr__(self, "value_dim", self.head_dim)
        if self.num_heads % self.num_kv_heads:
            raise ValueError(
                f"num_heads must be a multiple of num_kv_heads, got {self.num_heads} and "
                f"{self.num_kv_heads}"
            )
        if self.num_window_layers > self.num_layers:
            raise ValueError(
                f"num_window_layers must be at most num_layers, {self.num_layers}: got "
                f"{self.num_window_layers}"
            )
        if self.num_window_layers and not self.window:
            raise ValueError("window must be positive where there are window layers, got 0")
        if self.num_experts and not (0 < self.experts_per_token <= self.num_experts):
            raise ValueError(
                f"experts_per_token must be from 1 to num_experts, {self.num_experts}: got "
                f"{self.experts_per_token}"
            )
        if self.num_experts and not self.expert_size:
            raise ValueError("expert_size must be positive in a mixture of experts, got 0")
        if self.is_mla and not (0 < self.rope_head_dim < self.head_dim):
            raise ValueError(
                f"rope_head_dim must be a part of head_dim, {self.head_dim}, in MLA: got "
                f"{self.rope_head_dim}"
            )

    def _check_numbers(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.type is not int:
                continue
            if isinstance(value, bool) or not isinstance(value, int):
                raise ValueError(f"{field.name} must be a whole number, got {quote(value)}")
            if value < 0 or (value == 0 and field.default != 0):
                raise ValueError(f"{field.name} must be positive, got {value}")

    @property
    def is_mla(self) -> bool:
        """Multi-head latent attention: one latent vector per token instead of keys and values."""
        return self.kv_lora_rank > 0

    @property
    def num_full_layers(self) -> int:
        """The layers that see every token."""
        return self.num_layers - self.num_window_layers

    @property
    def widest(self) -> int:
        """What a token holds at most between two feed-forward matrices: all its experts' share."""
        if self.num_experts:
            return (self.experts_per_token + self.num_shared_experts) * self.expert_size
        return self.intermediate_size

    @property
    def decode_dims(self) -> tuple[int, int]:
        """The sizes of keys and values that a decode step meets: in MLA the latents themselves."""
        if self.is_mla:
            return self.kv_lora_rank + self.rope_head_dim, self.kv_lora_rank
        return self.head_dim, self.value_dim

    @property
    def attention_kind(self) -> str:
        """MHA, GQA, MQA or MLA."""
        if self.is_mla:
            return "MLA"
        if self.num_kv_heads == self.num_heads:
            return "MHA"
        return "MQA" if self.num_kv_heads == 1 else "GQA"

    @classmethod
    def from_model_config(cls, config: ModelConfig, name: str, *, tied: bool) -> Self:
        """The shapes of a model that this library runs."""
        return cls(
            name=name,
            architecture="llama",
            vocab_size=config.vocab_size,
            hidden_size=config.hidden_size,
            num_layers=config.num_layers,
            num_heads=config.num_heads,
            num_kv_heads=config.num_kv_heads,
            head_dim=config.head_dim,
            intermediate_size=config.intermediate_size,
            tied_embeddings=tied,
            context_length=config.context_length,
            source="ModelConfig",
            verified=True,
        )
