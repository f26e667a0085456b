"""LLM inference in plain NumPy, written to be read, measured and checked.

The floors, from the ground up; a floor imports only from those below it, and rooms that share a
floor do not know each other (the import contract in `pyproject.toml` is the test of it):

    arrays units bench                       words, and timing that can be trusted
    maths                                    softmax, norms, activations, rotary positions
    attention quant sampling tokenizer       one technique each
    gguf                                     model files
    cache                                    keys and values, kept
    model                                    the Llama family
    decode                                   one request
    page                                     tables, figures and checks for the site's pages
"""
