"""The Llama family: configuration, weights, and the transformer.

config         the sizes, read from a GGUF file's metadata and checked once
weights        every matrix, in one block of memory, in the layout that reads fastest
transformer    the forward pass, written to be read: the oracle
layouts        the same matrices in other arrays, to time one way against another
fast           one token at a time, written to keep the memory bus busy
load           a GGUF file as a model: configuration, weights, tokenizer, both passes
local          where the real model lies on this machine
"""
