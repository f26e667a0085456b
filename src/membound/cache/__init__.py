"""Keys and values, kept: what a decoder has computed for past tokens and never computes again.

interface       what the model asks of a cache: four methods and three numbers
concatenated    grown by np.concatenate, as most first versions do, and counted
contiguous      room taken once and written in place
quantised       every token in few bits as it comes
kivi            old keys per channel and old values per token in 2 bits, recent ones whole
window          the last tokens in a ring, and the first few for ever
blocks          which block of memory belongs to whom: tables, sharing, prefixes, eviction
paged           many sequences in one memory of blocks
fragmentation   where memory goes when requests come and go, by reservation and by pages
buddy           the allocator that contiguous reservations come from
"""
