"""Going on after a fault, so that one run tells every fault, and each of them once.

A statement that fails is passed over.  The value behind it is *doubtful*: its type is a guess, and what does not fit it may be
a consequence of the fault before it, so that faults of shapes and ranges are not told where a doubtful value flows.  A doubt
ends at the next caption that the guess agrees with.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from archdsl.diagnostics import ArchError, Diagnostic
from archdsl.source import Span

MOST = 20
"""Faults of one network, each instance of a block counted, after which elaboration ends."""
_FATAL = ("E0105", "E0504", "E0505")
_ONE_FOR_ALL_USES = ("E0201", "E0404")
_MOST_PLACES = 5
_OF_SHAPES = ("E03", "E0402", "E0403", "E0502")


class Enough(Exception):
    """Elaboration ends here; what is to be said has been told."""


class Faults:
    """The faults of one elaboration so far, in the order in which they were met."""

    def __init__(self) -> None:
        self.told: list[Diagnostic] = []

    def __len__(self) -> int:
        return len(self.told)

    def tell(self, fault: ArchError, *, doubtful: bool) -> None:
        """Keeps ``fault`` unless it may follow from an earlier one; raises :class:`Enough` where going on makes no sense."""
        new = [each for each in fault.diagnostics if not (doubtful and each.code.startswith(_OF_SHAPES))]
        self.told += new
        if len(self.told) >= MOST or any(each.code in _FATAL for each in new):
            raise Enough

    def of_shapes_since(self, first: int) -> bool:
        """Whether any fault from number ``first`` on is one of shapes, which a later caption may feel."""
        return any(each.code.startswith("E03") for each in self.told[first:])

    def change(self, first: int, how: Callable[[Diagnostic], Diagnostic]) -> None:
        """Every fault from number ``first`` on as ``how`` sees it."""
        self.told[first:] = map(how, self.told[first:])

    def once(self, block_at: Callable[[Span], str | None]) -> tuple[Diagnostic, ...]:
        """Each fault once, and how often else it was met; ``block_at`` names the block whose text a place lies in."""
        groups: dict[object, list[Diagnostic]] = {}
        for each in self.told:
            groups.setdefault(_cause(each), []).append(each)
        return tuple(_with_others(first, others, block_at) for first, *others in groups.values())


def _cause(each: Diagnostic) -> object:
    """What reports of one fault have in common.

    An unknown name is one fault wherever it is used, and so are an argument that several calls lack, a map too small for the
    windows over it, and the two ways (with a projection and without) in which the body of one residual fails.
    """
    if each.primary is None:
        return each.code, each.message
    if each.code in _ONE_FOR_ALL_USES:
        return each.code, each.message, each.primary.span.source
    if each.code == "E0302":
        return each.code, each.message.partition(": ")[2]
    if each.message.startswith("residual body") and each.secondary:
        return each.code, each.secondary[0].span
    return each.code, each.primary.span


def _with_others(first: Diagnostic, others: Sequence[Diagnostic], block_at: Callable[[Span], str | None]) -> Diagnostic:
    if first.primary is None or not others:
        return first
    last = f", the last at `{others[-1].path}`" if others[-1].path else ""
    if first.code in _ONE_FOR_ALL_USES:
        elsewhere = sorted({each.primary.span.location for each in others if each.primary} - {first.primary.span.location})
        note = f"also at {_listed(elsewhere)}" if elsewhere else ""
    elif first.code == "E0302":
        note = f"{_count(len(others), 'more window')} {'does' if len(others) == 1 else 'do'} not fit{last}"
    else:
        block = block_at(first.primary.span)
        instances = f"{_count(len(others), 'more instance')}{f' of `{block}`' if block else ''}"
        note = f"{instances} fail{'s' if len(others) == 1 else ''} the same way{last}"
    return replace(first, notes=(*first.notes, note)) if note else first


def _listed(places: Sequence[tuple[int, int]]) -> str:
    shown = [f"{line}:{column}" for line, column in places[:_MOST_PLACES]]
    more = [f"{len(places) - _MOST_PLACES} more places"] if len(places) > _MOST_PLACES else []
    *most, end = [*shown, *more]
    return f"{', '.join(most)} and {end}" if most else end


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"
