"""``forward``: the flow of a class as statements over few, well named variables.

The running value is ``x``; a branch has the name of its label.  A call whose value is used once, by a merge, stands in the merge
itself where the line stays short.
"""

import re

from archdsl.backends.torch.chains import Step
from archdsl.backends.torch.constructor import Face, attribute
from archdsl.backends.torch.instances import Key, Ref
from archdsl.backends.torch.templates import Expression, Template
from archdsl.backends.torch.text import INDENT, WIDTH, free_name, lay_out

_PLACEHOLDER = re.compile(r"\{(\w+)\}")


def forward(face: Face, inputs: list[str], returns: list[tuple[str, Ref]], annotation: str) -> list[str]:
    """The lines of ``forward``.

    ``inputs`` are the names of its arguments, ``returns`` the values that it gives: one, or several by name for ``annotation``.
    """
    head = f"{INDENT}def forward(self, {', '.join(f'{name}: Tensor' for name in inputs)}) -> {annotation}:"
    writer = _Writer(face, inputs, returns)
    writer.write(face.steps, 0, INDENT * 2)
    if len(returns) == 1:
        value = writer.text(returns[0][1])
        if writer.lines and writer.lines[-1] == f"{INDENT * 2}{value} = {writer.last}":
            writer.lines.pop()
            value = writer.last
        return [head, *writer.lines, *lay_out(f"return {value}", INDENT * 2)]
    fields = ", ".join(f"{name}={writer.text(ref)}" for name, ref in returns)
    return [head, *writer.lines, *lay_out(f"return {annotation}({fields})", INDENT * 2)]


