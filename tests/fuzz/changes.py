"""Changed contents of a file: the corpus is the contents of right files.

The standard library's random numbers draw the changes: where Hypothesis draws one, they draw hundreds.
"""

import json
from random import Random
from typing import Any

__all__ = ["changed"]

# What readers get wrong: ends of lines, other encodings, depths, sizes, devices, ways out of a folder.
ODD = (
    b"", b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b"\r", b"\n", b"\t", b'"', b"\\", b"\\ud800", b"[" * 5000,
    b'{"a":' * 3000, b"-1", b"0", b"1e999", b"NaN", b"-Infinity", b"1" * 5000, b"18446744073709551616",
    b"9223372036854775807", b"null", b"true", b"{}", b"[]", b'""', b"../../etc/passwd", b"/dev/zero",
    b"/dev/stdin", b"CON", b"%00", b"\xff" * 8, b"\x00" * 8, (1 << 40).to_bytes(8, "little"),
    "\u2028".encode(), "\u202e".encode(), b"A" * 70000,
)  # fmt: skip
VALUES: tuple[Any, ...] = (
    None, True, -1, 0, 1, 2**31, 2**63, 2**64, -(2**70), 10**400, 0.5, 1e308, float("nan"), float("inf"), "",
    "a", "../../etc/passwd", "/dev/zero", "\0", "\ud800", "x" * 5000, [], {}, [[]], {"a": {}}, ["a", 1, None],
)  # fmt: skip


def changed(draw: Random, contents: tuple[bytes, ...]) -> bytes:
    """Draw one of the contents, changed in up to four places; where it is JSON, often in one value."""
    content = draw.choice(contents)
    if draw.random() < 0.5 and (data := _parsed(content)) is not None:
        return json.dumps(_with_another_value(draw, data)).encode()
    for _ in range(draw.randint(1, 4)):
        content = _edited(draw, content)
    return content


def _edited(draw: Random, content: bytes) -> bytes:
    """Replace, remove, repeat or insert a part, at the start of the content more often than elsewhere."""
    near = draw.choice((16, 200, len(content)))
    start = draw.randint(0, min(near, len(content)))
    end = min(len(content), start + draw.choice((0, 0, 1, 2, 8, 100, 1 << 20)))
    kind = draw.choice(("odd", "bytes", "repeat", "nothing", "bit"))
    if kind == "bit" and start < len(content):
        flipped = content[start] ^ (1 << draw.randint(0, 7))
        return content[:start] + bytes([flipped]) + content[start + 1 :]
    new = {
        "odd": draw.choice(ODD),
        "bytes": draw.randbytes(draw.randint(0, 12)),
        "repeat": content[start:end] * draw.choice((2, 3, 50)),
    }.get(kind, b"")
    return content[:start] + new[: 1 << 20] + content[end:]


def _with_another_value(draw: Random, data: Any) -> Any:
    """Change one value of a JSON document, or the name of one key."""
    if isinstance(data, dict) and data and draw.random() < 0.9:
        key = draw.choice(sorted(data))
        kind = draw.choice(("deeper", "deeper", "value", "gone", "renamed"))
        rest = {name: one for name, one in data.items() if name != key}
        if kind == "deeper":
            return {**data, key: _with_another_value(draw, data[key])}
        return {
            **rest,
            **{"value": {key: draw.choice(VALUES)}, "gone": {}, "renamed": {f"{key}x": data[key]}}[kind],
        }
    if isinstance(data, list) and data and draw.random() < 0.9:
        place = draw.randrange(len(data))
        kind = draw.choice(("deeper", "deeper", "gone", "twice"))
        one = data[place]
        new = {"deeper": [_with_another_value(draw, one)], "gone": [], "twice": [one, one]}
        return [*data[:place], *new[kind], *data[place + 1 :]]
    return draw.choice(VALUES)


def _parsed(content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None
