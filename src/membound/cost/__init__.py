"""What a model should take on a machine: bytes of weights and cache, seconds, and money.

Small to whole: `formulas` (scalar arithmetic, also the calculator's JavaScript), `spec` (what a
model is), `tables` (known models and hardware with their sources), `config_json` and `gguf_header`
(any other model), `tensors` and `mixes` (true bits per weight), `weights`, `kv`, `sizing`.
"""
