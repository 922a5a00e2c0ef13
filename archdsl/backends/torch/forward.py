"""``forward``: the flow of a class as statements over few, well named variables.

The running value is ``x``.  A branch has the name of its label, a value that is kept for later that of the step that made it, or
of the output that it is.  A call whose value is used once, by a merge, stands in the merge itself where the line stays short.
"""

import re
from collections.abc import Container

from archdsl.backends.torch.chains import Chain, Step
from archdsl.backends.torch.constructor import Face, attribute
from archdsl.backends.torch.instances import Key, Ref
from archdsl.backends.torch.templates import Expression, Template
from archdsl.backends.torch.text import INDENT, LONGEST_NAME, WIDTH, AnyOf, free_name, lay_out

_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_BODY = INDENT * 2


def forward(
    face: Face, inputs: list[str], returns: list[tuple[str, Ref]], annotation: str, reserved: Container[str]
) -> list[str]:
    """The lines of ``forward``.

    ``inputs`` are the names of its arguments, ``returns`` the values that it gives: one, or several by name for ``annotation``.
    No variable has a ``reserved`` name.
    """
    writer = _Writer(face, inputs, returns, reserved)
    arguments = ", ".join(["self", *(f"{name}: Tensor" for name in inputs)])
    lines = lay_out(f"def forward({arguments})", INDENT, f" -> {annotation}:")
    writer.write(face.steps, 0, _BODY)
    if len(returns) > 1:
        fields = ", ".join(f"{name}={writer.text(ref)}" for name, ref in returns)
        return [*lines, *writer.lines, *lay_out(f"return {annotation}({fields})", _BODY)]
    value = writer.text(returns[0][1])
    if writer.last is not None and writer.last[0] == value:
        _, value, length = writer.last
        del writer.lines[length:]
    return [*lines, *writer.lines, *lay_out(f"return {value}", _BODY)]


def arguments_of(template: Template) -> list[str]:
    """Names for the values that a class takes: ``x`` for the one that flows in, the others numbered."""
    return ["x", *(f"x{index}" for index in range(2, template.shape.inputs + 1))]


