"""The arithmetic of sizing, in the part of Python that is also JavaScript.

The page's calculator is made from this source, and gives the same bits: numbers go in as floats
(a whole number too), and there is nothing here but + - * /, comparisons, `and`, `or`, `not`, if,
locals, calls, min, max, floor, ceil and sqrt. Bytes are bytes, times are seconds, rates are per
second. `bits` are the true ones: q8_0 stores 34 bytes for 32 values, which is 8.5 bits each.
"""

import math

ALL_REDUCE_LATENCY_S = 0.00001  # aiconfigurator-core 0.12.0, "p2p_latency"

# Memory


def padded(value, multiple):
    """The smallest multiple that is not below `value`."""
    return math.ceil(value / multiple) * multiple


def kv_layer_bytes(num_kv_heads, key_dim, value_dim, key_bits, value_bits):
    """What one token adds to the cache of one layer of MHA, GQA or MQA."""
    return num_kv_heads * (key_dim * key_bits + value_dim * value_bits) / 8.0


def latent_layer_bytes(kv_lora_rank, rope_head_dim, bits):
    """What one token adds to one layer of MLA: a latent vector and a rotated key, stored once.

    arXiv 2405.04434, section 2.1.
    """
    return (kv_lora_rank + rope_head_dim) * bits / 8.0


def kv_heads_per_gpu(num_kv_heads, tensor_parallel):
    """The KV heads that a GPU holds: past their number they are copied, not split."""
    return max(1.0, math.ceil(num_kv_heads / tensor_parallel))


def kv_bytes(layer_bytes, full_layers, window_layers, window, tokens):
    """The cache that `tokens` of one sequence need: a window layer keeps the last `window`."""
    return layer_bytes * (full_layers * tokens + window_layers * min(tokens, window))


def vllm_window_blocks(window, tokens, block_size, batched_tokens):
    """The most blocks that a sequence holds in a window layer of vLLM.

    Window and chunk may begin inside a block, hence one more (SlidingWindowSpec).
    """
    held = min(window - 1.0 + batched_tokens, tokens)
    return math.ceil(held / block_size) + 1.0


def vllm_kv_bytes(
    layer_bytes, full_layers, window_layers, window, tokens, block_size, batched_tokens
):
    """The cache that vLLM sets aside for one sequence of `tokens`: whole blocks."""
    full = full_layers * math.ceil(tokens / block_size)
    held = window_layers * vllm_window_blocks(window, tokens, block_size, batched_tokens)
    return layer_bytes * block_size * (full + held)


def llamacpp_cells(n_ctx, num_sequences, unified: bool):
    """The cells of a full layer in one stream; split (not `unified`), each sequence has its own.

    `n_ctx` is what `-c` says, for all sequences together. llama-context.cpp: pad to 256, share
    out rounding down, pad to 256.
    """
    total = padded(n_ctx, 256.0)
    if unified:
        return total
    return padded(float(math.floor(total / num_sequences)), 256.0)


def llamacpp_window_cells(n_ctx, num_sequences, unified: bool, window, n_batch, n_ubatch):
    """The cells of a sliding-window layer in one stream (llama-kv-cache-iswa.cpp)."""
    sharing = num_sequences if unified else 1.0
    ubatch = min(n_ubatch, min(n_batch, n_ctx))
    cells = llamacpp_cells(n_ctx, num_sequences, unified)
    return padded(min(cells, window * sharing + ubatch), 256.0)


def llamacpp_kv_bytes(
    layer_bytes,
    full_layers,
    window_layers,
    window,
    n_ctx,
    num_sequences,
    unified: bool,
    n_batch,
    n_ubatch,
    swa_full: bool,
):
    """The cache that llama.cpp allocates when it starts, of all sequences; `swa_full`: no window.

    It is taken whole, whether tokens come or not.
    """
    cells = llamacpp_cells(n_ctx, num_sequences, unified)
    window_cells = llamacpp_window_cells(n_ctx, num_sequences, unified, window, n_batch, n_ubatch)
    if swa_full:
        window_cells = cells
    streams = 1.0 if unified else num_sequences
    return layer_bytes * streams * (full_layers * cells + window_layers * window_cells)


def activation_bytes(tokens, hidden_size, intermediate_size, vocab_size, num_logits):
    """An estimate of what one pass holds: 16-bit residual, its norm, gate and up; float32 logits.

    An assumption, not a law: engines reuse buffers in their own ways, and measure theirs.
    """
    hidden = tokens * (2.0 * hidden_size + 2.0 * intermediate_size) * 2.0
    return hidden + num_logits * vocab_size * 4.0


def nccl_bytes(gpus):
    """What communication between GPUs keeps on each: "nccl_mem" of aiconfigurator-core 0.12.0."""
    if gpus == 1.0:
        return 0.0
    return (342.0 if gpus == 2.0 else 392.0) * 1048576.0


# Work


def power(base, exponent):
    """`base` to a whole `exponent` from 0, by squaring: the same bits in both languages."""
    if exponent < 1.0:
        return 1.0
    half = power(base, float(math.floor(exponent / 2.0)))
    if exponent - 2.0 * math.floor(exponent / 2.0) > 0.0:
        return half * half * base
    return half * half


