"""What happens to the bytes of a file."""

from __future__ import annotations


def cut(content: bytes) -> bytes:
    """As after a disk that was full: the end is missing."""
    return content[: -len(content) // 3]


def empty(content: bytes) -> bytes:
    """As after a crash of the machine: the name is there, the content is not."""
    return content[:0]


def flip(content: bytes) -> bytes:
    """As after a bad copy: of the right length, but some bytes are others."""
    changed = bytearray(content)
    for position in range(len(content) // 4, len(content) // 2, 5):
        changed[position] ^= 0xFF
    return bytes(changed)


def lose_rows(content: bytes) -> bytes:
    """As after an edit by hand: whole rows are missing."""
    return b"".join(content.splitlines(keepends=True)[:-7])


def change_digit(content: bytes) -> bytes:
    """As after a bad copy that nothing but a checksum can tell: another number, still a table."""
    place = content.rindex(b".") + 1
    return (
        content[:place]
        + (b"1" if content[place : place + 1] != b"1" else b"2")
        + (content[place + 1 :])
    )


def flip_one(content: bytes) -> bytes:
    """As after a defect of the disk: one byte is another."""
    place = len(content) // 2
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]
