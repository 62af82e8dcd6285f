# SPDX-License-Identifier: GPL-2.0-or-later
"""Hash trees of RFC 9162 section 2.1 with SHA-256."""
import hashlib

from . import need


def sha256(*parts):
    """SHA-256 of the parts, one behind the other."""
    return hashlib.sha256(b"".join(parts)).digest()


def leaf_hash(leaf):
    """What a leaf enters the tree as."""
    return sha256(b"\x00", leaf)


def node_hash(left, right):
    """What two subtrees enter it as."""
    return sha256(b"\x01", left, right)


def root(leaves):
    """The root over leaves, by the definition of section 2.1.1."""
    hashes = [leaf_hash(leaf) for leaf in leaves]
    return root_of_hashes(hashes) if hashes else sha256()


def root_of_hashes(hashes):
    """The left subtree is the largest full one that is not all."""
    if len(hashes) == 1:
        return hashes[0]
    split = 1 << (len(hashes) - 1).bit_length() - 1
    return node_hash(root_of_hashes(hashes[:split]), root_of_hashes(hashes[split:]))


def root_from_inclusion(leaf, index, size, path):
    """The root that a proof leads to; RFC 9162 section 2.1.3.2, by recursion on the definition."""
    need(0 <= index < size, "proof: no such leaf")
    return climb(leaf_hash(leaf), index, size, list(path))


def climb(hash_value, index, size, path):
    """From the leaf's hash to the root of a tree of @size; the last of the path is the highest."""
    if size == 1:
        need(not path, "proof: too long")
        return hash_value
    need(path, "proof: too short")
    split = 1 << (size - 1).bit_length() - 1
    other = path.pop()
    if index < split:
        return node_hash(climb(hash_value, index, split, path), other)
    return node_hash(other, climb(hash_value, index - split, size - split, path))


class Tree:
    """A tree that grows at its right edge and keeps no leaves: complete subtrees as (size, root), sizes falling."""

    def __init__(self):
        self.size, self.edge = 0, []

    def add(self, hash_value, size=1):
        """A complete subtree of @size leaves, a power of two that divides the tree's size."""
        need(self.size % size == 0, "run: a subtree at a wrong place")
        self.size += size
        while self.edge and self.edge[-1][0] == size:
            hash_value = node_hash(self.edge.pop()[1], hash_value)
            size *= 2
        self.edge.append((size, hash_value))

    def add_run(self, count, hashes):
        """@count leaves by the roots of the largest subtrees that they are made of, from left to right."""
        end = self.size + count
        for hash_value in hashes:
            need(self.size < end, "run: too many hashes")
            size = 1 << (end - self.size).bit_length() - 1
            if self.size:
                size = min(size, self.size & -self.size)
            self.add(hash_value, size)
        need(self.size == end, "run: too few hashes")

    def root(self):
        """Of all leaves so far."""
        if not self.edge:
            return sha256()
        _, hash_value = self.edge[-1]
        for _, left in reversed(self.edge[:-1]):
            hash_value = node_hash(left, hash_value)
        return hash_value


def check_consistency(older, older_root, newer, newer_root, path):
    """The older tree is the beginning of the newer; RFC 9162 section 2.1.4, by recursion on the definition of the proof."""
    need(0 < older <= newer, "consistency: no such sizes")
    path = list(path)
    found = rebuild(older, newer, True, older_root, path)
    need(not path, "consistency: proof too long")
    need(found == (older_root, newer_root), "consistency: the older log is not the beginning of the newer one")


def rebuild(older, newer, whole, older_root, path):
    """(root of the first @older, root of the first @newer) of a subtree, from the proof's end downwards."""
    if older == newer:
        if whole:
            return older_root, older_root
        need(path, "consistency: proof too short")
        node = path.pop()
        return node, node
    need(path, "consistency: proof too short")
    split = 1 << (newer - 1).bit_length() - 1
    other = path.pop()
    if older <= split:
        old, new = rebuild(older, split, whole, older_root, path)
        return old, node_hash(new, other)
    old, new = rebuild(older - split, newer - split, False, older_root, path)
    return node_hash(other, old), node_hash(other, new)
