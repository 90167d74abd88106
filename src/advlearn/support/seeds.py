"""Seeds derived by hashing, so that no result depends on the order in which cells run."""

from __future__ import annotations

import hashlib


def derive_seed(*parts: object) -> int:
    """A seed in [0, 2**31) that depends on ``parts`` alone, for example (run seed, stage, cell).

    The parts are joined by their ``repr``, so 1 and "1" give different seeds.
    """
    text = "\x1f".join(repr(part) for part in parts)
    digest = hashlib.blake2b(text.encode("utf-8"), digest_size=8).digest()
    return int.from_bytes(digest, "big") % 2**31
