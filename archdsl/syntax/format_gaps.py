"""Which words of a statement are set apart by a blank.

Everything is, save for: what brackets and commas join, ``in.c`` and paths, a sign before its number, products (``4*w``, ``i/9``),
and ``name=value`` in a call where the value itself is written without blanks.
"""

from collections.abc import Sequence

from archdsl.syntax.format_nodes import Body, Comment, Node, Parens, Word

_PRODUCT = frozenset({"STAR", "SLASH", "DOUBLESLASH", "PERCENT"})
_TIGHT = frozenset({"STAR", "SLASH"})
_OPERANDS = frozenset("NAME LABEL ATTR INT FLOAT SIZE RANGE STRING DOC TRUE FALSE WILD".split())
_STEPS = frozenset({"REPEAT", "FROM", "TAP", "OUTPUT"})
_BRACKETS = frozenset("([{")
_SEGMENTS = frozenset({"NAME", "WILD"})


def gaps(nodes: Sequence[Node], *, call: bool = False, path_colon: bool = False) -> list[str]:
    """The blank, or nothing, before each of ``nodes``.

    ``call`` says that they are an argument of a call, ``path_colon`` that a colon stands in a path, as it does in ``set``.
    """
    kinds = _kinds(nodes)
    tight = _tight_products(kinds)
    found: list[str] = []
    before = ""
    for at, (node, kind) in enumerate(zip(nodes, kinds, strict=True)):
        if isinstance(node, Comment):
            found.append("")
            continue
        if _is_no_label(nodes, kinds, at):
            found.append("\f")
            before = kind
            continue
        joined = before == "" or at in tight or at - 1 in tight or _joined(before, kind, path_colon=path_colon)
        found.append("" if joined else " ")
        before = kind
    if call and len(kinds) > 2 and kinds[1] == "EQUALS" and not _is_spaced(nodes, found):
        found[1] = found[2] = ""
    return found


def _is_no_label(nodes: Sequence[Node], kinds: Sequence[str], at: int) -> bool:
    """Whether plain blanks would make a label of a keyword: ``tap was if …`` is a tap only with another blank before ``was``."""
    if at == 0 or at + 1 == len(nodes) or kinds[at - 1] not in _STEPS:
        return False
    node, following = nodes[at : at + 2]
    return isinstance(node, Word) and node.text == "was" and isinstance(following, Word) and following.text[0].isidentifier()


def _is_spaced(nodes: Sequence[Node], found: Sequence[str]) -> bool:
    """Whether the value behind ``name =`` has a blank in it, or is a body."""
    value = [at for at in range(2, len(nodes)) if not isinstance(nodes[at], Comment)]
    return isinstance(nodes[value[0]], Body) or any(found[at] for at in value[1:])


def _joined(before: str, kind: str, *, path_colon: bool) -> bool:
    """Whether nothing stands between two neighbours."""
    if kind in ("COMMA", "COLON", "DOT") or before in ("DOT", "SIGN"):
        return True
    if before == "COLON":
        return path_colon
    if kind == "(":
        return before == "NAME"
    return kind == "[" and (before in _SEGMENTS or before == "[")


def _kinds(nodes: Sequence[Node]) -> list[str]:
    """What each node is: a terminal's name or a bracket; ``SIGN`` is + or - before one operand, ``WILD`` the ``*`` of a path."""
    kinds: list[str] = []
    operand = True  # whether one is due
    for node in nodes:
        if isinstance(node, Comment):
            kinds.append("COMMENT")
            continue
        kind = _kind(node)
        if operand and kind in ("PLUS", "MINUS"):
            kind = "SIGN"
        elif operand and kind in ("STAR", "DOUBLESTAR"):
            kind = "WILD"
        operand = kind not in _OPERANDS and kind not in _BRACKETS
        kinds.append(kind)
    return kinds


def _kind(node: Node) -> str:
    if isinstance(node, Word):
        return node.kind
    if isinstance(node, Parens):
        return node.opener
    return "{" if isinstance(node, Body) else "ARROW"


def _tight_products(kinds: Sequence[str]) -> set[int]:
    """The places of the operators of products that have no ``//`` or ``%``: only those read well without blanks."""
    tight: set[int] = set()
    chain: list[int] = []
    for at, kind in enumerate([*kinds, "END"]):
        if kind in _PRODUCT:
            chain.append(at)
        elif chain and kind not in _OPERANDS and kind not in ("(", "SIGN", "DOT", "IN", "COMMENT"):
            if all(kinds[place] in _TIGHT for place in chain):
                tight.update(chain)
            chain = []
    return tight


def guard_of(nodes: Sequence[Node]) -> int | None:
    """The place of the ``if`` that guards a statement, which follows a step; those of values follow an operator."""
    kinds = _kinds(nodes)
    for at in range(1, len(kinds)):
        if kinds[at] == "IF" and (kinds[at - 1] in _OPERANDS or kinds[at - 1] in _BRACKETS):
            return at
    return None
