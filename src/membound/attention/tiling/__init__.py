"""FlashAttention seen from the memory's side.

tiles        tile sizes for a fast memory of M elements, and a counter of what moves
steps        the pass tile by tile, to be looked at
key_outer    standard attention and the first paper's loop order, counted
"""
