"""GGUF block formats, one family per module; `membound.quant.blocks` is the door.

layout  what a format is: its name, its struct, its decoder and its encoder
plain   F32 F16 BF16: one number, one weight
legacy  Q8_0 Q4_0 Q4_1 Q5_0 Q5_1: a scale for 32 weights
"""
