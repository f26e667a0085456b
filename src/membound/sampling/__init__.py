"""From logits to the next token.

filters    top-k and top-p: which tokens may be drawn at all
sampler    greedy choice, and seeded draws with temperature, top-k and top-p
"""
