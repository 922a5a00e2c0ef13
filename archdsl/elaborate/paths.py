"""Paths: whether a pattern means one, and which one was likely meant by a path that is none."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache

from archdsl.diagnostics import ArchError, Label, error, suggest
from archdsl.source import Source, Span
from archdsl.syntax import ast, parse_path

Parts = tuple[tuple[str, tuple[int, ...]], ...]
_PART = re.compile(r"([^.\[\]]+)((?:\[\d+\])*)")
_INDEX = re.compile(r"\[(\d+)\]")
_SHOWN = 8
_DOTTED = re.compile(r"\.(\d+)(?=\.|\Z)")


def heads(segments: tuple[ast.Segment, ...]) -> Iterator[tuple[ast.Segment, ...]]:
    """Every path that ``segments`` lies in or is: ``a``, ``a[*]`` and ``a[*].b`` of ``a[*].b``."""
    for index, segment in enumerate(segments):
        for length in range(len(segment.indices) + 1):
            yield (*segments[:index], replace(segment, indices=segment.indices[:length]))


def nearest(text: str, known: Sequence[str]) -> str | None:
    """The known path most like ``text``: one that ends alike first, else one spelt alike."""
    last = re.sub(r"\[[^\]]*\]", "", text.rpartition(".")[2])
    ends = [path for path in known if re.sub(r"\[[^\]]*\]", "", path.rpartition(".")[2]) == last]
    return suggest(text, ends) or (ends[0] if len(ends) == 1 else None) or suggest(text, known)


def nothing_at(path: str, known: Sequence[str], kept_out: Span | None) -> ArchError:
    """The E0405 error for a path that is a pattern, or none of the ``known`` ones of a network.

    ``kept_out`` is the statement that would be there if its guard held, where there is one.
    """
    place = Source("<path>", path)
    span = Span(place, 0, len(path))
    if "*" in path or ".." in path:
        pattern = parse_path(place)
        one = next((each for each in known if matches(pattern, each)), known[-1])
        return error("E0405", "one place can be told of at a time", span, "a pattern", help=f"name one: `{one}`")
    if kept_out is not None:
        because = [Label(kept_out, "its guard does not hold")]
        return error("E0405", f"`{path}` is not there in this network", span, secondary=because)
    around, _, last = path.rpartition(".")
    beside = list(
        dict.fromkeys(re.split(r"[.\[]", each[len(around) + 1 :])[0] for each in known if each.startswith(f"{around}."))
    )
    if around in known and beside and suggest(last, beside) is None:
        more = ", …" if len(beside) > _SHOWN else ""
        help_ = f"`{around}` holds {', '.join(f'`{each}`' for each in beside[:_SHOWN])}{more}"
    else:
        found = likely(path, known)
        help_ = f"did you mean `{found}`?" if found else "`archdsl summary --depth 9` lists the paths"
    return error("E0405", f"nothing is at `{path}`", span, "no such place in this network", help=help_)


def likely(text: str, known: Iterable[str]) -> str | None:
    """The one of ``known``, the paths of a network, that ``text`` was likely to be: with its indices, as far as there are such.

    A key of a `state_dict` (``a.3.conv.weight``) is taken for the path that it belongs to.
    """
    paths = list(known)
    wanted = _DOTTED.sub(r"[\1]", text)
    for each in (wanted, wanted.rpartition(".")[0]):
        if wanted != text and each in paths:
            return each
    alike: dict[str, list[str]] = {}
    for path in paths:
        alike.setdefault(_INDEX.sub("[*]", path), []).append(path)
    form = _INDEX.sub("[*]", wanted)
    found = form if form in alike else nearest(form, list(alike))
    if found is None:
        return None
    numbers = [int(number) for number in _INDEX.findall(wanted)]
    return min(alike[found], key=lambda path: _distances(path, numbers))


def _distances(path: str, numbers: Sequence[int]) -> list[int]:
    """How far each index in ``path`` is from the one of ``numbers`` in its place."""
    return [abs(int(index) - number) for index, number in zip(_INDEX.findall(path), numbers, strict=False)]


@lru_cache(maxsize=4096)
def parts(path: str) -> Parts:
    """``a[3].b`` as names with their indices."""
    return tuple((name, tuple(int(index) for index in re.findall(r"\d+", indices))) for name, indices in _PART.findall(path))


def matches(pattern: ast.Path, path: str) -> bool:
    """Whether ``pattern``, with ``*``, ``**``, ``[*]`` and ``[1..3]``, means ``path``."""
    return match(pattern.segments, parts(path))


def match(segments: Sequence[ast.Segment], parts: Parts) -> bool:
    """Whether segments and parts pair up; ``reached`` are the numbers of segments that the parts so far can stand for."""
    reached = _past_runs({0}, segments)
    for part in parts:
        after = {at for at in reached if at < len(segments) and segments[at].name == "**"}
        after |= {at + 1 for at in reached if at < len(segments) and _matches_one(segments[at], part)}
        reached = _past_runs(after, segments)
        if not reached:
            return False
    return len(segments) in reached


def _past_runs(reached: set[int], segments: Sequence[ast.Segment]) -> set[int]:
    """``reached`` with what follows a ``**``, which may stand for nothing."""
    found = set(reached)
    for at in sorted(reached):
        while at < len(segments) and segments[at].name == "**":
            at += 1
            found.add(at)
    return found


def _matches_one(segment: ast.Segment, part: tuple[str, tuple[int, ...]]) -> bool:
    name, indices = part
    if segment.name not in ("*", name) or len(segment.indices) != len(indices):
        return False
    return all(_matches_index(wanted, index) for wanted, index in zip(segment.indices, indices, strict=True))


def _matches_index(wanted: int | tuple[int, int] | None, index: int) -> bool:
    if wanted is None:
        return True
    if isinstance(wanted, int):
        return wanted == index
    return wanted[0] <= index <= wanted[1]
