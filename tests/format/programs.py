"""Random texts of the whole grammar, laid out as no author would: the same text for the same seed.

They mean nothing, but nearly all of them parse.  Comments, line ends and blanks stand wherever the lexer takes them.
"""

import random

NAMES = "w k x1 stride in_ repeat tap output with expect image _a bn Conv2 before was".split()
LABELS = "a b1 stem red_a conv2_reduce if in let was x repeat true a_label_beyond_the_cap".split()
CALLEES = "conv bn relu concat add residual Stem_block w was of as side set".split()
FUNCTIONS = "min max ceil floor".split()
COMMENTS = ("# note", "#", "#tight", '# a -> b; c { "d', "# \t trailing  ", "# ü → “”", '# """', "# x: y(z) }", "#\tif a")
LITERALS = ("0", "7", "1.0", "1e-3", "3x3", "1x07"[:3], "12x1", '"text"', '"a \\"b\\" # { ;"', '""', "true", "false", "same")


class Writer:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.free = False  # whether line ends and comments may stand between words: inside ( ) and [ ]
        self.depth = 0
        self.odd = self.random.random() * 0.5  # how often something odd stands between words

    # --- what stands between words ---------------------------------------------------------------------------------------

    def maybe(self, probability):
        return self.random.random() < probability

    def one(self, values):
        return self.random.choice(values)

    def comment(self):
        return self.one(COMMENTS)

    def blanks(self, needed=True):
        if self.maybe(1 - self.odd):
            return " " if needed or self.maybe(0.5) else ""
        return self.one([" ", "  ", "\t", " \f ", " \r "] + ([] if needed else [""]))

    def gap(self, needed=True):
        """What stands between two words here."""
        if not self.free or self.maybe(1 - 0.3 * self.odd):
            return self.blanks(needed)
        return self.one(
            ["\n", " \n\n  ", f" {self.comment()}\n", f"\n  {self.comment()}\n\n", f"{self.comment()}\n{self.comment()}\n"]
        )

    def tight(self):
        return self.gap(needed=False)

    def line_end(self):
        """What ends a statement."""
        if self.maybe(1 - self.odd):
            return self.one(["\n", "\n  ", "\n\n", "; "])
        return "".join(
            self.one(
                [";", ";\n", "\n\n\n", f" {self.comment()}\n", f"\n {self.comment()}\n", " ; ", f";{self.comment()}\n", "\f\n"]
            )
            for _ in range(self.random.randint(1, 4))
        )

    def end_of_line(self):
        """As :meth:`line_end`, but one that cannot be mistaken for nothing."""
        found = self.line_end()
        return found if "\n" in found or ";" in found else found + "\n"

    def arrow(self):
        if self.maybe(1 - self.odd):
            return " -> "
        side = ["", " ", "\n", "\n\n", f" {self.comment()}\n", f"\n{self.comment()}\n  {self.comment()}\n"]
        return self.one(side) + "->" + self.one(side)

    # --- expressions -----------------------------------------------------------------------------------------------------

    def expression(self, depth=0):
        kind = self.random.random() if depth < 3 else 1
        if kind < 0.08:
            parts = [self.expression(depth + 1) for _ in range(3)]
            between = [self.gap() for _ in range(5)]
            return f"if{between[0]}{parts[0]}{between[1]}then{between[2]}{parts[1]}{between[3]}else{between[4]}{parts[2]}"
        if kind < 0.3:
            return self.operand(depth) + self.operator(depth)
        return self.operand(depth)

    def operator(self, depth):
        sign = self.one("* * / // + - % and or".split())
        spaced = sign.isalpha()
        found = f"{self.gap(spaced)}{sign}{self.gap(spaced)}{self.operand(depth + 1)}"
        return found + (self.operator(depth + 1) if self.maybe(0.3) and depth < 3 else "")

    def operand(self, depth):
        kind = self.random.random()
        if kind < 0.3 or depth > 3:
            return self.one(LITERALS)
        if kind < 0.6:
            return self.one(NAMES)
        if kind < 0.7:
            return f"in{self.tight()}.{self.tight()}{self.one(['c', 'h', 'w'])}"
        if kind < 0.78:
            return f"{self.one('+-')}{self.tight()}{self.operand(depth + 1)}"
        if kind < 0.86:
            return (
                self.one(FUNCTIONS)
                + self.tight()
                + self.bracket([self.expression] * self.random.randint(1, 3), depth, comma=True)
            )
        if kind < 0.93:
            return self.bracket([self.comparison], depth)
        return self.bracket([self.expression] * self.random.randint(2, 4), depth, comma=True)

    def comparison(self, depth):
        if self.maybe(0.5):
            return self.expression(depth)
        negated = f"not{self.gap()}" if self.maybe(0.3) else ""
        sign = self.one("== != < <= > >=".split())
        return f"{negated}{self.operand(depth)}{self.tight()}{sign}{self.tight()}{self.operand(depth)}"

    def bracket(self, parts, depth=0, *, comma=False, kind="()"):
        """``parts`` are what writes each entry, given the depth."""
        was, self.free = self.free, True
        written = ",".join(self.tight() + part(depth + 1) + self.tight() for part in parts)
        last = "," + self.tight() if comma and parts and self.maybe(0.2) else ""
        empty = self.tight() if not parts else ""
        self.free = was
        return kind[0] + written + last + empty + kind[1]

    def named(self, value):
        """``name = value``; no comment may stand before the sign."""
        before = self.one(["", " ", "  ", "\n"] if self.free else ["", " ", "\t"])
        return f"{self.one(NAMES)}{before}={self.tight()}{value}"

    # --- statements ------------------------------------------------------------------------------------------------------

    def argument(self, depth):
        kind = self.random.random()
        if kind < 0.3:
            return self.expression(depth)
        if kind < 0.8:
            return self.named(self.comparison(depth))
        if kind < 0.9 and self.depth < 3:
            return self.named(self.body())
        return self.body() if self.depth < 3 else self.expression(depth)

    def arguments(self):
        return self.bracket([self.argument] * self.random.randint(0, 4), 1, comma=True)

    def body(self):
        was, self.free = self.free, False
        self.depth += 1
        count = self.random.randint(0, 4) if self.depth < 4 else self.random.randint(0, 1)
        one_line = self.maybe(0.5)
        statements = [self.statement() for _ in range(count)]
        if self.maybe(0.1):
            statements.insert(0, self.docstring(one_line))
        text = self.joined(statements, one_line=one_line)
        self.depth -= 1
        self.free = was
        return "{" + text + "}"

    def docstring(self, one_line=False):
        return (
            '"""'
            + self.one(["one line", "", ' a "quoted" word. '] + ([] if one_line else ["two\n    lines  \n", "x\n\n\ty\n"]))
            + '"""'
        )

    def joined(self, statements, *, one_line=False):
        if one_line:
            return self.blanks(needed=False) + "; ".join(statements) + self.one(["", " ", ";", " ; "])
        head = self.one(
            ["", " ", "\n", f"  {self.comment()}\n", f"\n\n{self.comment()}\n{self.comment()}\n", ";", f"; {self.comment()}\n"]
        )
        text = "".join(statement + self.end_of_line() for statement in statements)
        return head + (text.rstrip(" \n;\f") if self.maybe(0.2) and not text.rstrip().rpartition("\n")[2].count("#") else text)

    def label(self):
        if not self.maybe(0.5):
            return ""
        old = (
            f" was {self.one(LABELS)}" + (f"{self.blanks(False)}, {self.one(NAMES)}" if self.maybe(0.3) else "")
            if self.maybe(0.1)
            else ""
        )
        return f"{self.one(LABELS)}{old}{self.one(['', ' '])}:{self.blanks(needed=False)}"

    def step(self):
        kind = self.random.random()
        if kind < 0.55 or self.depth > 3:
            arguments = self.blanks(needed=False) + self.arguments() if self.maybe(0.7) else ""
            body = self.blanks(needed=False) + self.body() if self.maybe(0.2) and self.depth < 4 else ""
            return self.one(CALLEES) + arguments + body
        if kind < 0.7:
            return self.body()
        if kind < 0.85:
            variable = f"{self.one(['i', 'j'])}{self.blanks()}in{self.blanks()}" if self.maybe(0.5) else ""
            return f"repeat{self.blanks()}{variable}{self.operand(2)}{self.blanks()}{self.step()}"
        name = self.one(NAMES)
        if kind < 0.95:
            return f"{self.one(['from', 'tap'])}{self.blanks()}{name}"
        return f"output{self.blanks()}{name}" + (self.blanks(needed=False) + self.arguments() if self.maybe(0.5) else "")

    def pipe(self):
        steps = self.arrow().join(self.label() + self.step() for _ in range(self.one([1, 1, 1, 1, 2, 3, 6])))
        return steps + (f"{self.blanks()}if{self.blanks()}{self.comparison(1)}" if self.maybe(0.2) else "")

    def dims(self):
        def dim(depth):
            return (
                self.one(["N", "3", "299"])
                if self.maybe(0.7)
                else self.named("64")
                if self.maybe(0.5)
                else self.expression(depth)
            )

        return self.bracket([dim] * self.random.randint(0, 4), 1, comma=True, kind="[]")

    def statement(self):
        kind = self.random.random()
        if kind < 0.8:
            return self.pipe()
        if kind < 0.86:
            return f"let{self.blanks()}{self.named(self.comparison(0))}"
        if kind < 0.92:
            return f"expect{self.blanks(needed=False)}{self.dims()}"
        if kind < 0.96:
            return f"input{self.blanks()}{self.one(LABELS)}:{self.blanks(needed=False)}{self.dims()}"
        return f"defaults{self.blanks()}{self.one(CALLEES)}{self.blanks(needed=False)}{self.arguments()}"

    # --- edits and files -------------------------------------------------------------------------------------------------

    def path(self):
        def segment():
            index = self.one(["", "", "[*]", "[ 3 ]", "[1 .. 3]", "[0][1]"])
            return self.one([*NAMES, "*", "**"]) + index

        return self.one([".", ".", " . "]).join(segment() for _ in range(self.random.randint(1, 4)))

    def edit(self):
        kind = self.random.randint(0, 4)
        if kind == 0:
            return f"set{self.blanks()}{self.named(self.expression())}"
        if kind == 1:
            return f"set {self.path()}{self.blanks(False)}:{self.blanks(False)}{self.named(self.expression())}"
        if kind == 2:
            return f"drop{self.blanks()}{self.path()}"
        if kind == 3:
            return f"replace {self.path()} with{self.blanks()}{self.pipe()}"
        return f"insert{self.blanks()}{self.pipe()} {self.one(['before', 'after'])} {self.path()}"

    def about(self):
        one_line = self.maybe(0.5)
        entries = [self.named(self.expression()) for _ in range(self.random.randint(0, 3))]
        return "about" + self.blanks(needed=False) + "{" + self.joined(entries, one_line=one_line) + "}"

    def parameters(self):
        def parameter(depth):
            return self.one(NAMES) if self.maybe(0.5) else self.named(self.expression(depth))

        return self.bracket([parameter] * self.random.randint(0, 12), 1, comma=True)

    def item(self):
        kind = self.random.random()
        if kind < 0.15:
            names = ", ".join(
                self.one(NAMES) + (f" as {self.one(NAMES)}" if self.maybe(0.3) else "") for _ in range(self.random.randint(1, 4))
            )
            return f'from "lib/x.arch" import{self.blanks()}{names}'
        if kind < 0.25:
            return f"let {self.named(self.expression())}"
        if kind < 0.8:
            parameters = self.blanks(needed=False) + self.parameters() if self.maybe(0.8) else ""
            return f"{self.one(['block', 'arch'])}{self.blanks()}{self.one(NAMES)}{parameters}{self.blanks(False)}{self.body()}"
        one_line = self.maybe(0.4)
        edits = [self.edit() for _ in range(self.random.randint(0, 4))]
        about = [self.about()] if self.maybe(0.3) else []
        doc = [self.docstring(one_line)] if self.maybe(0.3) else []
        return f"variant{self.blanks()}a of b{self.blanks(False)}{{{self.joined(doc + about + edits, one_line=one_line)}}}"

    def file(self):
        items = [self.item() for _ in range(self.one([0, 1, 1, 1, 2, 3]))]
        if self.maybe(0.2):
            items.insert(self.random.randint(0, len(items)), self.about())
        if self.maybe(0.3):
            items.insert(0, self.docstring())
        text = "".join(item + self.end_of_line() for item in items)
        head = self.one(["", "\n", f"{self.comment()}\n", f"\n\n  {self.comment()}\n\n", "\ufeff"])
        text = head + text + self.one(["", self.comment(), f"\n\n{self.comment()}"])
        return text.replace("\n", "\r\n") if self.maybe(0.15) else text


def program(seed):
    return Writer(seed).file()
