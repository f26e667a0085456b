"""GGUF model files: metadata and tensors in one file that can be mapped into memory.

spec     the numbers that the format fixes, and `GGUFError`
cursor   little-endian values out of bytes, never past their end
parse    the front of a file, checked
reader   `read_gguf`: a file's metadata and its tensors
values   metadata to bytes
writer   `write_gguf`: a file at once or not at all
convert  `quantize_file`: the same model in another format
"""
