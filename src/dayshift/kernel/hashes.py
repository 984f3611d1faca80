"""A set of 64-bit hashes in pieces, each a sorted table with gaps.

The top bits of a hash name its piece, the rest is its word. In a piece the words ascend, with gaps: a word stands at its
place, which is word * places / 2**BITS, or as near behind it as the smaller ones allow (linear probing in order: Amble,
Knuth 1974). So a search ends at the first word that is not smaller, also where seven eighths of the places are taken. A gap
holds a number above all words, and so does the end, which is never taken. A larger piece is the same words, read and written
once from the first to the last.

A row of `pieces` is one of them: the address of its words; how many there are, gaps and the room behind the last place
included; how many of them are places; how many hashes it holds, and how many it may hold before it is made larger, which
is no more than it holds when the last word but one is taken. The memory is the caller's.
"""

from typing import Any

from dayshift.kernel.jit import bare, inner, peek, prefetch, words_at

PIECES = 512
BITS = 55
GAP = 2**63 - 1
AT, SIZE, PLACES, HELD, MOST = range(5)
_WORD = 2**BITS - 1
_FAR = 16
"""A row is fetched from memory while the sixteenth before it is worked on."""


@inner
def _place(word: Any, places: Any) -> Any:
    return ((word >> (BITS - 32)) * places) >> 32


@inner
def _fetch(pieces: Any, hashed: Any) -> None:
    piece = (hashed >> BITS) & (PIECES - 1)
    words = words_at(pieces[piece, AT], pieces[piece, SIZE])
    prefetch(words, _place(hashed & _WORD, pieces[piece, PLACES]))


@inner
def _find(words: Any, word: Any, places: Any) -> Any:
    """Where a word stands, or is to stand."""
    at = _place(word, places)
    while peek(words, at) < word:
        at += 1
    return at


@bare
def find(pieces: Any, hashes: Any, found: Any) -> None:
    """Say of each hash (an int64 of the same bits) whether it is there."""
    for row in range(min(hashes.size, _FAR)):
        _fetch(pieces, hashes[row])
    for row in range(hashes.size):
        if row + _FAR < hashes.size:
            _fetch(pieces, hashes[row + _FAR])
        piece, word = (hashes[row] >> BITS) & (PIECES - 1), hashes[row] & _WORD
        words = words_at(pieces[piece, AT], pieces[piece, SIZE])
        found[row] = peek(words, _find(words, word, pieces[piece, PLACES])) == word


@bare
def enter(pieces: Any, hashes: Any, first: Any) -> Any:
    """Add the hashes from the `first` one on; the number of one whose piece has no room, or of hashes."""
    for row in range(first, min(hashes.size, first + _FAR)):
        _fetch(pieces, hashes[row])
    for row in range(first, hashes.size):
        if row + _FAR < hashes.size:
            _fetch(pieces, hashes[row + _FAR])
        piece = (hashes[row] >> BITS) & (PIECES - 1)
        if not _put(pieces[piece], hashes[row] & _WORD):
            return row
    return hashes.size


@inner
def _put(piece: Any, word: Any) -> Any:
    """Whether the word is there now."""
    words = words_at(piece[AT], piece[SIZE])
    at = _find(words, word, piece[PLACES])
    if peek(words, at) == word:
        return True
    if piece[HELD] >= piece[MOST]:
        return False
    piece[HELD] += 1
    while word != GAP:
        word, words[at] = peek(words, at), word
        at += 1
    if at + 1 == piece[SIZE]:
        piece[MOST] = piece[HELD]
    return True


@bare
def merge(words: Any, fresh: Any, places: Any, into: Any) -> Any:
    """Write the words of a piece, and ascending hashes that it lacks, into a larger one with so many places; whether
    there is room behind the last one."""
    free = taken = 0
    for word in words:
        if word == GAP:
            continue
        while taken < fresh.size and fresh[taken] & _WORD < word:
            free = _lay(fresh[taken] & _WORD, free, places, into)
            taken += 1
        free = _lay(word, free, places, into)
    for hashed in fresh[taken:]:
        free = _lay(hashed & _WORD, free, places, into)
    into[min(free, into.size - 1) :] = GAP
    return free + 1 < into.size


@inner
def _lay(word: Any, free: Any, places: Any, into: Any) -> Any:
    """Write a word behind all others; where the next one may stand."""
    at = min(_place(word, places), into.size)
    while free < at:
        into[free] = GAP
        free += 1
    if free < into.size:
        into[free] = word
    return free + 1


@bare
def repeat(hashes: Any, scratch: Any, found: Any) -> None:
    """Say of each hash whether another one is the same. `scratch`: zeros, a power of two of them, more than hashes."""
    mask = scratch.size - 1
    for row in range(hashes.size):
        at = (hashes[row] >> 32) & mask
        while scratch[at] and hashes[scratch[at] - 1] != hashes[row]:
            at = (at + 1) & mask
        if scratch[at]:
            found[row] = found[scratch[at] - 1] = True
        else:
            scratch[at] = row + 1
