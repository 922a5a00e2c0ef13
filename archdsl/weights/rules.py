"""Rule files: how a library names the weights of a family of networks, as a small TOML file.

::

    source = "timm"                    # what the layout is asked for by
    layout = "torch"                   # torch, keras or tf-slim: names of variables and order of axes
    [networks]
    inception_v4 = "inception_v4"      # ours = theirs
    [layers]
    "a[i].b3.{r,c}" = "features.{6+i}.branch1.{0,1}"     # see `names`; `{name}` is the name of their network
    "fc" = { to = "head.fc", as = "conv" }               # over there, this layer is a 1x1 convolution
    [parameters]                       # what decides the function that such weights compute
    count_pad = true
    [below]                            # what stands below a layer, where theirs differs
    bn = "BatchNorm"
    [unused]                           # what may be left over: always, or where we have nothing at a path
    always = ["global_step"]
    aux = ["AuxLogits.*"]

Further keys: ``background`` (our layers whose classes may begin with one more over there), ``gamma = false`` (their batch
normalisation has no scale), ``conv_bias = true`` (their convolutions before a batch normalisation have a bias), ``numbered``
(stems of names that their library numbers by itself), ``note`` (what the user of such weights should know).
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from archdsl.diagnostics import ArchError, error
from archdsl.ir.weights import Shape
from archdsl.source import Source, Span
from archdsl.weights.layout import LAYOUTS, Layout
from archdsl.weights.names import BadRule, Rule

_BYTES = 1 << 18
_KEYS = {
    "source": (str, list),
    "layout": (str,),
    "note": (str,),
    "gamma": (bool,),
    "conv_bias": (bool,),
    "background": (list,),
    "numbered": (list,),
    "networks": (dict,),
    "layers": (dict,),
    "below": (dict,),
    "unused": (dict,),
    "parameters": (dict,),
}


@dataclass(frozen=True, eq=False)
class Rules:
    """A rule file as read."""

    file: Source
    sources: tuple[str, ...]
    layout: Layout
    networks: Mapping[str, str]
    layers: tuple[Rule, ...]
    below: Mapping[str, str] = field(default_factory=dict)
    unused: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    background: tuple[str, ...] = ()
    numbered: tuple[str, ...] = ()
    gamma: bool = True
    conv_bias: bool = False
    note: str = ""

    def fault(self, message: str, key: str = "") -> ArchError:
        """E0710 at the place where ``key`` is written."""
        return fault_in(self.file, message, key)


def shipped(folder: Path) -> tuple[Rules, ...]:
    """The rule files in ``folder``, in the order of their names."""
    return tuple(read(path) for path in sorted(folder.glob("*.toml")))


def read(path: Path) -> Rules:
    """The rule file at ``path``; raises E0709 where it cannot be read, E0710 where it makes no sense."""
    try:
        if not path.is_file():
            raise error("E0709", f"there is no file of rules `{path}`")
        with path.open("rb") as file:
            data = file.read(_BYTES + 1)
    except OSError as fault:
        raise error("E0709", f"`{path}` cannot be read: {fault.strerror}") from None
    if len(data) > _BYTES:
        raise error("E0709", f"`{path}` has more than {_BYTES:,} bytes, too many for a file of rules")
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise error("E0709", f"`{path}` is not UTF-8 text") from None
    return parse(Source(str(path), text))


def parse(file: Source) -> Rules:
    """The rules that a text holds; raises E0710."""
    try:
        table = tomllib.loads(file.text)
    except (tomllib.TOMLDecodeError, RecursionError) as fault:
        raise fault_in(file, f"the rules are not TOML: {fault}") from None
    for key, value in table.items():
        if key not in _KEYS:
            raise fault_in(file, f"`{key}` is no key of a file of rules", key)
        if not isinstance(value, _KEYS[key]):
            raise fault_in(file, f"`{key}` is of the wrong kind", key)
    for key in ("source", "layout", "networks", "layers"):
        if key not in table:
            raise fault_in(file, f"`{key}` is missing")
    if table["layout"] not in LAYOUTS:
        raise fault_in(file, f"`layout` is {', '.join(LAYOUTS)}, not `{table['layout']}`", "layout")
    source = table["source"]
    return Rules(
        file,
        _texts(file, "source", [source] if isinstance(source, str) else source),
        LAYOUTS[table["layout"]],
        _names(file, table["networks"]),
        tuple(_rule(file, pattern, value) for pattern, value in table["layers"].items()),
        _names(file, table.get("below", {})),
        {key: _texts(file, key, value) for key, value in table.get("unused", {}).items()},
        dict(table.get("parameters", {})),
        _texts(file, "background", table.get("background", [])),
        _texts(file, "numbered", table.get("numbered", [])),
        table.get("gamma", True),
        table.get("conv_bias", False),
        table.get("note", ""),
    )


def _texts(file: Source, key: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise fault_in(file, f"`{key}` is a list of texts", key)
    return tuple(value)


def _names(file: Source, table: Mapping[str, Any]) -> dict[str, str]:
    for key, value in table.items():
        if not isinstance(value, str):
            raise fault_in(file, f"`{key}` is not a text", key)
    return dict(table)


def _rule(file: Source, pattern: str, value: Any) -> Rule:
    if isinstance(value, str):
        return Rule(pattern, value)
    if not isinstance(value, dict) or not value.keys() <= {"to", "as"} or not isinstance(value.get("to"), str):
        raise fault_in(file, f'the rule for `{pattern}` is neither a text nor {{ to = "…", as = "conv" }}', pattern)
    if value.get("as") not in (None, "conv", "linear"):
        raise fault_in(file, f"`as` is conv or linear, not `{value['as']}`", pattern)
    return Rule(pattern, value["to"], value.get("as"))


def check(rules: Rules, numbers: Mapping[str, int], name: str) -> tuple[Rule, ...]:
    """The rules for one network, ``{name}`` replaced by what it is called over there; raises E0710 for one that means nothing."""
    found = []
    for rule in rules.layers:
        filled = Rule(rule.pattern, rule.template.replace("{name}", name), rule.kind)
        try:
            filled.check(numbers)
        except BadRule as fault:
            raise rules.fault(f"the rule for `{rule.pattern}`: {fault}", rule.pattern) from None
        found.append(filled)
    return tuple(found)


def fault_in(file: Source, message: str, key: str = "") -> ArchError:
    """E0710 at the place where ``key`` is first written, or at the beginning of the file."""
    for written in (f'"{key}"', f"[{key}]", f"{key} =") if key else ():
        start = file.text.find(written)
        if start >= 0:
            return error("E0710", message, Span(file, start, start + len(written.removesuffix(" ="))))
    return error("E0710", message, Span(file, 0, min(1, len(file.text))))


def text_of(shape: Shape) -> str:
    """A shape as reports show it."""
    return f"[{', '.join(map(str, shape))}]"