class _Writer:
    """Statements as they are written, and which variable holds which value."""

    def __init__(self, face: Face, inputs: list[str], returns: list[tuple[str, Ref]]) -> None:
        self.lines: list[str] = []
        self.last = ""
        self._face = face
        self._variables: dict[Ref, str] = {("in", index): name for index, name in enumerate(inputs)}
        self._inlined: dict[Ref, str] = {}
        self._fixed = {name for name in inputs if name != "x"}
        self._uses: dict[Ref, list[int]] = {}
        self._order = {step.key: position for position, step in enumerate(face.steps)}
        for position, step in enumerate(face.steps):
            for ref in step.inputs:
                self._uses.setdefault(ref, []).append(position)
        for _, ref in returns:
            self._uses.setdefault(ref, []).append(len(face.steps))
        for conditional in face.conditionals.values():  # both roads of a guard end in its exit
            end = max((self._order[step.key] for step in face.steps if conditional.key in step.guards), default=0)
            self._uses.setdefault(conditional.entry, []).append(end)
        self._inlining = self._choose_inlined()

    # --- which values stand where they are used --------------------------------------------------------------------------

    def _choose_inlined(self) -> set[Key]:
        """The calls that are written inside the merge that takes their value."""
        by_key: dict[Ref, Step] = {step.key: step for step in self._face.steps}
        watched = {ref for each in self._face.conditionals.values() for ref in (each.entry, each.exit)}
        chosen: set[Key] = set()
        for step in self._face.steps:
            if not isinstance(step.part, Expression) or step.guards:
                continue
            candidates = []
            for ref in dict.fromkeys(step.inputs):
                made = by_key.get(ref)
                if made is None or isinstance(made.part, Expression) or made.guards or ref in watched:
                    continue
                if len(self._uses[ref]) == 1:
                    candidates.append(made)
            length = sum(len(attribute(each.path)) + 8 for each in candidates) + 16 * (len(step.inputs) - len(candidates))
            if length + len(self._template(step)) + 12 <= WIDTH:
                chosen |= {each.key for each in candidates}
        for key in chosen:  # what an inlined call takes stays alive until its value is used
            consumer = self._uses[key][0]
            for ref in by_key[key].inputs:
                self._uses[ref] = [consumer if position == self._order[key] else position for position in self._uses[ref]]
        return chosen

    @staticmethod
    def _template(step: Step) -> str:
        assert isinstance(step.part, Expression)
        return step.part.target.template

    # --- statements ------------------------------------------------------------------------------------------------------

    def write(self, steps: list[Step], depth: int, indent: str) -> None:
        """Writes ``steps``, of which those under a guard of their ``depth`` go into an ``if``."""
        position = 0
        while position < len(steps):
            step = steps[position]
            switched = [key for key in step.guards if key in self._face.conditionals]
            if len(switched) <= depth:
                self._statement(step, indent)
                position += 1
                continue
            key = switched[depth]
            members = [each for each in steps[position:] if key in each.guards]
            self._conditional(key, members, depth, indent)
            position += len(members)

    def _statement(self, step: Step, indent: str) -> None:
        text = self._call(step)
        if step.key in self._inlining:
            self._inlined[step.key] = text
            return
        name = self._name(step)
        self._assign(step.key, name, text, indent)

    def _assign(self, ref: Ref, name: str, text: str, indent: str) -> None:
        self._variables[ref] = name
        self.last = text
        self.lines += lay_out(f"{name} = {text}", indent)

    def _conditional(self, key: Key, members: list[Step], depth: int, indent: str) -> None:
        conditional = self._face.conditionals[key]
        entry = self.text(conditional.entry)
        position = self._order[members[-1].key]
        reuse = entry not in self._fixed and max(self._uses[conditional.entry]) <= position
        name = entry if reuse else self._fresh(members[-1])
        switch = self._face.switches[key]
        lone = self._face.lone(members[0]) is not None and len(members) == 1
        if lone and not reuse:
            call = self._call(members[0])
            self._variables[conditional.exit] = name
            negated = switch.replace(" is not None", " is None")
            self.lines += lay_out(f"{name} = {entry} if {negated} else {call}", indent)
            self.last = ""
            return
        if not reuse:
            self.lines.append(f"{indent}{name} = {entry}")
        self.lines.append(f"{indent}if {switch}:")
        if lone:
            self.lines += lay_out(f"{name} = {self._call(members[0])}", indent + INDENT)
        else:
            self.write(members, depth + 1, indent + INDENT)
            inner = self.text(conditional.exit)
            if inner != name:
                self.lines.append(f"{indent}{INDENT}{name} = {inner}")
        self._variables[conditional.exit] = name
        self.last = ""

    # --- expressions -----------------------------------------------------------------------------------------------------

    def text(self, ref: Ref) -> str:
        """The variable, or the inlined call, that is a value."""
        return self._inlined.get(ref) or self._variables[ref]

    def _call(self, step: Step) -> str:
        inputs = [self.text(ref) for ref in step.inputs]
        if not isinstance(step.part, Expression):
            return f"{attribute(step.path)}({', '.join(inputs)})"
        target = step.part.target
        template = target.template
        if target.plain is not None and all(hole.constant and hole.constant_value == hole.default for hole in step.part.holes):
            template = target.plain
        numbers = {hole.role: self._face.number(hole) for hole in step.part.holes}

        def fill(found: re.Match[str]) -> str:
            name = found[1]
            if name == "inputs":
                return ", ".join(inputs)
            return inputs[int(name)] if name.isdigit() else numbers[name]

        return _PLACEHOLDER.sub(fill, template)

    # --- names -----------------------------------------------------------------------------------------------------------

    def _name(self, step: Step) -> str:
        """The variable for a step's value: one whose value is no longer needed, ``x`` first, else a new one."""
        position = self._order[step.key]
        if self._is_branch(step):
            return self._fresh(step)
        free = [name for name, ref in self._holders().items() if self._dead(ref, position) and name not in self._fixed]
        if "x" in free or "x" not in self._holders():
            return "x"
        if len(step.inputs) == 1 and self._variables.get(step.inputs[0]) in free:
            return self._variables[step.inputs[0]]
        return self._fresh(step)

    def _is_branch(self, step: Step) -> bool:
        """Whether a step is a whole branch: from the running value to a merge that alone takes it."""
        uses = [self._face.steps[use] for use in self._uses[step.key] if use < len(self._face.steps)]
        return len(uses) == 1 and len(uses[0].inputs) > 1 and all(self._variables.get(ref) == "x" for ref in step.inputs)

    def _holders(self) -> dict[str, Ref]:
        """Which value each variable holds now."""
        return {name: ref for ref, name in self._variables.items()}

    def _dead(self, ref: Ref, position: int) -> bool:
        return max(self._uses.get(ref, [-1])) <= position

    def _fresh(self, step: Step) -> str:
        """A new name for a step's value: the label of the branch that it stands in, else its own."""
        bodies = [path for path in self._face.template.bodies if step.path[: len(path)] == path]
        path = max(bodies, key=len) if bodies else step.path
        wanted = next((part for part in reversed(path) if part and not part.isdigit()), "y")
        return free_name(wanted, {*self._variables.values(), "x"})


def arguments_of(template: Template) -> list[str]:
    """Names for the values that a class takes: ``x`` for the one that flows in, the others numbered."""
    count = len(template.first.inputs)
    return ["x", *(f"x{index}" for index in range(1, count))] if count else ["x"]
