"""The Llama family: configuration, weights, and the transformer."""
