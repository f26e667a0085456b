"""What a model should take on a machine: bytes of weights and cache, seconds, and money.

Small to whole: `formulas` (scalar arithmetic, also the calculator's JavaScript), `spec` (what a
model is), `tables` (known models and devices with their sources), `config_json` and `gguf_header`
(any other model), `tensors`, `mixes` and `weights` (true bytes), `kv` (the cache, by engine),
`sizing` (does it fit), `speed` and `counts` (how fast, and why), `answers` (what would fit),
`report`; `calculator` and `options` are the same for the page.
"""
