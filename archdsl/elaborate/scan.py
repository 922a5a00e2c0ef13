"""Names that mean nothing, found in every text of a program, whether or not a network reaches it.

Elaboration looks at what is called and at branches that are taken.  Here every block, network, variant and constant is looked
through once, so that a misspelt name under a guard that is false today is told today.  What an edit may supply is left to
elaboration: a tap that an inserted text makes, an argument that a ``set`` gives.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from archdsl.diagnostics import ArchError, Diagnostic, Label
from archdsl.elaborate.definitions import Definitions
from archdsl.elaborate.environment import FileScope, NetworkDefinition
from archdsl.elaborate.recovery import ONE_FOR_ALL_USES, cause
from archdsl.elaborate.scan_scopes import Braces, Declared, Findings
from archdsl.elaborate.scan_text import Text
from archdsl.elaborate.unknown import unknown_base, unknown_parameter
from archdsl.ir import Op
from archdsl.limits import DEFAULT, Limits
from archdsl.source import Source
from archdsl.syntax import ast


def scan(definitions: Definitions, edits: Sequence[ast.Edit] = ()) -> tuple[Diagnostic, ...]:
    """What is certainly wrong with the names of all files, in the order of the texts; ``edits`` are those of the caller."""
    return _Scan(definitions, edits).faults()


def name_lints(program: ast.Program, operators: Mapping[str, type[Op]], limits: Limits = DEFAULT) -> tuple[Diagnostic, ...]:
    """Warnings on names of the main file that nothing reads: W106 for taps, W107 for parameters, constants and imports.

    Constants and imports of a file without a network are for others to import.  Raises ``ArchError`` where names of a file are
    taken or reserved.
    """
    return _Scan(Definitions(program, operators, limits), ()).unread()


def name_faults(program: ast.Program, operators: Mapping[str, type[Op]], limits: Limits = DEFAULT) -> tuple[Diagnostic, ...]:
    """What is certainly wrong with the names of a program, whether or not it has a network."""
    try:
        return scan(Definitions(program, operators, limits))
    except ArchError as fault:
        return fault.diagnostics


class _Scan:
    """All texts of a program, looked through."""

    def __init__(self, definitions: Definitions, edits: Sequence[ast.Edit]) -> None:
        self._definitions = definitions
        self._found = Findings()
        self._parameters: dict[int, dict[str, Declared]] = {}
        self._bases: dict[int, ast.Arch | None] = {}
        self._set: set[str] = set()
        self._complete = True
        captions = _captions(definitions)
        self._texts = [Text(file, definitions.operators, self._found, captions=captions) for file in definitions.files]
        self._edited = _Edited(self._texts)
        try:
            self._run(edits)
        except RecursionError:  # limits above the default ones, or little of the stack left by the caller
            self._complete = False

    def _run(self, edits: Sequence[ast.Edit]) -> None:
        for text in self._texts:
            text.top()
        for text in self._texts:
            for item in text.file.file.items:
                if isinstance(item, ast.Block | ast.Arch):
                    self._parameters[id(item)] = text.define(item)
                elif isinstance(item, ast.About):
                    text.about(item)
        for text in self._texts:
            for item in text.file.file.items:
                if isinstance(item, ast.Variant):
                    self._variant(item, text)
        self._edits(edits, self._texts[0], None)

    # --- variants and edits ----------------------------------------------------------------------------------------------

    def _variant(self, variant: ast.Variant, text: Text) -> None:
        if variant.base.id not in text.file.networks:
            self._found.tell(lambda: unknown_base(variant.base, text.file.networks))
        if variant.about is not None:
            text.about(variant.about)
        self._edits(variant.edits, text, self._arch(variant, text.file))

    def _arch(self, variant: ast.Variant, file: FileScope) -> ast.Arch | None:
        """The ``arch`` that a variant comes down to; None where its bases are unknown or go in a circle."""
        passed: list[int] = []
        definition: NetworkDefinition | None = NetworkDefinition(variant, file, {})
        while definition is not None and isinstance(definition.network, ast.Variant):
            each = definition.network
            if id(each) in self._bases:
                break
            self._bases[id(each)] = None
            passed.append(id(each))
            definition = definition.file.networks.get(each.base.id)
        if definition is None:
            return None
        network = definition.network
        arch = self._bases[id(network)] if isinstance(network, ast.Variant) else network
        self._bases.update(dict.fromkeys(passed, arch))
        return arch

    def _edits(self, edits: Sequence[ast.Edit], text: Text, arch: ast.Arch | None) -> None:
        if not edits:
            return
        inside = _EditText(text, self._definitions.operators, self._edited)
        parameters = self._parameters.get(id(arch), {})
        for edit in edits:
            if isinstance(edit, ast.Set):
                self._set_value(edit, text, inside, arch, parameters)
            elif isinstance(edit, ast.Replace | ast.Insert):
                inside.pipe(edit.step, inside.braces())

    def _set_value(
        self, edit: ast.Set, text: Text, inside: "_EditText", arch: ast.Arch | None, parameters: dict[str, Declared]
    ) -> None:
        """``set name = value`` sees the names of its file alone, ``set path:argument = value`` the network's parameters too."""
        if edit.path is None:
            text.expr(edit.value, text.braces())
            if arch is not None and edit.name.id not in parameters:
                self._found.tell(lambda: unknown_parameter(arch, edit.name.id, edit.name.span))
            return
        self._set.add(edit.name.id)
        (inside if arch is None else text).expr(edit.value, text.braces(None, parameters))

    # --- results ---------------------------------------------------------------------------------------------------------

    def faults(self) -> tuple[Diagnostic, ...]:
        """The faults, by file and place."""
        found = self._found
        if not self._complete:
            return ()
        counted = list(found.faults)
        for index, others in found.repeats.values():
            if others and index < len(counted):
                counted[index] = _with_others(counted[index], others)
        counted += [each for name, each in found.taps_wanted if name not in self._edited.made]
        counted += [each for name, each in found.arguments_wanted if name not in self._set]
        order = {text.file.file.source: index for index, text in enumerate(self._texts)}
        return tuple(sorted(counted, key=lambda each: _place(each, order)))

    def unread(self) -> tuple[Diagnostic, ...]:
        """Warnings on the main file, in the order of its text; none beside faults, which may be their cause."""
        if not self._complete or self.faults():
            return ()
        main = self._texts[0]
        items = main.file.file.items
        is_library = not any(isinstance(item, ast.Arch | ast.Variant) for item in items)
        kinds = ("tap", "parameter") if is_library else ("tap", "parameter", "constant", "import")
        found = (each for each in main.declared if not each.used and (each.kind in kinds or each.owner))
        warnings = [_unread(each) for each in found if each.kind not in ("input", "index")]
        for item in () if is_library else items:
            if isinstance(item, ast.Import):
                blocks = (each.alias for each in item.names if each.alias.id in main.file.blocks)
                warnings += [_unread(Declared("import", each.id, each.span)) for each in blocks if each.id not in main.called]
        return tuple(sorted(warnings, key=lambda each: _place(each, {})))


