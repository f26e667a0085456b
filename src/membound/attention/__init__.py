"""Attention, one technique per module; `plain` is the oracle that the others must equal.

plain        causal softmax attention with grouped heads, written to be read
counted      one small layer with and without a cache, its work counted as it is done
lesson_bugs  two cached decoders that look right and are not
shapes       what each of them asks of its arguments
grouped      MHA, GQA and MQA without copying a key head
flash        exact attention that never holds its score matrix
tiling       the same seen from the memory's side: tile sizes, steps, counts
split        one query, its keys in pieces that need not wait for each other
window       the last tokens and the first few
latent       multi-head latent attention, expanded and absorbed
paged        keys in blocks anywhere, found through a block table
"""
