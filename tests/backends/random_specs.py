"""Random specs of the whole language, the same for the same seed; nearly all of them elaborate.

Maps keep their height and width inside blocks unless a block has a ``stride``, so that merges and taps fit; odd names are mixed
in everywhere.
"""

import random
from dataclasses import dataclass, field, replace

ODD = """
    x res lambda_ torch nn F self_ list Tensor None_ module outputs in_channels x1 out range zip dict super_ keep
    Sequential OrderedDict NamedTuple Unit Cell Outputs SameConv2d LayerNorm2d block with_step stride w k conv bn relu
    print True_ net y int bool tuple scale c layer_2 x2 image
""".split()
BLOCKS = """
    Unit cell Down None_ module outputs Outputs torch nn F Tensor list Net int range OrderedDict relu6_ unit _hidden x
""".split()
PARAMETERS = """
    w k wide act stride scale x self lambda class res torch in_channels list out n flag F with_proj True_ count Outputs
    Unit l training _modules eval SameConv2d
""".split()


@dataclass
class Block:
    """A block as its callers see it: parameter names by kind, and which have defaults."""

    name: str
    widths: list[str]
    flags: list[str]
    defaulted: set[str]
    stride: str | None
    keeps_width: bool


@dataclass
class Scope:
    """What statements at one place may use."""

    widths: list[str]
    flags: list[str]
    labels: set[str]
    taps: list[str]
    blocks: list[Block]
    depth: int
    index: str | None = None
    used_taps: set[str] = field(default_factory=set)

    def labelled(self) -> "Scope":
        """The scope of braces that have a label of their own."""
        return replace(self, labels=set(), taps=list(self.taps), depth=self.depth + 1)

    def plain(self) -> "Scope":
        """The scope of braces without a label."""
        return replace(self, taps=list(self.taps), depth=self.depth + 1)


