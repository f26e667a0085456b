"""Fewer bytes per weight.

packing      codes of 1 to 8 bits in as many bits
lines        where the codes of a group lie: symmetric, affine, offset
integer      `quantize` an array per tensor, row or group, and what it takes
activations  int8 per tensor, token or block, and products in whole numbers
degrid       a 4-bit model as a baseline: its weights off their grid
kv           keys and values per token and per channel (KIVI)
gptq         columns rounded one by one, the rest making up for each error
awq          columns scaled by the inputs that they meet
lesson_bugs  three quantisers that look right and are not

blocks       weights to GGUF blocks and back, by the name of a format
formats      the formats themselves, each as the struct that it stores
"""
