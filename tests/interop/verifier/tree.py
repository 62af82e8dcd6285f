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
