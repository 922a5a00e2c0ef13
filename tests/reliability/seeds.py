"""Small sound texts that mutants are made from: every block of the bundled specs as a spec of its own, and the whole specs."""

from functools import cache
from pathlib import Path

from archdsl import pipeline, syntax
from archdsl.diagnostics import ArchError
from archdsl.source import Source
from archdsl.syntax import ast

_VALUES = {"k": "3x3", "stride": "1", "pad": "same", "scale": "0.1"}
_CALL = "\narch seed(n = 4) {{\n  input x: [N, 16, 64, 64]\n  b: {name}({arguments})\n  output y\n}}\n"

_EVERY_FORM = '''\
"""Doc."""
let eps = 1e-3
defaults conv(bias=false)
about { paper = "p"; top1 = 80.0 }
block A(c, k = 3x3, on = true) { conv(c, k, stride=if on then 2 else 1) -> bn(eps=eps) -> relu if c > 2 and not false }
arch all(w = 8) {
  input image: [N, 3, H = 32, 32]
  a was older: A(w)
  tap t
  expect [N, 8, 16, 16]
  m: repeat i in 3 concat { {}; c: conv(2 * i + 1, 3x3) }
  s: add { from t; r: conv(8, 1x1) }
  g: mul { {}; { global_avg_pool(keep=true); up: conv(in.c, 1x1); sigmoid } }
  side { h: conv(2, 1x1); output aux(weight = 0.3) }
  r: residual(scale=0.2, shortcut = { p: conv(8, 1x1) }) { q: conv(8, 1x1) }
  output y
}
variant v of all { set w = 12; set a:k = 5x5; drop m[1]; replace s with relu; insert bn after a }
'''
_UNET = (
    "arch unet() { input x: [N, 3, 16, 16]; d: conv(8, 3x3) -> tap s -> max_pool(2x2, stride=2); "
    "u: upsample(2) -> concat { k: {}; j: from s }; output y }\n"
)
LANGUAGE = (_EVERY_FORM, _UNET)
"""Specs that use every form of the language."""


@cache
def whole_specs() -> tuple[str, ...]:
    """The texts of all bundled specs."""
    return tuple(path.read_text(encoding="utf-8") for path in sorted(pipeline.library().glob("*.arch")))


@cache
def seeds() -> tuple[str, ...]:
    """Sound texts, none longer than a few dozen lines."""
    found = list(LANGUAGE)
    for path in sorted(pipeline.library().rglob("*.arch")):
        found += _blocks_of(path)
    return tuple(found)


def _blocks_of(path: Path) -> list[str]:
    """Each block of a file as a network of one step, with the blocks that it uses itself; those that stand alone."""
    file = syntax.parse(Source(str(path), path.read_text(encoding="utf-8")))
    blocks = {item.name.id: item for item in file.items if isinstance(item, ast.Block)}
    shared = [item.span.text for item in file.items if isinstance(item, ast.Import | ast.Defaults | ast.Let)]
    inside = "" if path.parent == pipeline.library() else path.parent.name
    found = []
    for block in blocks.values():
        used = _used_by(block, blocks)
        arguments = ", ".join(_VALUES.get(each.name.id, "8") for each in block.parameters if each.default is None)
        named = [each for each in block.parameters if each.default is None]
        if len(named) > 2:
            arguments = ", ".join(f"{each.name.id}={_VALUES.get(each.name.id, '8')}" for each in named)
        head = [text.replace('from "', f'from "{inside}/') if inside and text.startswith("from") else text for text in shared]
        text = "\n".join([*head, *(each.span.text for each in used)]) + _CALL.format(name=block.name.id, arguments=arguments)
        try:
            pipeline.load(Source("seed", text))
        except ArchError:
            continue
        found.append(text)
    return found


def _used_by(block: ast.Block, blocks: dict[str, ast.Block]) -> list[ast.Block]:
    """The blocks of the same file that ``block`` calls, directly or not, and itself, in the order of the file."""
    wanted = {block.name.id}
    while True:
        texts = " ".join(blocks[name].span.text for name in wanted)
        more = {name for name in blocks if f"{name}(" in texts or f" {name}\n" in texts} - wanted
        if not more:
            return [each for name, each in blocks.items() if name in wanted]
        wanted |= more
