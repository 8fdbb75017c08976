"""Published figures and claims, as tables."""

import math
import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence

from embedding_gate.claims.claims import Claim
from embedding_gate.claims.published import Comparison
from embedding_gate.roofline import Device
from embedding_gate.text_table import aligned

__all__ = ["claims_table", "published_table"]


def published_table(found: Sequence[Comparison]) -> list[str]:
    """Return a table of published figures, measured figures and verdicts."""
    if not found:
        return []
    rows = [
        (
            comparison.figure.quantity,
            comparison.figure.shown,
            "-" if math.isnan(comparison.measured) else f"{comparison.measured:.4g}",
            comparison.outcome,
        )
        for comparison in found
    ]
    return [
        "",
        *aligned([(f"published of {found[0].figure.model}", "published", "measured", "verdict"), *rows]),
    ]


def claims_table(claims: Sequence[Claim], devices: Sequence[Device], width: int = 120) -> list[str]:
    """Return published claims by section, each with its verdict.

    The arithmetic and the devices are shown below each claim.

    Neighbouring rows with the same arithmetic show it once, below the last row.
    """
    counts = Counter(claim.finding.outcome for claim in claims)
    red = sum(claim.red for claim in claims)
    tally = ", ".join(f"{count} {outcome}" for outcome, count in counts.most_common())
    ending = f"; {red} NOT AS EXPECTED" if red else ""
    lines = textwrap.wrap(f"{len(claims)} published claims: {tally}{ending}", width, subsequent_indent="  ")
    beneath = [list(_beneath(claim, devices, width)) for claim in claims]
    section = ""
    for claim, below, following in zip(claims, beneath, [*beneath[1:], []], strict=True):
        if claim.section != section:
            section = claim.section
            lines += ["", f"  {section:<{width - 40}}{'published':>12}  verdict"]
        first, *more = textwrap.wrap(claim.subject, width - 44)
        verdict = claim.finding.outcome + (" FAIL" if claim.red else "")
        lines.append(f"  {first:<{width - 40}}{claim.published:>12}  {verdict}")
        lines += [f"    {line}" for line in more]
        lines += below if below != following else []
    return lines


def _beneath(claim: Claim, devices: Sequence[Device], width: int) -> Iterator[str]:
    """Yield the arithmetic, the families of devices, and the expected verdict if it differs."""
    finding = claim.finding
    texts = [finding.arithmetic]
    if finding.chips:
        texts.append(_families(finding.chips, devices))
    if claim.red:
        on = f" on {', '.join(claim.expected_on)}" if claim.expected_on else ""
        texts.append(f"FAIL: expected {claim.expected or 'nothing: give it a verdict'}{on}")
    for text in texts:
        yield from textwrap.wrap(text, width, initial_indent=" " * 6, subsequent_indent=" " * 8)


def _families(chips: Sequence[Device], devices: Sequence[Device]) -> str:
    """Return which families could do it and which could not.

    The chips are named if only some chips of a family could do it.
    """
    able: list[str] = []
    unable: list[str] = []
    for family in dict.fromkeys(device.family for device in devices):
        members = [device.name for device in devices if device.family == family]
        could = [chip.name for chip in chips if chip.family == family]
        some = f" ({', '.join(could)})" if len(could) < len(members) else ""
        (able if could else unable).append(f"{family}{some if could else ''}")
    return f"could: {', '.join(able) or 'none'}; could not: {', '.join(unable) or 'none'}"
