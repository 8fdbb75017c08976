"""One row of a file, and what its columns say."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from embedding_gate.errors import FixtureError

__all__ = ["Row"]

_DECIMAL_COMMA = re.compile(r"\s*-?\d+,\d+\s*")


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a file: ``where`` is "file:line", ``values`` the columns by name in lower case.

    decimal_commas: whether "3,5" is a number. It is not where a comma separates the columns.
    """

    where: str
    values: dict[str, Any]
    decimal_commas: bool = False

    def renamed(self, names: Mapping[str, str]) -> "Row":
        """Return the row with other names of columns: old -> new. A column that has its name keeps it."""
        if names.keys().isdisjoint(self.values):
            return self
        new = {names.get(column, column): value for column, value in self.values.items()}
        return replace(self, values={**new, **self.values})

    def text(self, column: str) -> str:
        """Return a column's text.

        Raises:
            FixtureError: it is missing, empty or not text.

        """
        value = self.values.get(column)
        if not isinstance(value, str) or not value.strip():
            raise FixtureError(self.where, f"{column} must be a text, got {value!r}", hint="correct the line")
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise FixtureError(
                self.where, f"{column} holds a lone surrogate ({error.reason})", hint="correct the line"
            ) from error
        return value

    def has_text(self, column: str) -> bool:
        """Tell whether a column holds more than blanks. None counts as no text."""
        value = self.values.get(column)
        return bool(value.strip()) if isinstance(value, str) else value is not None

    def number(self, column: str) -> float:
        """Return a column's number.

        Raises:
            FixtureError: it is missing, not a number, or not finite.

        """
        value = self.values.get(column)
        if self.decimal_commas and isinstance(value, str) and _DECIMAL_COMMA.fullmatch(value):
            value = value.replace(",", ".")
        try:
            number = math.nan if isinstance(value, bool) or value is None else float(value)
        except (TypeError, ValueError, OverflowError):
            number = math.nan
        if not math.isfinite(number):
            raise FixtureError(
                self.where, f"{column} must be a finite number, got {value!r}", hint="correct the line"
            )
        return number