def _place(each: Diagnostic, order: Mapping[Source, int]) -> tuple[int, int]:
    if each.primary is None:
        return (len(order), 0)
    return (order.get(each.primary.span.source, len(order)), each.primary.span.start)


def _with_others(first: Diagnostic, others: int) -> Diagnostic:
    return replace(first, notes=(*first.notes, f"{others} more use{'' if others == 1 else 's'} of it"))


def _unread(declared: Declared) -> Diagnostic:
    name = declared.name
    if declared.kind == "tap":
        help_ = f"delete `tap {name}`, or take the value up with `from {name}`"
        return Diagnostic("W106", f"tap `{name}` is never read", Label(declared.span), help=help_, severity="warning")
    what = {"parameter": f"parameter `{name}` of `{declared.owner}`", "import": f"import `{name}`"}
    message = f"{what.get(declared.kind, f'`let {name}`')} is never used"
    return Diagnostic("W107", message, Label(declared.span), help="use it or delete it", severity="warning")


def _captions(definitions: Definitions) -> bool:
    """Whether every caption is evaluated for the networks as declared: none is where there is no network.

    One whose input has a symbolic size may get all of its sizes from the caller, and then no caption is looked at.
    """
    arches = [(item, text) for text in definitions.files for item in text.file.items if isinstance(item, ast.Arch)]
    return bool(arches) and not any(_has_symbolic_size(arch, text) for arch, text in arches)


