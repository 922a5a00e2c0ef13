"""Which brackets of a text pair, found by a scan that knows strings and comments and no grammar."""

import re
from collections.abc import Iterator

# A string may lack its closing quote: it then reaches to the end of its line, and is not tried again from each quote in it.
_HIDDEN = re.compile(r'"""[^"]*(?:"(?!"")[^"]*)*(?:""")?|"[^"\\\r\n]*(?:\\.[^"\\\r\n]*)*"?|#[^\r\n]*')
_PIECE = re.compile(_HIDDEN.pattern + r"|[()\[\]{}]")
CLOSER = {"(": ")", "[": "]", "{": "}"}


def scan(text: str) -> Iterator[tuple[str, int]]:
    """Every bracket outside strings and comments, with its place."""
    for found in _PIECE.finditer(text):
        if found.group() in "()[]{}":
            yield found.group(), found.start()


def comments(text: str) -> Iterator[tuple[str, int]]:
    """Every comment, from its ``#`` to the end of its line, with its place."""
    for found in _PIECE.finditer(text):
        if found.group().startswith("#"):
            yield found.group(), found.start()


def code(text: str) -> str:
    """``text`` with blanks for what stands in strings and comments, so that every place and line stays."""
    return _HIDDEN.sub(lambda found: re.sub(r"[^\r\n]", " ", found.group()), text)


def unpaired(text: str) -> dict[int, int | None]:
    """Where the brackets without a partner stand, in the order of the text, each with the place that showed it.

    That is the wrong closer, the bracket itself where it closes nothing, or None for the end of the text.  A closer that does not
    fit the innermost opener closes the nearest opener of its kind, and those between are never closed; where there is none, the
    closer closes nothing.
    """
    faults: dict[int, int | None] = {}
    stack: list[int] = []
    waiting = dict.fromkeys(CLOSER.values(), 0)  # openers on the stack, by what closes them
    for bracket, start in scan(text):
        if bracket in CLOSER:
            stack.append(start)
            waiting[CLOSER[bracket]] += 1
            continue
        if not waiting[bracket]:
            faults[start] = start
            continue
        while True:
            place = stack.pop()
            closer = CLOSER[text[place]]
            waiting[closer] -= 1
            if closer == bracket:
                break
            faults[place] = start
    return dict(sorted([*faults.items(), *((place, None) for place in stack)]))
