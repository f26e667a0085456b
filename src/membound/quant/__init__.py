"""Fewer bytes per weight.

blocks   weights to GGUF blocks and back, by the name of a format
formats  the formats themselves, each as the struct that it stores
"""