def _has_symbolic_size(arch: ast.Arch, file: FileScope) -> bool:
    values = {*(parameter.name.id for parameter in arch.parameters), *file.top.values.own}
    inputs = (each for each in arch.body.statements if isinstance(each, ast.Input))
    named = (dim for each in inputs for dim in each.dims[1:] if dim.name is not None)
    return any(dim.value is not None or (dim.name is not None and dim.name.id not in values) for dim in named)


class _Edited:
    """What texts of edits may meet: every name that any text of the program binds, and the taps that edits make themselves."""

    def __init__(self, texts: Sequence[Text]) -> None:
        self.texts = texts
        self.made: set[str] = set()
        self._declared: dict[str, list[Declared]] | None = None

    def declared(self, name: str) -> list[Declared]:
        """Everything of this name, in whatever text."""
        if self._declared is None:
            self._declared = {}
            for text in self.texts:
                for each in text.declared:
                    self._declared.setdefault(each.name, []).append(each)
        return self._declared.get(name, [])


class _EditText(Text):
    """The texts of edits, which see the names of the place that they come to stand in, wherever that is."""

    def __init__(self, text: Text, operators: Mapping[str, type[Op]], edited: _Edited) -> None:
        super().__init__(text.file, operators, text.found, captions=False)
        self.values, self.called, self.defaults = text.values, text.called, text.defaults
        self._edited = edited

    def _unknown_callee(self, name: ast.Name) -> None:
        if not any(name.id in text.file.blocks for text in self._edited.texts):
            super()._unknown_callee(name)

    def _tap(self, name: ast.Name, braces: Braces) -> None:
        self._edited.made.add(name.id)
        braces.taps[name.id] = Declared("tap", name.id, name.span)

    def _unknown_value(self, name: ast.Name, braces: Braces) -> None:
        known = self._edited.declared(name.id)
        for each in known:
            each.used = True
        if not known:
            super()._unknown_value(name, braces)

    def _unknown_tap(self, name: ast.Name, braces: Braces) -> None:
        known = [each for each in self._edited.declared(name.id) if each.kind in ("tap", "input")]
        for each in known:
            each.used = True
        if not known:
            super()._unknown_tap(name, braces)


def beside(names: Sequence[Diagnostic], met: Sequence[Diagnostic]) -> tuple[Diagnostic, ...]:
    """The faults that elaboration has ``met``, in its order, then the ``names`` found by :func:`scan` that it did not reach.

    A name told by both is told once, and so is one that is used many times.
    """
    waiting = {(each.code, each.primary.span): each for each in names if each.primary is not None}
    words = {(each.code, each.message, each.primary.span.source) for each in waiting.values() if each.primary is not None}
    found: list[Diagnostic] = []
    for each in met:
        span = None if each.primary is None else each.primary.span
        same = None if span is None else waiting.pop((each.code, span), None)
        if same is not None:
            found.append(replace(each, notes=same.notes) if each.code == "E0201" else each)  # it has counted all uses
        elif span is None or each.code != "E0201" or (each.code, each.message, span.source) not in words:
            found.append(each)
    told = {cause(each) for each in found}
    for each in waiting.values():
        if each.code not in ONE_FOR_ALL_USES or cause(each) not in told:
            found.append(each)
            told.add(cause(each))
    return tuple(found)
