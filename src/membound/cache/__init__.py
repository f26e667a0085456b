"""Keys and values, kept: what a decoder has computed for past tokens and never computes again.

interface       what the model asks of a cache: four methods and three numbers
concatenated    grown by np.concatenate, as most first versions do, and counted
contiguous      room taken once and written in place
"""
