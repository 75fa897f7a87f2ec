"""What a figure does to a rule: opens an alarm, keeps one, or ends it. Decides and touches nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Literal, NamedTuple

METERED = ("daily", "monthly", "peak", "base")
KINDS = (*METERED, "silence", "stuck")
# An alarm ends below this share of its limit, so that a figure that hovers about the limit makes one alarm and not many.
CLEAR = Decimal("0.95")
# These go on over their periods as long as each breaks the limit; a day and a month begin at nothing.
LASTING = frozenset({"peak", "base"})

Outcome = Literal["back", "next_period", "corrected", "rule_changed"]


class Figure(NamedTuple):
    """What was counted in a period, and the limit that it is held against; `projected`: how the period will end at the present rate."""

    start: datetime
    end: datetime
    value: Decimal
    threshold: Decimal
    since: datetime
    estimated: Decimal | None = None
    projected: bool = False
    usual: Decimal | None = None


class Standing(NamedTuple):
    """The open alarm of a rule and a device; `outdated`: the rule has changed since, `lasted`: it broke the limit in earlier periods too."""

    id: int
    start: datetime
    value: Decimal
    threshold: Decimal
    outdated: bool = False
    lasted: bool = False


class Open(NamedTuple):
    """Open an alarm with a figure."""

    figure: Figure


class Keep(NamedTuple):
    """Keep the open alarm, with what was counted since."""

    figure: Figure


class Close(NamedTuple):
    """End the open alarm; `value` is what its period came to."""

    outcome: Outcome
    value: Decimal


Change = Open | Keep | Close


def judge(kind: str, standing: Standing | None, figures: Sequence[Figure]) -> list[Change]:
    """Give what the figures of one rule and device change; they are in the order of their periods, the newest decides."""
    if not figures:
        return []
    newest = figures[-1]
    breaks = newest.value > newest.threshold
    if standing is None:
        return [Open(newest)] if breaks else []
    own = next((figure for figure in figures if figure.start == standing.start), None)
    known = standing.value if own is None else own.value
    if newest.start != standing.start and kind not in LASTING:
        ended: Outcome = "next_period" if known > standing.threshold else "corrected"
        return [Close(ended, known), *([Open(newest)] if breaks else [])]
    if newest.value >= newest.threshold * CLEAR:
        return [Keep(newest)]
    return [Close(_outcome(kind, standing, newest, known), known)]


def _outcome(kind: str, standing: Standing, newest: Figure, known: Decimal) -> Outcome:
    """Say why an alarm ends whose newest figure is well below the limit; `known` is what its own period came to."""
    if standing.outdated:
        return "rule_changed"
    if standing.lasted or (newest.start != standing.start and known > standing.threshold):
        return "next_period"
    return "back" if kind == "peak" or newest.start != standing.start else "corrected"
