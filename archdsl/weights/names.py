"""Rules that rewrite names: a pattern over our paths, and a template for theirs.

::

    "stem.c{1,2,3}"                 ->  "features.{0,1,2}"                   the n-th of the one is the n-th of the other
    "a[i].b3.{r,c}"                 ->  "features.{6+i}.branch1.{0,1}"       i runs over the repeat
    "b[i].b1"                       ->  "Mixed_6{i=b,c,d}/Branch_0"          i picks
    "a[i].{n=b1,b3.r}.{k=conv,bn}"  ->  "{k=conv2d,batch_normalization}_{12+2*i+n}"

Braces with a comma are alternatives.  On the left they may bear a name, which then stands for the number of the alternative,
from 0, as the name of an index stands for the index.  On the right, ``{name=x,y,z}`` picks by such a number, unnamed alternatives
go with the unnamed ones of the left in order, and braces without a comma hold arithmetic over the names and the whole-number
parameters of the network.
"""

import ast
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

_PIECES = re.compile(r"\{(?P<group>[^{}]*)\}|\[(?P<index>\w+)\]|(?P<text>[\w.]+)")
_NAMED = re.compile(r"([A-Za-z]\w*)=(.*)")
_ARITHMETIC: dict[type[ast.operator], Callable[[int, int], int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}


class BadRule(ValueError):
    """A pattern or template that means nothing; the message says why."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Rewrites every path that begins with what ``pattern`` describes, and keeps the rest of the path apart."""

    pattern: str
    template: str
    kind: str | None = None
    """``conv`` or ``linear`` where the other side computes this layer as the other of the two."""

    def __call__(self, path: str, numbers: Mapping[str, int]) -> tuple[str, str] | None:
        """Their name for the part of ``path`` that the pattern describes, and the rest of ``path``; None where it does not fit.

        Raises :class:`BadRule`.
        """
        expression, groups = _compiled(self.pattern)
        found = expression.match(path)
        if found is None:
            return None
        bound = dict(numbers)
        for name, text in found.groupdict().items():
            if name == "rest":
                continue
            alternatives = groups.get(name)
            bound[name] = int(text) if alternatives is None else alternatives.index(text)
        return _filled(self.template, bound, [name for name in groups if name.startswith("_")]), found["rest"].lstrip(".")

    def check(self, numbers: Mapping[str, int]) -> None:
        """Raises :class:`BadRule` where pattern or template mean nothing."""
        _, groups = _compiled(self.pattern)
        indices = [piece["index"] for piece in _PIECES.finditer(self.pattern) if piece["index"]]
        bound = {**numbers, **dict.fromkeys(indices, 0), **dict.fromkeys(groups, 0)}
        unnamed = [name for name in groups if name.startswith("_")]
        _filled(self.template, bound, unnamed)
        written = [text for text in re.findall(r"\{([^{}]*)\}", self.template) if "," in text]
        for name, text in [(*_named(text),) for text in written]:
            group = unnamed.pop(0) if name is None else name
            if group in groups and len(groups[group]) != len(_split(text)):
                raise BadRule(f"`{{{text}}}` has {len(_split(text))} alternatives, its counterpart {len(groups[group])}")


@lru_cache(maxsize=4096)
def _compiled(pattern: str) -> tuple[re.Pattern[str], dict[str, list[str]]]:
    """The pattern as a regular expression, and the alternatives of each of its groups by name."""
    groups: dict[str, list[str]] = {}
    parts, position = [], 0
    while position < len(pattern):
        piece = _PIECES.match(pattern, position)
        if piece is None:
            raise BadRule(f"`{pattern[position:]}` is no part of a path")
        position = piece.end()
        if piece["text"] is not None:
            parts.append(re.escape(piece["text"]))
        elif piece["index"] is not None:
            index = piece["index"]
            parts.append(rf"\[{index}\]" if index.isdigit() else rf"\[(?P<{index}>[0-9]+)\]")
        else:
            name, text = _named(piece["group"])
            alternatives = _split(text)
            name = f"_{len(groups)}" if name is None else name
            if "" in alternatives:
                raise BadRule(f"`{piece[0]}` has an empty alternative")
            if name in groups:
                raise BadRule(f"`{name}` names two groups")
            groups[name] = alternatives
            parts.append(f"(?P<{name}>{'|'.join(map(re.escape, sorted(alternatives, key=len, reverse=True)))})")
    try:
        return re.compile("".join(parts) + r"(?P<rest>\Z|(?=\[).*|\..*)"), groups
    except re.error as fault:
        raise BadRule(str(fault)) from None


def _named(text: str) -> tuple[str | None, str]:
    found = _NAMED.fullmatch(text.strip())
    return (None, text) if found is None else (found[1], found[2])


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",")]


def _filled(template: str, bound: Mapping[str, int], unnamed: list[str]) -> str:
    """The template with every brace replaced by what it stands for."""
    waiting = list(unnamed)

    def replace(found: re.Match[str]) -> str:
        name, text = _named(found[1])
        if name is None and "," not in text:
            return str(_value(text, bound))
        if name is None:
            if not waiting:
                raise BadRule(f"`{{{text}}}` has no counterpart")
            name = waiting.pop(0)
        if name not in bound:
            raise BadRule(f"`{name}` is not bound")
        choices = _split(text)
        if bound[name] >= len(choices):
            raise BadRule(f"`{{{found[1]}}}` has no alternative number {bound[name]}")
        return choices[bound[name]]

    filled = re.sub(r"\{([^{}]*)\}", replace, template)
    if "{" in filled or "}" in filled:
        raise BadRule("a brace is not closed, or closes nothing")
    return filled


def _value(text: str, bound: Mapping[str, int]) -> int:
    try:
        return _computed(ast.parse(text.strip(), mode="eval").body, bound)
    except (SyntaxError, ZeroDivisionError, RecursionError) as fault:
        raise BadRule(f"`{{{text}}}` cannot be computed: {fault}") from None


def _computed(tree: ast.expr, bound: Mapping[str, int]) -> int:
    match tree:
        case ast.Constant(value=int() as number) if not isinstance(number, bool):
            return number
        case ast.Name(id=name) if name in bound:
            return bound[name]
        case ast.Name(id=name):
            raise BadRule(f"`{name}` is not bound")
        case ast.BinOp(left=left, op=sign, right=right) if type(sign) in _ARITHMETIC:
            return _ARITHMETIC[type(sign)](_computed(left, bound), _computed(right, bound))
        case _:
            raise BadRule(f"`{ast.unparse(tree)}` is no arithmetic over whole numbers")
