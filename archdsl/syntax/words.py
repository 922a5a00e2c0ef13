"""The terminals of the grammar in human words."""

from archdsl.diagnostics import printable

_VALUES = frozenset("INT FLOAT SIZE STRING TRUE FALSE NAME IN NOT MINUS PLUS LPAR IF".split())
_OPERATORS = frozenset("PLUS MINUS STAR SLASH DOUBLESLASH PERCENT COMPARE AND OR".split())
_STEPS = frozenset("NAME LABEL REPEAT FROM TAP OUTPUT LBRACE".split())
_STATEMENTS = _STEPS | frozenset("DOC LET DEFAULTS ABOUT INPUT EXPECT".split())
_EDITS = frozenset("DOC ABOUT SET DROP REPLACE INSERT".split())
_DEFINITIONS = frozenset("DOC FROM LET DEFAULTS ABOUT BLOCK ARCH VARIANT".split())
_SEGMENTS = frozenset("NAME STAR DOUBLESTAR".split())

_GROUPS = (
    # what it is called, a member that proves it is meant, all that it stands for
    ("a definition", frozenset({"ARCH"}), _DEFINITIONS),
    ("an edit", frozenset({"REPLACE"}), _EDITS),
    ("a statement", frozenset({"EXPECT"}), _STATEMENTS),
    ("a value", frozenset({"INT", "LPAR"}), _VALUES),
    ("a step", frozenset({"TAP", "NAME"}), _STEPS),
    ("a path", frozenset({"DOUBLESTAR"}), _SEGMENTS),
    ("an operator", frozenset({"PERCENT"}), _OPERATORS),
)
_WORDS = {
    "SEP": "a new line",
    "$END": "the end",
    "NAME": "a name",
    "LABEL": "a label",
    "ATTR": "a name followed by `=`",
    "INT": "a whole number",
    "FLOAT": "a number",
    "SIZE": "a size",
    "RANGE": "a range",
    "STRING": "a string in double quotes",
    "DOC": "a docstring",
    "ARROW": "`->`",
    "COMPARE": "a comparison",
}
_SIGNS = {
    "EQUALS": "=",
    "MINUS": "-",
    "PLUS": "+",
    "DOUBLESTAR": "**",
    "STAR": "*",
    "DOUBLESLASH": "//",
    "SLASH": "/",
    "PERCENT": "%",
    "COLON": ":",
    "COMMA": ",",
    "DOT": ".",
    "LPAR": "(",
    "RPAR": ")",
    "LSQB": "[",
    "RSQB": "]",
    "LBRACE": "{",
    "RBRACE": "}",
}
_ENDS = frozenset({"RPAR", "RSQB", "RBRACE", "COMMA"})
_MOST_NAMED = 4
_LONGEST_QUOTED = 40


def expected(terminals: frozenset[str]) -> str:
    """What the parser would have taken, in few words: groups first, then closers and single terminals."""
    rest = set(terminals)
    named = []
    for name, proof, members in _GROUPS:
        if proof <= rest:
            named.append(name)
            rest -= members
    singles = sorted(rest, key=lambda terminal: (terminal not in _ENDS, terminal not in _SIGNS, terminal))
    if named or len(singles) > 1:
        singles = [terminal for terminal in singles if terminal != "$END"]
    named = [*(_word(terminal) for terminal in singles), *named] if "an operator" in named else [*named, *map(_word, singles)]
    if len(named) > _MOST_NAMED:
        named = [name for name in named if name != "an operator"][:_MOST_NAMED]
    return named[0] if len(named) == 1 else f"{', '.join(named[:-1])} or {named[-1]}" if named else "nothing more"


def found(terminal: str, text: str) -> str:
    """What the parser met instead."""
    if terminal == "SEP":
        return "`;`" if text == ";" else "the end of the line"
    if terminal == "$END":
        return "the end of the text"
    if terminal == "DOC":
        return "a docstring"
    quoted = text if len(text) <= _LONGEST_QUOTED else text[:_LONGEST_QUOTED] + "…"
    return f"`{printable(quoted)}`"


def _word(terminal: str) -> str:
    if terminal in _WORDS:
        return _WORDS[terminal]
    return f"`{_SIGNS.get(terminal, terminal.lower())}`"
