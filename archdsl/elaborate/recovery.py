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
"""Faults of one network after which elaboration ends."""
_MOST_MET = 400  # instances of these faults, and what follows from them
_FATAL = ("E0105", "E0504", "E0505")
ONE_FOR_ALL_USES = ("E0201", "E0404")
"""Codes of faults that are one however often the name, or the call that lacks an argument, is met."""
_MOST_PLACES = 5
_OF_SHAPES = ("E03", "E0502")
_OF_VALUES = ("E0402", "E0403")
_LITERAL = frozenset("0123456789.-x(), /")


class Enough(Exception):
    """Elaboration ends here; what is to be said has been told."""


class Faults:
    """The faults of one elaboration so far, in the order in which they were met."""

    def __init__(self) -> None:
        self.told: list[Diagnostic] = []
        self._causes: set[object] = set()
        self._costly = self._met = 0

    def __len__(self) -> int:
        return len(self.told)

    def tell(self, fault: ArchError, *, doubtful: bool) -> None:
        """Keeps ``fault`` unless it may follow from an earlier one; raises :class:`Enough` where going on makes no sense."""
        new = [each for each in fault.diagnostics if not (doubtful and _may_follow(each))]
        self.told += new
        self._met += 1
        self._costly += sum(each.code in ONE_FOR_ALL_USES for each in new)  # each looks for a name that is alike
        self._causes.update(map(cause, new))
        if self.ended or any(each.code in _FATAL for each in new):
            raise Enough

    @property
    def ended(self) -> bool:
        """Whether there were so many faults that elaboration did not go on."""
        return max(self._costly, len(self._causes)) >= MOST or self._met >= _MOST_MET

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
            groups.setdefault(cause(each), []).append(each)
        least = "at least " if self.ended else ""
        return tuple(_with_others(first, others, block_at, least) for first, *others in groups.values())


def _may_follow(each: Diagnostic) -> bool:
    """Whether a fault may come from a shape that is itself a guess: not so a value out of range that is written out."""
    if each.code in _OF_VALUES:
        return each.primary is None or not _LITERAL.issuperset(each.primary.span.text)
    return each.code.startswith(_OF_SHAPES)


def cause(each: Diagnostic) -> object:
    """What reports of one fault have in common.

    An unknown name is one fault wherever it is used, and so are an argument that several calls lack, a map too small for the
    windows over it, and the two ways (with a projection and without) in which the body of one residual fails.
    """
    if each.primary is None:
        return each.code, each.message
    if each.code in ONE_FOR_ALL_USES:
        return each.code, each.message, each.primary.span.source
    if each.code == "E0302":
        return each.code, each.message.partition(": ")[2]
    if each.message.startswith("residual body") and each.secondary:
        return each.code, each.secondary[0].span
    return each.code, each.primary.span


def _with_others(
    first: Diagnostic, others: Sequence[Diagnostic], block_at: Callable[[Span], str | None], least: str
) -> Diagnostic:
    if first.primary is None or not others:
        return first
    last = f", the last at `{others[-1].path}`" if others[-1].path not in (None, first.path) else ""
    if first.code in ONE_FOR_ALL_USES:
        elsewhere = sorted({each.primary.span.location for each in others if each.primary} - {first.primary.span.location})
        note = f"also at {_listed(elsewhere)}" if elsewhere else ""
    elif first.code == "E0302":
        note = f"{least}{_count(len(others), 'more window')} {'does' if len(others) == 1 else 'do'} not fit{last}"
    else:
        block = block_at(first.primary.span)
        instances = f"{_count(len(others), 'more instance')}{f' of `{block}`' if block else ''}"
        note = f"{least}{instances} fail{'s' if len(others) == 1 else ''} the same way{last}"
    return replace(first, notes=(*first.notes, note)) if note else first


def _listed(places: Sequence[tuple[int, int]]) -> str:
    shown = [f"{line}:{column}" for line, column in places[:_MOST_PLACES]]
    more = [f"{len(places) - _MOST_PLACES} more places"] if len(places) > _MOST_PLACES else []
    *most, end = [*shown, *more]
    return f"{', '.join(most)} and {end}" if most else end


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"
