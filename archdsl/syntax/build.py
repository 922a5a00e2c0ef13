"""From the parser's reductions to the tree: one method per rule of the grammar, called bottom up as the text is read.

A method is called with the rule's parts: tokens, and what the methods of inner rules returned.  Expressions travel as
:class:`Sized`, which counts how deep they nest; lists grow in place.
"""

import dataclasses
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from lark import Token

from archdsl.diagnostics import Label as Mark
from archdsl.diagnostics import did_you_mean, error
from archdsl.limits import DEFAULT, Limits
from archdsl.source import Source, Span
from archdsl.syntax import ast, literals
from archdsl.syntax.faults import brace_up

_TAKE_BODY = frozenset({"concat", "add", "mul", "residual", "side"})  # for one hint only: the grammar knows no operator


class Sized(NamedTuple):
    """An expression and the number of levels it nests."""

    node: ast.Expr
    depth: int


class Bracketed(NamedTuple):
    """What stands between brackets, and the place of the closing one."""

    items: list[Any]
    end: int


class Docstring(NamedTuple):
    text: str
    span: Span


class Builder:
    """Makes the tree of ``source``; the parser sets the fields before it starts."""

    def __init__(self) -> None:
        self.source = Source("", "")
        self.limits: Limits = DEFAULT

    # --- places ----------------------------------------------------------------------------------------------------------

    def _span(self, start: int, end: int) -> Span:
        return Span(self.source, start, end)

    def _at(self, token: Token) -> Span:
        assert token.start_pos is not None and token.end_pos is not None
        return Span(self.source, token.start_pos, token.end_pos)

    def _from_to(self, first: Any, last: Any) -> Span:
        """The span from the start of one part to the end of another."""
        start = self._at(first).start if isinstance(first, Token) else first.span.start
        if isinstance(last, Bracketed):
            return Span(self.source, start, last.end)
        return Span(self.source, start, self._at(last).end if isinstance(last, Token) else last.span.end)

    def _name(self, token: Token) -> ast.Name:
        return ast.Name(str(token), self._at(token))

    # --- lists -----------------------------------------------------------------------------------------------------------

    def first(self, parts: list[Any]) -> list[Any]:
        return [parts[0]]

    def following(self, parts: list[Any]) -> list[Any]:
        items: list[Any] = parts[0]
        items.append(parts[-1])
        return items

    def in_brackets(self, parts: list[Any]) -> Bracketed:
        items = parts[1] if isinstance(parts[1], list) else []
        return Bracketed(items, parts[-1].end_pos)

    def sequence(self, parts: list[Any]) -> tuple[Any, ...]:
        items = _listed(parts)
        doc, rest = self._split_doc(items)
        if doc is not None:
            raise error("E0501", "a docstring describes a file, block, network, variant or body; there is none here", doc.span)
        return tuple(rest)

    def _split_doc(self, items: Sequence[Any]) -> tuple[Docstring | None, list[Any]]:
        """The docstring that leads ``items``, and the others; E0501 for one elsewhere and for a second ``about``."""
        doc = items[0] if items and isinstance(items[0], Docstring) else None
        rest = list(items[1:] if doc else items)
        about: ast.About | None = None
        for item in rest:
            if isinstance(item, Docstring):
                help = "for a note elsewhere, use a comment: `# …`"
                raise error("E0501", "a docstring stands first in what it describes", item.span, help=help)
            if isinstance(item, ast.About):
                if about is not None:
                    first = Mark(about.span, "the first one")
                    raise error("E0501", "a second `about` in one place", item.span, secondary=[first])
                about = item
        return doc, rest

    # --- files -----------------------------------------------------------------------------------------------------------

    def file(self, parts: list[Any]) -> ast.File:
        doc, items = self._split_doc(_listed(parts))
        return ast.File(self.source, doc.text if doc else "", tuple(items))

    def docstring(self, parts: list[Token]) -> Docstring:
        return Docstring(literals.docstring(parts[0]), self._at(parts[0]))

    def import_(self, parts: list[Any]) -> ast.Import:
        names: list[ast.ImportedName] = parts[3]
        return ast.Import(self._string(parts[1]), tuple(names), self._span(parts[0].start_pos, names[-1].alias.span.end))

    def imported_name(self, parts: list[Token]) -> ast.ImportedName:
        return ast.ImportedName(self._name(parts[0]), self._name(parts[-1]))

    def parameter(self, parts: list[Any]) -> ast.Parameter:
        name = self._name(parts[0])
        default = parts[2].node if len(parts) > 1 else None
        return ast.Parameter(name, default, name.span if default is None else name.span.to(default.span))

    def block(self, parts: list[Any]) -> ast.Block:
        return ast.Block(*self._definition(parts))

    def arch(self, parts: list[Any]) -> ast.Arch:
        return ast.Arch(*self._definition(parts))

    def _definition(self, parts: list[Any]) -> tuple[ast.Name, tuple[ast.Parameter, ...], ast.Body, Span]:
        parameters = tuple(parts[2].items) if len(parts) == 4 else ()
        return self._name(parts[1]), parameters, parts[-1], self._from_to(parts[0], parts[-1])

    def variant(self, parts: list[Any]) -> ast.Variant:
        doc, edits = self._split_doc(_listed(parts))
        about = next((each for each in edits if isinstance(each, ast.About)), None)
        return ast.Variant(
            self._name(parts[1]),
            self._name(parts[3]),
            self._doc(doc, parts[4], parts[-1]),
            about,
            tuple(each for each in edits if each is not about),
            self._from_to(parts[0], parts[-1]),
        )

    def _doc(self, doc: Docstring | None, opener: Token, closer: Token) -> str:
        """What a body says of itself: its docstring, else the comment behind its opening brace or behind a body of one line."""
        if doc is not None:
            return doc.text
        assert opener.end_pos is not None and closer.end_pos is not None
        comment = literals.comment_after(self.source.text, opener.end_pos)
        if comment is None and opener.line == closer.line:
            comment = literals.comment_after(self.source.text, closer.end_pos)
        return comment or ""

    # --- edits -----------------------------------------------------------------------------------------------------------

    def set_parameter(self, parts: list[Any]) -> ast.Set:
        value = parts[3].node
        return ast.Set(None, self._name(parts[1]), value, self._from_to(parts[0], value))

    def set_argument(self, parts: list[Any]) -> ast.Set:
        value = parts[5].node
        return ast.Set(parts[1], self._name(parts[3]), value, self._from_to(parts[0], value))

    def drop(self, parts: list[Any]) -> ast.Drop:
        return ast.Drop(parts[1], self._from_to(parts[0], parts[1]))

    def replace(self, parts: list[Any]) -> ast.Replace:
        return ast.Replace(parts[1], parts[3], self._from_to(parts[0], parts[3]))

    def insert(self, parts: list[Any]) -> ast.Insert:
        return ast.Insert(parts[1], parts[2].type == "BEFORE", parts[3], self._from_to(parts[0], parts[3]))

    def path(self, parts: list[Any]) -> ast.Path:
        segments: list[ast.Segment] = parts[0]
        return ast.Path(tuple(segments), segments[0].span.to(segments[-1].span))

    def segment(self, parts: list[Token]) -> ast.Segment:
        return ast.Segment(str(parts[0]), (), self._at(parts[0]))

    def indexed(self, parts: list[Any]) -> ast.Segment:
        segment, _, token, closer = parts
        index: int | tuple[int, int] | None = None
        if token.type == "INT":
            index = literals.integer(token, self._at(token))
        elif token.type == "RANGE":
            first, last = (literals.integer(end.strip(), self._at(token)) for end in token.split(".."))
            index = (first, last)
        return ast.Segment(segment.name, (*segment.indices, index), self._from_to(segment, closer))

    # --- statements ------------------------------------------------------------------------------------------------------

    def let(self, parts: list[Any]) -> ast.Let:
        value = parts[3].node
        return ast.Let(self._name(parts[1]), value, self._from_to(parts[0], value))

    def defaults(self, parts: list[Any]) -> ast.Defaults:
        return ast.Defaults(self._name(parts[1]), tuple(parts[2].items), self._from_to(parts[0], parts[2]))

    def about(self, parts: list[Any]) -> ast.About:
        entries: list[ast.Argument] = _listed(parts)
        first: dict[str | None, Span] = {}
        for each in entries:
            if each.name in first:
                earlier = Mark(first[each.name], "first given here")
                raise error("E0202", f"`{each.name}` is given twice", each.span, "given again", secondary=[earlier])
            first[each.name] = each.span
        return ast.About(tuple(entries), self._from_to(parts[0], parts[-1]))

    def input_(self, parts: list[Any]) -> ast.Input:
        return ast.Input(parts[1], tuple(parts[2].items), self._from_to(parts[0], parts[2]))

    def expect(self, parts: list[Any]) -> ast.Expect:
        return ast.Expect(tuple(parts[1].items), self._from_to(parts[0], parts[1]))

    def dim(self, parts: list[Sized]) -> ast.Dim:
        value = parts[0].node
        if isinstance(value, ast.Name):
            return ast.Dim(value, None, value.span)
        return ast.Dim(None, value, value.span)

    def named_dim(self, parts: list[Any]) -> ast.Dim:
        name, value = self._name(parts[0]), parts[2].node
        return ast.Dim(name, value, name.span.to(value.span))

    def pipe(self, parts: list[Any]) -> ast.Pipe:
        steps: list[ast.LabelledStep] = parts[0]
        guard = parts[2].node if len(parts) > 1 else None
        return ast.Pipe(tuple(steps), guard, self._from_to(steps[0], steps[-1] if guard is None else guard))

    def labelled(self, parts: list[Any]) -> ast.LabelledStep:
        label = parts[0] if len(parts) > 1 else None
        return ast.LabelledStep(label, parts[-1], self._from_to(label or parts[-1], parts[-1]))

    def label(self, parts: list[Any]) -> ast.Label:
        was = parts[2] if len(parts) > 2 else []
        return ast.Label(str(parts[0]), tuple(str(name) for name in was), self._at(parts[0]))

    # --- steps -----------------------------------------------------------------------------------------------------------

    def call(self, parts: list[Any]) -> ast.Call:
        arguments: tuple[ast.Argument, ...] = ()
        body: ast.Body | None = None
        for part in parts[1:]:
            if isinstance(part, Bracketed):
                arguments = tuple(part.items)
            else:
                body = part
        return ast.Call(self._name(parts[0]), arguments, body, self._from_to(parts[0], parts[-1]))

    def argument(self, parts: list[Any]) -> ast.Argument:
        value = parts[-1].node if isinstance(parts[-1], Sized) else parts[-1]
        if len(parts) == 1:
            return ast.Argument(None, value, value.span)
        return ast.Argument(str(parts[0]), value, self._from_to(parts[0], value))

    def body(self, parts: list[Any]) -> ast.Body:
        doc, statements = self._split_doc(_listed(parts))
        self._check_braces(statements)
        return ast.Body(tuple(statements), self._doc(doc, parts[0], parts[-1]), self._from_to(parts[0], parts[-1]))

    def _check_braces(self, statements: list[ast.Statement]) -> None:
        """E0501 for ``concat`` alone on its line and its body on the next: two statements, which nobody means."""
        for before, after in pairwise(statements):
            if not (isinstance(before, ast.Pipe) and isinstance(after, ast.Pipe)):
                continue
            call, body = before.steps[-1].step, after.steps[0].step
            if (
                isinstance(call, ast.Call)
                and call.body is None
                and call.callee.id in _TAKE_BODY
                and isinstance(body, ast.Body)
                and after.steps[0].label is None
            ):
                brace = self._span(body.span.start, body.span.start + 1)
                fix = brace_up(self.source, call.span.end)
                raise error(
                    "E0501",
                    f"`{call.callee.id}` has no body",
                    call.span,
                    secondary=[Mark(brace, "this brace begins a statement of its own")],
                    help=f"move `{{` up to the line of `{call.callee.id}`",
                    fixes=[fix] if fix is not None else (),
                )

    def repeat(self, parts: list[Any]) -> ast.Repeat:
        variable = self._name(parts[1]) if len(parts) == 5 else None
        return ast.Repeat(variable, parts[-2].node, parts[-1], self._from_to(parts[0], parts[-1]))

    def from_(self, parts: list[Token]) -> ast.From:
        return ast.From(self._name(parts[1]), self._from_to(parts[0], parts[1]))

    def tap(self, parts: list[Token]) -> ast.Tap:
        return ast.Tap(self._name(parts[1]), self._from_to(parts[0], parts[1]))

    def output(self, parts: list[Any]) -> ast.Output:
        arguments = tuple(parts[2].items) if len(parts) > 2 else ()
        return ast.Output(self._name(parts[1]), arguments, self._from_to(parts[0], parts[-1]))

    # --- expressions -----------------------------------------------------------------------------------------------------

    def _sized(self, node: ast.Expr, inner: Iterable[Sized] = ()) -> Sized:
        """``node`` one level above the deepest of its parts; E0105 where that is too deep."""
        depth = 1 + max((each.depth for each in inner), default=0)
        if depth > self.limits.nesting:
            raise error("E0105", f"an expression nests more than {self.limits.nesting} levels", node.span)
        return Sized(node, depth)

    def conditional(self, parts: list[Any]) -> Sized:
        condition, then, otherwise = parts[1], parts[3], parts[5]
        span = self._from_to(parts[0], otherwise.node)
        return self._sized(ast.Conditional(condition.node, then.node, otherwise.node, span), (condition, then, otherwise))

    def binary(self, parts: list[Any]) -> Sized:
        left, operator, right = parts
        span = left.node.span.to(right.node.span)
        return self._sized(ast.Binary(str(operator), left.node, right.node, span), (left, right))

    def unary(self, parts: list[Any]) -> Sized:
        operator, operand = parts
        return self._sized(ast.Unary(str(operator), operand.node, self._from_to(operator, operand.node)), (operand,))

    def integer(self, parts: list[Token]) -> Sized:
        span = self._at(parts[0])
        return Sized(ast.Literal(literals.integer(parts[0], span), span), 1)

    def float_(self, parts: list[Token]) -> Sized:
        span = self._at(parts[0])
        return Sized(ast.Literal(literals.float_(parts[0], span), span), 1)

    def size(self, parts: list[Token]) -> Sized:
        span = self._at(parts[0])
        return Sized(ast.Literal(literals.size(parts[0], span), span), 1)

    def string(self, parts: list[Token]) -> Sized:
        return Sized(self._string(parts[0]), 1)

    def _string(self, token: Token) -> ast.Literal:
        return ast.Literal(literals.string(token), self._at(token))

    def boolean(self, parts: list[Token]) -> Sized:
        return Sized(ast.Literal(parts[0].type == "TRUE", self._at(parts[0])), 1)

    def name(self, parts: list[Token]) -> Sized:
        name = self._name(parts[0])
        if name.id in ast.RESERVED:
            note = f"`{name.id}` is reserved in expressions"
            raise error("E0101", f"`{name.id}` where a value is expected", name.span, notes=[note])
        return Sized(name, 1)

    def function(self, parts: list[Any]) -> Sized:
        name, arguments = self._name(parts[0]), parts[2]
        if name.id not in ast.FUNCTIONS:
            known = did_you_mean(name.id, ast.FUNCTIONS) or "the functions are `min`, `max`, `ceil` and `floor`"
            raise error("E0201", f"unknown function `{name.id}`", name.span, help=known)
        span = self._from_to(parts[0], parts[-1])
        return self._sized(ast.Function(name.id, tuple(each.node for each in arguments), span), arguments)

    def input_size(self, parts: list[Token]) -> Sized:
        return Sized(ast.InputSize(str(parts[2]), self._from_to(parts[0], parts[2])), 1)

    def group(self, parts: list[Any]) -> Sized:
        """An expression in parentheses is that expression, its span widened to them."""
        return Sized(dataclasses.replace(parts[1].node, span=self._from_to(parts[0], parts[2])), parts[1].depth)

    def tuple_(self, parts: list[Any]) -> Sized:
        items = (parts[1], *parts[3])
        return self._sized(ast.Tuple(tuple(each.node for each in items), self._from_to(parts[0], parts[-1])), items)


def _listed(parts: list[Any]) -> list[Any]:
    """The one list among the parts of a rule whose list is optional."""
    return next((part for part in parts if isinstance(part, list)), [])
