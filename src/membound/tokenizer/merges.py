"""The merge loop of byte-pair encoding: join the pair that training joined first, and again.

A merge list maps a pair of tokens to its rank and to the token it becomes; the lowest rank goes
first, and of equal pairs the leftmost. (Sennrich, Haddow and Birch 2016, section 3.2.)
"""

from collections.abc import Mapping, Sequence
from heapq import heapify, heappop, heappush
from itertools import pairwise

from membound.quoted import quote

Pair = tuple[int, int]
MergeList = Mapping[Pair, tuple[int, int]]  # (left, right) -> (rank, merged)
Tokens = list[int | None]  # None: a byte that the vocabulary has no token for; nothing joins it


def read_merges(merges: Sequence[str], ids: Mapping[str, int]) -> MergeList:
    """Merges as a GGUF file spells them, "he llo", in order of rank: as ids."""
    read = {}
    for rank, text in enumerate(merges):
        left, _, right = text.partition(" ")
        if left not in ids or right not in ids or left + right not in ids:
            raise ValueError(f"merge {rank}, {quote(text)}, is not two tokens that join to a third")
        read[ids[left], ids[right]] = (rank, ids[left + right])
    return read


def merge_plainly(tokens: Tokens, merges: MergeList) -> Tokens:
    """The rule as it reads, in time quadratic in the number of tokens: the oracle."""
    tokens = list(tokens)
    while True:
        candidates = [
            (merges[pair][0], index)
            for index, pair in enumerate(pairwise(tokens))
            if pair in merges
        ]
        if not candidates:
            return tokens
        _, index = min(candidates)
        tokens[index : index + 2] = [merges[tokens[index], tokens[index + 1]][1]]


def merge(tokens: Tokens, merges: MergeList) -> Tokens:
    """What `merge_plainly` returns, in time n log n: candidates in a heap, tokens in a linked list.

    The left token of a pair takes the merged one's place, the right one becomes None. Candidates
    that a merge spoils stay in the heap, and are known by a pair that no longer stands there.
    """
    tokens = list(tokens)
    end = len(tokens)
    before, after = list(range(-1, end - 1)), list(range(1, end + 1))
    heap = [
        (merges[pair][0], index, pair)
        for index, pair in enumerate(pairwise(tokens))
        if pair in merges
    ]
    heapify(heap)
    while heap:
        _, index, pair = heappop(heap)
        right = after[index]
        if right == end or (tokens[index], tokens[right]) != pair:
            continue
        tokens[index], tokens[right] = merges[pair][1], None
        after[index] = after[right]
        if after[index] != end:
            before[after[index]] = index
        for first in (before[index], index):
            if first >= 0 and after[first] != end:
                pair = (tokens[first], tokens[after[first]])
                if pair in merges:
                    heappush(heap, (merges[pair][0], first, pair))
    return walk(tokens, after)


def walk(tokens: Tokens, after: list[int]) -> Tokens:
    """The tokens that still stand, from the first on."""
    standing, index = [], 0
    while index < len(tokens):
        standing.append(tokens[index])
        index = after[index]
    return standing