def experts_touched(num_experts, experts_per_token, tokens):
    """The expected number of experts that a pass over `tokens` reads: E (1 - (1 - k/E)^tokens).

    It assumes that each token draws its k experts uniformly and independently. A real router
    does neither, and then fewer are touched: this is the number for perfect balance.
    """
    if num_experts == 0.0:
        return 0.0
    return num_experts * (1.0 - power(1.0 - experts_per_token / num_experts, tokens))


def weights_read_bytes(shared_bytes, expert_bytes, num_experts, experts_per_token, tokens):
    """The weights that a pass over `tokens` reads: all shared ones, and the experts touched."""
    if num_experts == 0.0:
        return shared_bytes
    share = experts_touched(num_experts, experts_per_token, tokens) / num_experts
    return shared_bytes + expert_bytes * share


def attended_positions(tokens, before, window):
    """How many positions `tokens` new ones see in all, `before` ones cached: each sees itself."""
    if window == 0.0:
        return tokens * before + tokens * (tokens + 1.0) / 2.0
    growing = min(tokens, max(0.0, window - before))  # these see all that came before them
    seen = growing * before + growing * (growing + 1.0) / 2.0
    return seen + (tokens - growing) * window


def attention_flops(
    num_heads, key_dim, value_dim, full_layers, window_layers, window, tokens, before
):
    """Scores and their weighted sum: 2 operations per head, position and number, in each."""
    positions = full_layers * attended_positions(tokens, before, 0.0)
    if window_layers > 0.0:
        positions = positions + window_layers * attended_positions(tokens, before, window)
    return 2.0 * num_heads * (key_dim + value_dim) * positions


def matmul_flops(weights_per_token, tokens, head_weights, num_logits):
    """2 operations per weight and token; the output matrix only where logits are wanted."""
    return 2.0 * (weights_per_token * tokens + head_weights * num_logits)


def prefill_flops(
    matmul_weights,
    head_weights,
    num_heads,
    key_dim,
    value_dim,
    full_layers,
    window_layers,
    window,
    tokens,
    tensor_parallel,
):
    """The operations of a GPU on a prompt: matrices, causal attention, its last token's logits."""
    attention = attention_flops(
        num_heads, key_dim, value_dim, full_layers, window_layers, window, tokens, 0.0
    )
    return (matmul_flops(matmul_weights, tokens, head_weights, 1.0) + attention) / tensor_parallel


def decode_flops(
    matmul_weights,
    head_weights,
    num_heads,
    key_dim,
    value_dim,
    full_layers,
    window_layers,
    window,
    context,
    requests,
    tensor_parallel,
):
    """The operations of a GPU in one step of all requests, each of which sees its whole context.

    In MLA the query meets the latent vectors themselves: `key_dim` is then kv_lora_rank +
    rope_head_dim, and `value_dim` kv_lora_rank (arXiv 2405.04434, section 2.1.2).
    """
    attention = attention_flops(
        num_heads, key_dim, value_dim, full_layers, window_layers, window, 1.0, context - 1.0
    )
    matmul = matmul_flops(matmul_weights, requests, head_weights, requests)
    return (matmul + requests * attention) / tensor_parallel


# Time


def compute_s(flops, peak_flops_per_s, compute_efficiency):
    """The time that the operations take alone; with an unknown peak, given as 0, it is 0."""
    if peak_flops_per_s == 0.0:
        return 0.0
    return flops / (peak_flops_per_s * compute_efficiency)


def memory_s(num_bytes, peak_bytes_per_s, memory_efficiency):
    """The time that the bytes take alone."""
    return num_bytes / (peak_bytes_per_s * memory_efficiency)


def all_reduce_s(num_bytes, tensor_parallel, link_bytes_per_s, latency_s):
    """One ring all-reduce: each GPU sends 2 (n - 1)/n of the bytes; 0 on one GPU."""
    if tensor_parallel == 1.0:
        return 0.0
    sent = 2.0 * (tensor_parallel - 1.0) / tensor_parallel * num_bytes
    return latency_s + sent / link_bytes_per_s


def tensor_parallel_s(
    tokens, num_layers, hidden_size, tensor_parallel, link_bytes_per_s, latency_s
):
    """The all-reduces of a pass, two in each layer, of 16-bit activations; nothing overlaps them.

    An unknown link is given as 0 bytes/s: its traffic is then left out.
    """
    if link_bytes_per_s == 0.0:
        return 0.0
    once = all_reduce_s(tokens * hidden_size * 2.0, tensor_parallel, link_bytes_per_s, latency_s)
    return 2.0 * num_layers * once


def requests_per_s(concurrency, prefill_s, output_tokens, step_s):
    """Requests that one replica finishes: each needs its prefill alone and its share of steps."""
    return concurrency / (concurrency * prefill_s + output_tokens * step_s)


def cost_per_million_tokens(price_per_hour, num_gpus, tokens_per_s):
    """Money for a million tokens; `price_per_hour` is one GPU's."""
    return price_per_hour * num_gpus / 3600.0 / tokens_per_s * 1000000.0
