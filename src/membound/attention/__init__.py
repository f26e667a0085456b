"""Attention, one technique per module; `plain` is the oracle that the others must equal.

plain      causal softmax attention with grouped heads, written to be read
counted    one small layer with and without a cache, its work counted as it is done
"""
