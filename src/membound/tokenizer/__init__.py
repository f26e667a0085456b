"""Text to token ids and back: byte-level BPE, as GPT-2 began it and SmolLM2 uses it.

alphabet  bytes as printable characters, so that a vocabulary can be text
pieces    cut text before merging, so that no token crosses a word
merges    the merge loop, plain and fast
bpe       `Tokenizer`, and `StreamDecoder` for text that arrives token by token
chat      messages as the prompt that a chat model was trained on
"""
