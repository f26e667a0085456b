"""The four formulas of a Llama block that are not a matrix product, and what they are made of.

softmax           scores to weights that sum to one
online_softmax    the same in pieces, merged afterwards
norms             RMSNorm
activations       SiLU and SwiGLU
rotary            positions as rotations (RoPE)
"""
