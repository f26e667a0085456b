"""One request: a prompt in, tokens out.

generate     token by token, over a cache, or computing everything anew each time
quality      what a change costs: perplexity, KL divergence, top-1 agreement
roundings    weights, activations, keys and values as a format would have them
calibration  what the matrices meet: real inputs
variants     one rounding at a time, measured
ladder       from the textbook to `model.fast`, one change at a time
"""