class Writer:
    """One random spec."""

    sides = "16, 16"
    """Height and width of the inputs."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.number = 0

    def spec(self) -> str:
        """The text of the spec."""
        blocks: list[Block] = []
        parts = []
        for _ in range(self.random.randint(1, 4)):
            block, text = self.block(blocks)
            blocks.append(block)
            parts.append(text)
        return "\n".join([*parts, self.arch(blocks)])

    # --- definitions -----------------------------------------------------------------------------------------------------

    def block(self, blocks: list[Block]) -> tuple[Block, str]:
        r = self.random
        known = {each.name for each in blocks}
        name = self.fresh([each for each in BLOCKS if each not in known], "Block")
        names = r.sample(PARAMETERS, r.randint(0, 4))
        stride = "stride" if "stride" in names else None
        flags = [each for each in names if each in ("act", "flag", "with_proj", "True_", "class", "self")]
        widths = [each for each in names if each not in flags and each != stride]
        defaulted = set()
        shown = []
        for each in sorted(names, key=lambda _: r.random()):
            if (each == stride) or shown_default(shown) or r.random() < 0.4:
                defaulted.add(each)
                value = "1" if each == stride else r.choice(["true", "false"]) if each in flags else str(r.randint(1, 4))
                shown.append(f"{each} = {value}")
            else:
                shown.append(each)
        scope = Scope(widths, flags, set(), [], blocks, 0)
        keeps = r.random() < 0.4
        lines = []
        if r.random() < 0.3:
            lines.append('"""What the block is for."""')
        if keeps and r.random() < 0.5 and stride is None:
            lines.append(self.residual(scope, self.label(scope) if r.random() < 0.5 else None))
        elif stride is not None:
            lines.append(self.strided(scope, stride))
            keeps = False
        else:
            lines += self.statements(scope, r.randint(1, 4))
            if keeps:
                lines.append(f"{self.label(scope)}: conv(in.c, 1x1)")
        body = "\n".join(f"  {line}" for line in lines)
        return Block(name, widths, flags, defaulted, stride, keeps), f"block {name}({', '.join(shown)}) {{\n{body}\n}}"

    def strided(self, scope: Scope, stride: str) -> str:
        """A residual whose shortcut is a guarded projection."""
        width = self.width(scope, braces=False)
        inner = scope.plain()
        proj, a, b = self.label(inner), self.label(inner), self.label(inner)
        kind = self.random.choice(
            [f"conv({width}, 1x1, stride={stride}, bias=false)", f"pad_channels(max({width}, in.c), stride={stride})"]
        )
        if kind.startswith("pad"):
            width = f"max({width}, in.c)"
        return (
            f"residual(shortcut = {{ {proj}: {kind} if {stride} != 1 or in.c != {width} }}) "
            f"{{ {a}: conv({width}, 3x3, stride={stride}); relu; {b}: conv({width}, 1x1) }}"
        )

    def arch(self, blocks: list[Block]) -> str:
        r = self.random
        names = r.sample(
            ["image", "x", "torch", "list", "depth_map", "nn", "left", "inputs", "super_"], 2 if r.random() < 0.2 else 1
        )
        parameters = r.sample(["classes", "n", "w", "x1", "lambda_", "width"], r.randint(0, 2))
        names = [each for each in names if each not in parameters]
        scope = Scope(list(parameters), [], set(names), list(names), blocks, 0)
        shown = ", ".join(f"{each} = {r.randint(1, 4)}" for each in parameters)
        lines = [f"input {name}: [N, {r.randint(1, 4)}, {self.sides}]" for name in names]
        if len(names) == 2:
            branches = "; ".join([f"{{ from {names[0]}; {self.label(scope)}: conv(3, 3x3) }}", f"from {names[1]}"])
            lines.append(f"{self.labelling(scope)}concat {{ {branches} }}")
        outputs = []
        for _ in range(r.randint(1, 3)):
            lines += self.statements(scope, r.randint(1, 3))
            if r.random() < 0.3:
                scope.taps.clear()
                lines.append(self.down(scope))
            if r.random() < 0.25:
                name = self.fresh(["aux", "x", "list", "torch", "Tensor", "out1"], "aux", outputs)
                outputs.append(name)
                lines.append(self.side(scope, name))
            if r.random() < 0.15:
                name = self.fresh(["middle", "nn", "F"], "middle", outputs)
                outputs.append(name)
                lines.append(f"output {name}")
        if r.random() < 0.6:
            lines += ["global_avg_pool", f"{self.label(scope)}: linear({self.width(scope)})"]
        lines.append(f"output {self.fresh(['logits', 'y', 'x', 'list'], 'logits', outputs)}")
        body = "\n".join(f"  {line}" for line in lines)
        names = ["net", "Net", "torch", "tensor", "outputs", "block_net", "nn", "list", "cell", "x"]
        name = self.fresh(names, "net", {each.name for each in blocks})
        return f"arch {name}({shown}) {{\n{body}\n}}\n"

    def down(self, scope: Scope) -> str:
        """A step that makes maps smaller."""
        return self.random.choice(["max_pool(2x2, stride=2)", f"{self.label(scope)}: conv({self.width(scope)}, 3x3, stride=2)"])

    def side(self, scope: Scope, output: str) -> str:
        inner = scope.labelled() if self.random.random() < 0.5 else scope.plain()
        label = f"{self.label(scope)}: " if inner.labels is not scope.labels else ""
        return f"{label}side {{ {self.label(inner)}: conv({self.width(inner)}, 1x1); relu; output {output}(weight = 0.3) }}"

    # --- statements ------------------------------------------------------------------------------------------------------

    def statements(self, scope: Scope, count: int) -> list[str]:
        lines = []
        for _ in range(count):
            line = self.statement(scope)
            if self.random.random() < 0.2 and " if " not in line and not line.startswith("tap"):
                line += f" -> {self.weightless()}"
            if self.random.random() < 0.12:
                tap = self.fresh(ODD, "tap", scope.used_taps)
                scope.used_taps.add(tap)
                line += f" -> tap {tap}" if " if " not in line else f"\n  tap {tap}"
                scope.taps.append(tap)
            lines.append(line)
        return lines

    def statement(self, scope: Scope) -> str:
        r = self.random
        simple = [self.conv, self.conv, self.norm, lambda _: self.weightless(), self.guarded]
        nested = [self.concat, self.gate, self.body, self.repeat, self.repeat, self.residual, self.add]
        if scope.blocks:
            simple += [self.call, self.call, self.call]
        choice = r.choice(simple if scope.depth >= 3 or r.random() < 0.5 else nested)
        return choice(scope)

    def conv(self, scope: Scope) -> str:
        r = self.random
        width = self.width(scope)
        kernel = r.choice(["1x1", "3x3", "1x3", "3", "2x2"])
        kind = r.choice(
            [
                f"conv({width}, {kernel})",
                f"conv({width}, {kernel}, bias=false)",
                f'conv({width}, {kernel}, init="trunc_normal(0.1)")',
                f"separable_conv({width}, {kernel})",
                f"depthwise_conv({kernel})",
                f"conv({width}, 3x3, dilation=2)",
                f"conv(in.c, {kernel})",
            ]
        )
        return f"{self.label(scope)}: {kind}"

    def norm(self, scope: Scope) -> str:
        kinds = ["bn", "bn(eps=1e-3)", "group_norm(1)", "layer_norm", "bn(affine=false)"]
        return f"{self.label(scope)}: {self.random.choice(kinds)}"

    def weightless(self) -> str:
        return self.random.choice(
            [
                "relu",
                "sigmoid",
                "max_pool(3x3)",
                "avg_pool(3x3)",
                "avg_pool(2x2)",
                "identity",
                "dropout(0)",
                "tanh",
                "max_pool(2x2)",
                "gelu",
            ]
        )

    def guarded(self, scope: Scope) -> str:
        step = self.random.choice(
            [self.conv, self.norm, lambda _: self.weightless(), self.body, self.call if scope.blocks else self.conv]
        )
        return f"{step(scope)} if {self.condition(scope)}"

    def call(self, scope: Scope, *, keeps_width: bool = False) -> str:
        r = self.random
        known = [each for each in scope.blocks if each.keeps_width] if keeps_width else scope.blocks
        if not known:
            return f"{self.label(scope)}: conv(in.c, 1x1)"
        block = r.choice(known)
        arguments = []
        for name in [*block.widths, *block.flags]:
            if name in block.defaulted and r.random() < 0.6:
                continue
            value = self.width(scope) if name in block.widths else self.condition(scope)
            arguments.append(f"{name}={value}")
        return f"{self.label(scope)}: {block.name}({', '.join(arguments)})"

    def concat(self, scope: Scope) -> str:
        label, inner = self.labelled_or_not(scope)
        branches = [self.branch(inner) for _ in range(self.random.randint(1, 3))]
        if self.random.random() < 0.4:
            branches.append(self.random.choice(["{}", f"{self.label(inner)}: {{}}"]))
        if inner.taps and self.random.random() < 0.6:
            branches.append(f"from {self.random.choice(inner.taps)}")
        self.random.shuffle(branches)
        return f"{label}concat {{ {'; '.join(branches)} }}"

    def add(self, scope: Scope) -> str:
        label, inner = self.labelled_or_not(scope)
        width = self.width(scope)
        branches = [
            f"{self.label(inner)}: conv({width}, {self.random.choice(['1x1', '3x3'])})" for _ in range(self.random.randint(1, 3))
        ]
        if self.random.random() < 0.3:
            branches.append(f"{branches.pop()} -> relu")
        return f"{label}{self.random.choice(['add', 'mul', 'add(scale=0.5)'])} {{ {'; '.join(branches)} }}"

    def gate(self, scope: Scope) -> str:
        label, inner = self.labelled_or_not(scope)
        deep = inner.labelled()
        down = f"{self.label(deep)}: conv(max(in.c // 2, 1), 1x1)"
        gate = f"squeeze: global_avg_pool(keep=true); {down}; relu; up: conv(in.c, 1x1); sigmoid"
        return f"{label}mul {{ {self.label(inner)}: {{}}; {self.label(inner)}: {{ {gate} }} }}"

    def branch(self, scope: Scope) -> str:
        r = self.random
        if r.random() < 0.4:
            guard = f" if {self.condition(scope)}" if r.random() < 0.3 else ""
            return f"{self.conv(scope)}{guard}"
        label, inner = self.labelled_or_not(scope)
        start = [f"from {r.choice(inner.taps)}"] if inner.taps and r.random() < 0.3 else []
        guard = f" if {self.condition(scope)}" if r.random() < 0.15 else ""
        return f"{label}{{ {'; '.join([*start, *self.statements(inner, r.randint(1, 3))])} }}{guard}"

    def body(self, scope: Scope) -> str:
        inner = scope.labelled()
        return f"{self.label(scope)}: {{ {'; '.join(self.statements(inner, self.random.randint(1, 3)))} }}"

    def residual(self, scope: Scope, label: str | None = "") -> str:
        r = self.random
        if label == "":
            label = self.label(scope) if r.random() < 0.6 else None
        inner = scope.labelled() if label else scope.plain()
        options = []
        if r.random() < 0.4:
            options.append(f"scale={r.choice(['0.3', '1', '2.0', *scope.widths])}")
        if r.random() < 0.4:
            options.append(
                f"shortcut = {{ {self.label(inner)}: conv(in.c, 1x1)" + r.choice(["", f" if {self.condition(scope)}"]) + " }"
            )
        last = self.call(inner, keeps_width=True) if r.random() < 0.2 else f"{self.label(inner)}: conv(in.c, 1x1)"
        body = [last] if "conv" not in last else [*self.statements(inner, r.randint(0, 2)), last]
        start = f"{label}: residual" if label else "residual"
        return f"{start}{f'({chr(44).join(options)})' if options else ''} {{ {'; '.join(body)} }}"

    def repeat(self, scope: Scope) -> str:
        r = self.random
        index = self.fresh(["i", "j", "x", "w", "list"], "i", scope.widths) if r.random() < 0.5 else None
        inner = scope.labelled()
        if index is not None:
            inner.index = index
        count = r.choice(["0", "1", "2", "2", "3", "3", *scope.widths])
        outer = f"repeat {r.choice(['1', '2'])} " if r.random() < 0.15 else ""
        head = f"{self.label(scope)}: {outer}repeat {f'{index} in ' if index else ''}{count}"
        kind = r.random()
        if kind < 0.08:
            label = self.label(inner.labelled())
            return f"{head} {{ {label}: conv(in.c, 1x1) if {self.condition(inner)}; relu if {self.condition(inner)} }}"
        if kind < 0.35 and scope.blocks:
            return f"{head} {self.call(inner).partition(': ')[2]}"
        if kind < 0.5:
            return f"{head} {self.conv(inner).partition(': ')[2]}"
        if kind < 0.6:
            return f"{head} {self.weightless()}"
        if kind < 0.75:
            return f"{head} {self.residual(inner, None)}"
        if kind < 0.9:
            return f"{head} {{ {'; '.join(self.statements(inner, r.randint(1, 3)))} }}"
        return f"{head} concat {{ {{}}; {self.label(inner)}: conv({self.width(inner)}, 3x3) }}"

    # --- words -----------------------------------------------------------------------------------------------------------

    def width(self, scope: Scope, *, braces: bool = True) -> str:
        r = self.random
        choices = [str(r.randint(1, 5)), str(r.randint(1, 5))]
        for name in scope.widths:
            choices += [name, name, f"2 * {name}", f"{name} + 1", f"max({name}, 2)"]
        if scope.index is not None:
            choices += [f"{scope.index} + 1", f"2 + {scope.index} % 2"]
        if braces:
            choices.append("min(in.c, 4)")
        return r.choice(choices)

    def condition(self, scope: Scope) -> str:
        r = self.random
        choices = ["true", "false", "in.c > 3", "in.c == 4"]
        choices += [
            *scope.flags,
            *scope.flags,
            *(f"not {each}" for each in scope.flags),
            *(f"{each} > 2" for each in scope.widths),
        ]
        if scope.index is not None:
            choices += [f"{scope.index} == 0", f"{scope.index} > 0", f"{scope.index} % 2 == 0"]
        return r.choice(choices)

    def labelled_or_not(self, scope: Scope) -> tuple[str, Scope]:
        if self.random.random() < 0.6:
            return f"{self.label(scope)}: ", scope.labelled()
        return "", scope.plain()

    def labelling(self, scope: Scope) -> str:
        return f"{self.label(scope)}: " if self.random.random() < 0.5 else ""

    def label(self, scope: Scope) -> str:
        name = self.fresh([*ODD, *scope.widths] if self.random.random() < 0.5 else [], "l", scope.labels)
        scope.labels.add(name)
        return name

    def fresh(self, wanted, stem, taken=()) -> str:
        """One of the names wanted that is not taken, else a new one."""
        barred = {"self", "lambda", "class", "True"}
        free = [each for each in wanted if each not in taken and each not in barred]
        if free:
            return self.random.choice(free)
        self.number += 1
        return f"{stem}{self.number}"


def shown_default(shown: list[str]) -> bool:
    """Whether a parameter with a default came before, so that this one needs one too."""
    return any("=" in each for each in shown)


def spec(seed: int) -> str:
    """The spec of that seed."""
    return Writer(seed).spec()
