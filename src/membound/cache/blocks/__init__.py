"""Which block of memory belongs to whom: bookkeeping alone, without a single key or value.

errors     what can be refused, by name
prefix     chained hashes, and which block has which content
pool       free list, reference counts, and blocks that could be found again
table      one sequence's blocks and what is known of its tokens
manager    the sequences: start, reserve, commit, fork, truncate, swap, free
"""