class _Writer:
    """Statements as they are written, and which variable holds which value."""

    def __init__(self, face: Face, inputs: list[str], returns: list[tuple[str, Ref]], reserved: Container[str]) -> None:
        self.lines: list[str] = []
        self.last: tuple[str, str, int] | None = None
        """Variable and value of the last assignment, if a plain one, and how many lines stand before it."""
        self._face = face
        self._reserved = reserved
        self._variables: dict[Ref, str] = {}
        self._holders: dict[str, Ref] = {}
        for index, name in enumerate(inputs):
            self._hold(name, ("in", index))
        self._inlined: dict[Ref, Step] = {}
        self._fixed = {name for name in inputs if name != "x"}
        self._order = {step.key: position for position, step in enumerate(face.steps)}
        self._by_key: dict[Ref, Step] = {step.key: step for step in face.steps}
        self._bodies = set(face.template.shape.bodies)
        self._returned = {ref: name for name, ref in reversed(returns) if len(returns) > 1}
        main = max((ref for _, ref in returns), key=lambda ref: self._order[ref] if len(ref) == 3 else -1)
        self._uses: dict[Ref, list[int]] = {}
        for position, step in enumerate(face.steps):
            for ref in step.inputs:
                self._uses.setdefault(ref, []).append(position)
        for _, ref in returns:
            self._uses.setdefault(ref, []).append(len(face.steps))
        for key, conditional in face.conditionals.items():  # both roads of a guard end in its exit
            members = face.members.get(key, ())
            end = max((self._order[step.key] for step in members), default=0)
            self._uses.setdefault(conditional.entry, []).append(end)
        self._roads = self._roads_to_outputs(main)
        self._inlining = self._choose_inlined()

    # --- which values stand where they are used --------------------------------------------------------------------------

    def _choose_inlined(self) -> set[Key]:
        """The calls that are written inside the merge that takes their value."""
        watched = {ref for each in self._face.conditionals.values() for ref in (each.entry, each.exit)}
        chosen: set[Key] = set()
        for step in self._face.steps:
            if not isinstance(step.part, Expression) or step.guards:
                continue
            candidates = []
            for ref in dict.fromkeys(step.inputs):
                made = self._by_key.get(ref)
                if made is None or isinstance(made.part, Expression) or made.guards or ref in watched or _is_loop(made):
                    continue
                if len(self._uses[ref]) == 1:
                    candidates.append(made)
            length = sum(len(attribute(each.path)) + 8 for each in candidates) + 16 * (len(step.inputs) - len(candidates))
            if length + len(step.part.target.template) + 12 <= WIDTH:
                chosen |= {each.key for each in candidates}
        for key in chosen:  # what an inlined call takes stays alive until its value is used
            consumer = self._uses[key][0]
            for ref in self._by_key[key].inputs:
                self._uses[ref] = [consumer if position == self._order[key] else position for position in self._uses[ref]]
        return chosen

    # --- statements ------------------------------------------------------------------------------------------------------

    def write(self, steps: list[Step], depth: int, indent: str) -> None:
        """Writes ``steps``, of which those under a guard of their ``depth`` go into an ``if``."""
        position = 0
        while position < len(steps):
            step = steps[position]
            switched = self._switched(step)
            if len(switched) <= depth:
                self._statement(step, indent)
                position += 1
                continue
            end = position
            while end < len(steps) and switched[depth] in steps[end].guards:
                end += 1
            self._conditional(switched[depth], steps[position:end], depth, indent)
            position = end

    def _statement(self, step: Step, indent: str) -> None:
        if step.key in self._inlining:
            self._inlined[step.key] = step
            return
        position = self._order[step.key]
        if len(f"{indent}{self._name(step, position)} = {self._call(step)}") > WIDTH:
            for ref in dict.fromkeys(step.inputs):
                if ref in self._inlined:
                    self._assign(self._inlined.pop(ref), indent, position - 1)
        if _is_loop(step):
            self._loop(step, indent)
        else:
            self._assign(step, indent, position)

    def _assign(self, step: Step, indent: str, position: int) -> None:
        call = self._call(step)
        name = self._name(step, position)
        self._hold(name, step.key)
        self.last = name, call, len(self.lines)
        self.lines += lay_out(f"{name} = {call}", indent)

    def _loop(self, step: Step, indent: str) -> None:
        """A repeat whose iterations take further values beside the one before."""
        value, *others = [self.text(ref) for ref in step.inputs]
        name = self._name(step, self._order[step.key])
        if name in others:  # needed in every iteration
            name = self._free(step.path[-1])
        if name != value:
            self.lines.append(f"{indent}{name} = {value}")
        self._hold(name, step.key)
        block = self._free("block")
        self.lines.append(f"{indent}for {block} in {attribute(step.path)}:")
        self.lines += lay_out(f"{name} = {block}({', '.join([name, *others])})", indent + INDENT)
        self.last = None

    def _conditional(self, key: Key, members: list[Step], depth: int, indent: str) -> None:
        conditional = self._face.conditionals[key]
        entry = self.text(conditional.entry)
        position = self._order[members[-1].key]
        reuse = entry not in self._fixed and max(self._uses[conditional.entry]) <= position
        switch = self._face.switches[key]
        inner = self._sole(members, depth + 1)
        if inner is not None and self._face.conditionals[inner].entry == conditional.entry:
            switch, depth = f"{switch} and {self._face.switches[inner]}", depth + 1
        lone = self._face.lone(members[0]) is not None and len(members) == 1
        call = self._call(members[0]) if lone else ""
        name = entry if reuse else self._label(members[-1], position)
        line = f"{name} = {entry} if {switch.replace(' is not None', ' is None')} else {call}"
        self.last = None
        if lone and not reuse and len(indent + line) <= WIDTH:
            self.lines.append(indent + line)
            self._hold(name, conditional.exit)
            return
        if not reuse:
            self.lines.append(f"{indent}{name} = {entry}")
            self._holders[name] = conditional.exit
        self.lines += lay_out(f"if {switch}", indent, ":")
        if lone:
            self.lines += lay_out(f"{name} = {call}", indent + INDENT)
        else:
            self.write(members, depth + 1, indent + INDENT)
            result = self.text(conditional.exit)
            if result != name:
                self.lines.append(f"{indent}{INDENT}{name} = {result}")
        self._hold(name, conditional.exit)
        self.last = None

    def _sole(self, members: list[Step], depth: int) -> Key | None:
        """The guard of that depth that all ``members`` stand under, if there is one."""
        found = {switched[depth] if len(switched) > depth else None for switched in map(self._switched, members)}
        return found.pop() if len(found) == 1 else None

    def _switched(self, step: Step) -> list[Key]:
        return [key for key in step.guards if key in self._face.conditionals]

    # --- expressions -----------------------------------------------------------------------------------------------------

    def text(self, ref: Ref) -> str:
        """The variable, or the inlined call, that is a value."""
        inlined = self._inlined.get(ref)
        return self._variables[ref] if inlined is None else self._call(inlined)

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

    def _name(self, step: Step, position: int) -> str:
        """The variable for a step's value: ``x`` for the running value, a label for a branch and for what is kept."""
        output = self._roads.get(step.key)
        if output is not None:
            name = free_name(output[:LONGEST_NAME], self._reserved)
            return name if self._is_free(name, position) else self._free(output)
        if self._is_kept(step):
            return self._free(step.path[-1])
        if self._is_branch(step):
            return self._label(step, position)
        if "x" not in self._reserved and self._is_free("x", position):
            return "x"
        last = self._variables.get(step.inputs[0]) if len(step.inputs) == 1 else None
        if last is not None and self._is_free(last, position):
            return last
        return self._label(step, position)

    def _roads_to_outputs(self, main: Ref) -> dict[Ref, str]:
        """The output that a step makes, if there are several, or that a side road leads to from it and to nothing else."""
        found: dict[Ref, str] = dict(self._returned)
        ends = {ref for ref in found if ref != main and len(self._uses[ref]) == 1}
        for step in reversed(self._face.steps):
            if step.key in ends and len(step.inputs) == 1 and not step.guards:
                ref = step.inputs[0]
                if ref in self._by_key and ref not in found and len(self._uses[ref]) == 1:
                    found[ref] = found[step.key]
                    ends.add(ref)
        return found

    def _is_kept(self, step: Step) -> bool:
        """Whether a value is used next, and again beyond the statement that uses it next: by a later merge, or as an output."""
        uses = self._uses.get(step.key, [])
        if len(set(uses)) < 2:
            return False
        steps = self._face.steps
        if max(uses) == len(steps):
            return False
        first, last = steps[min(uses)], steps[max(uses)]
        inside = last.key[0] == first.key[0] and last.key[1] <= first.key[1] < last.end
        return not inside and not (step.key[0] == last.key[0] and last.key[1] <= step.key[1] < last.end)

    def _is_branch(self, step: Step) -> bool:
        """Whether a step is a whole branch: from the running value to a merge that alone takes it."""
        uses = [self._face.steps[use] for use in self._uses[step.key] if use < len(self._face.steps)]
        merged = len(uses) == 1 and len(uses[0].inputs) > 1 and step.key in uses[0].inputs
        return merged and all(self._variables.get(ref) == "x" for ref in step.inputs)

    def _label(self, step: Step, position: int) -> str:
        """The label of the branch that a step stands in, ``y`` in a chain without one; free, or holding what ends here."""
        lengths = range(len(step.path) - 1, 0, -1)
        body = next((step.path[:length] for length in lengths if step.path[:length] in self._bodies), None)
        path = body or step.path
        wanted = next((part for part in reversed(path) if part and not part.isdigit()), "y")
        following = [self._face.steps[use] for use in self._uses.get(step.key, ()) if use < len(self._face.steps)]
        if body is None and len(following) == 1 and (len(following[0].inputs) == 1 or step.key not in following[0].inputs):
            wanted = "y"
        wanted = free_name(wanted[:LONGEST_NAME], self._reserved)
        return wanted if wanted != "x" and self._is_free(wanted, position) else self._free(wanted)

    def _free(self, wanted: str) -> str:
        """A name that no variable has."""
        return free_name(wanted[:LONGEST_NAME], AnyOf(self._holders, self._reserved, self._fixed, {"x"}))

    def _is_free(self, name: str, position: int) -> bool:
        """Whether a variable does not exist yet, or holds what nothing needs after ``position``."""
        if name in self._fixed:
            return False
        held = self._holders.get(name)
        return held is None or max(self._uses.get(held, [-1])) <= position

    def _hold(self, name: str, ref: Ref) -> None:
        self._variables[ref] = name
        self._holders[name] = ref


def _is_loop(step: Step) -> bool:
    """Whether a step is a repeat that is written as a ``for``."""
    return not isinstance(step.part, Expression | Chain) and step.part.in_sequence and len(step.inputs) > 1
