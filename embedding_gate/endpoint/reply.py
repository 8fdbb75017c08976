"""What comes from a server, and the key that goes to it."""

from dataclasses import dataclass, field
from typing import Any

__all__ = ["Reply", "Secret"]


@dataclass(frozen=True)
class Reply:
    """An answer. json: its content, or None where it is not JSON (NaN and Infinity are not)."""

    status: int
    json: Any = field(repr=False)
    text: str

    @property
    def short(self) -> str:
        """Status and beginning, in one clean line."""
        clean = " ".join("".join(one if one.isprintable() else " " for one in self.text[:400]).split())
        return f"{self.status} {clean[:80]}".strip()


class Secret:
    """A key that no representation shows."""

    def __init__(self, value: str) -> None:
        self._value = value

    def headers(self) -> dict[str, str]:
        """Return the header that carries the key, if there is one."""
        return {"Authorization": f"Bearer {self._value}"} if self._value else {}

    def hidden_in(self, text: str) -> str:
        """Return a text with the key replaced."""
        return text.replace(self._value, "[key]") if self._value else text
