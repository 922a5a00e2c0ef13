"""``archdsl.load`` and what it returns, custom operators included."""

import gc
import sys
import types
from pathlib import Path
from typing import ClassVar

import pytest

from archdsl import ArchError, load, pipeline
from archdsl.ir import Cost, Op
from archdsl.ops import BY_KEYWORD
from archdsl.source import Source

TEXT = "arch t(k = 1, input = 2) { input x: [N, 3, 8, 9]; a: conv(4*k*input, 1x1); output y }"
SPEC = Source("t.arch", TEXT)


class Twice(Op):
    keyword: ClassVar[str] = "twice"
    family: ClassVar[str] = "activation"

    def infer(self, inputs):
        return inputs[0]

    def cost(self, inputs, output):
        return self.moved(inputs, output, mul=output.elements)


OPERATOR_FILE = """
from typing import ClassVar
from archdsl.ir import Op

class Half(Op):
    keyword: ClassVar[str] = "half"
    family: ClassVar[str] = "activation"
    by: int = 2

    def infer(self, inputs):
        return inputs[0]

    def cost(self, inputs, output):
        return self.moved(inputs, output, div=output.elements)

OPERATORS = (Half,)
"""

USES_TWICE = Source("u.arch", "arch u() { input x: [N, 3, 8, 9]; a: twice; output y }")
USES_HALF = Source("u.arch", "arch u() { input x: [N, 3, 8, 9]; a: half(by=4); output y }")


def code_of(call):
    with pytest.raises(ArchError) as raised:
        call()
    return raised.value.diagnostics[0].code, str(raised.value)


# --- networks ------------------------------------------------------------------------------------------------------------


def test_a_network_answers_for_itself():
    net = load(SPEC)
    assert (net.name, net.inputs, net.outputs) == ("t", {"x": (3, 8, 9)}, {"y": (8, 8, 9)})
    assert (net.params, net.macs, net.depth) == (3 * 8 + 8, 72 * 3 * 8, 1)
    assert net.report is net.report
    assert net.summary().startswith("t: x [3, 8, 9] -> y [8, 8, 9]\n")
    assert repr(net) == "<Network t: x [3, 8, 9] -> y [8, 8, 9]; 32 params, 1.73 k MACs, depth 1>"
    assert net.fingerprint == load(SPEC).fingerprint != load(SPEC, k=2).fingerprint


def test_a_network_is_frozen():
    with pytest.raises(AttributeError):
        load(SPEC).graph = None


def test_parameters_and_sizes_reach_the_network():
    assert load(SPEC, k=3).outputs == {"y": (24, 8, 9)}
    assert load(SPEC, input=(3, 5, 6)).outputs == {"y": (8, 5, 6)}
    assert load(SPEC, input={"x": (5, 5, 6)}).params == 5 * 8 + 8


def test_a_parameter_may_bear_the_name_of_a_keyword():
    assert load(SPEC, parameters={"input": 1}, k=5).outputs == {"y": (20, 8, 9)}
    with pytest.raises(TypeError, match="`k` is given twice"):
        load(SPEC, parameters={"k": 1}, k=1)


def test_a_spec_may_be_a_path(tmp_path):
    path = tmp_path / "t.arch"
    path.write_text(TEXT, encoding="utf-8")
    assert load(path).params == load(str(path)).params == load(SPEC).params
    assert code_of(lambda: load(Path("inception_v4")))[0] == "E0601"  # a path is never a bundled name


def test_a_spec_imports_what_lies_beside_it(tmp_path, monkeypatch):
    (tmp_path / "part.arch").write_text("block P() { c: conv(5, 1x1) }", encoding="utf-8")
    text = 'from "part.arch" import P\narch t() { input x: [N, 3, 8, 9]; a: P(); output y }'
    (tmp_path / "t.arch").write_text(text, encoding="utf-8")
    assert load(tmp_path / "t.arch").outputs == {"y": (5, 8, 9)}
    monkeypatch.chdir(tmp_path)
    assert load("t.arch").outputs == {"y": (5, 8, 9)}
    assert code_of(lambda: load(Source("t.arch", text)))[0] == "E0601"  # a text has no folder


def test_one_of_several_networks_is_picked_by_name():
    text = "".join(f"arch {name}() {{ input x: [N, {size}, 8, 9]; r: relu; output y }}\n" for name, size in (("p", 3), ("q", 4)))
    source = Source("several.arch", text)
    assert load(source, variant="q").inputs == {"x": (4, 8, 9)}
    assert load(Source("p.arch", text)).inputs == {"x": (3, 8, 9)}
    code, said = code_of(lambda: load(source))
    assert code == "E0503"
    assert "`p`, `q`" in said


def test_bundled_networks_load_by_name():
    assert set(pipeline.bundled()) >= {"inception_v4", "inception_resnet_v2"}
    assert load("inception_v4").params == 42_679_816
    code, said = code_of(lambda: load("inception_4"))
    assert code == "E0601"
    assert "did you mean `inception_v4`?" in said


@pytest.mark.parametrize("enabled", [True, False])
@pytest.mark.parametrize("spec", [SPEC, Source("bad.arch", "arch (")])
def test_the_collector_is_left_as_it_was(enabled, spec):
    was = gc.isenabled()
    try:
        (gc.enable if enabled else gc.disable)()
        try:
            load(spec)
        except ArchError:
            assert spec is not SPEC
        assert gc.isenabled() == enabled
    finally:
        (gc.enable if was else gc.disable)()


def test_diagnose_tells_every_fault_once():
    block = "block B() { c: conv(1.5, 1x1) }\n"
    text = block + "".join(f"arch {name}() {{ input x: [N, 3, 8, 9]; b: B(); output y }}\n" for name in "pq")
    names, diagnostics = pipeline.diagnose(Source("several.arch", text))
    assert names == ("p", "q")
    assert [each.code for each in diagnostics] == ["E0401"]


# --- custom operators ----------------------------------------------------------------------------------------------------


def module(**content):
    made = types.ModuleType("made_up")
    made.__dict__.update(content)
    return made


@pytest.mark.parametrize("ops", [Twice, [Twice], module(OPERATORS=(Twice,)), [module(OPERATORS=(Twice,)), Twice]])
def test_operators_are_enabled_by_the_caller(ops):
    assert load(USES_TWICE, ops=ops).report.nodes[1].kind == "twice"
    assert code_of(lambda: load(USES_TWICE))[0] == "E0201"


def test_operators_come_from_a_file(tmp_path):
    path = tmp_path / "own.py"
    path.write_text(OPERATOR_FILE, encoding="utf-8")
    for ops in (str(path), path, [path]):
        assert load(USES_HALF, ops=ops).report.nodes[1].cost.div == 3 * 8 * 9


def test_operators_come_from_a_module_by_name(tmp_path, monkeypatch):
    (tmp_path / "own_operators_by_name.py").write_text(OPERATOR_FILE, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    assert load(USES_HALF, ops="own_operators_by_name").report.nodes[1].kind == "half"


@pytest.mark.parametrize("text, reason", [("1/0", "ZeroDivisionError"), ("def", "SyntaxError"), ("import no_such", "no_such")])
def test_a_module_that_cannot_be_imported_says_why(tmp_path, text, reason):
    path = tmp_path / "broken_operators.py"
    path.write_text(text, encoding="utf-8")
    code, said = code_of(lambda: load(SPEC, ops=str(path)))
    assert code == "E0506"
    assert reason in said
    assert not [name for name in sys.modules if "broken_operators" in name]


def like(**more):
    return type("Like", (Twice,), {"__annotations__": dict.fromkeys(more, ClassVar[object]), "__module__": __name__, **more})


class WithoutKeyword(Op):
    family: ClassVar[str] = "activation"

    def infer(self, inputs):
        return inputs[0]

    def cost(self, inputs, output):
        return Cost()


class WithoutFamily(WithoutKeyword):
    keyword: ClassVar[str] = "bare"
    family: ClassVar[str] = None


class WithoutMethods(Op):
    keyword: ClassVar[str] = "empty"
    family: ClassVar[str] = "activation"


@pytest.mark.parametrize(
    "operator, reason",
    [
        (int, "no subclass"),
        ("not imported".split, "no subclass"),
        (WithoutKeyword, "no `keyword`"),
        (WithoutFamily, "no `family`"),
        (WithoutMethods, "does not define `cost`, `infer`"),
        (like(keyword="two words"), "no name"),
        (like(keyword="größer"), "no name"),
        (like(keyword="k" * 65), "no name"),
        (like(keyword="repeat"), "keeps for itself"),
        (like(keyword="in"), "keeps for itself"),
        (like(keyword="conv"), "another operator has"),
        (like(keyword="input"), "keeps for itself"),
        (like(onnx=lambda self, inputs, output: None), "defines `onnx` without all its parameters"),
        (like(weights=3), "defines `weights` without all its parameters"),
        (like(positional=("by",)), "names `by` in `positional`"),
    ],
)
def test_an_operator_that_does_not_fit_is_refused(operator, reason):
    code, said = code_of(lambda: load(SPEC, ops=[operator]))
    assert code == "E0506"
    assert reason in said


def test_a_module_without_operators_is_refused():
    code, said = code_of(lambda: load(SPEC, ops=module()))
    assert code == "E0506"
    assert "OPERATORS" in said


def test_two_operators_of_one_keyword_are_refused_and_one_given_twice_is_not():
    assert pipeline.operators([Twice, Twice])["twice"] is Twice
    assert "another operator has" in code_of(lambda: pipeline.operators([Twice, like()]))[1]
    assert "twice" not in BY_KEYWORD


# --- PyTorch -------------------------------------------------------------------------------------------------------------


def test_the_module_is_the_emitted_source():
    torch = pytest.importorskip("torch", reason="needs torch")
    net = load(SPEC)
    model = net.to_torch()
    assert isinstance(model, torch.nn.Module)
    assert model(torch.zeros(2, 3, 8, 9)).shape == (2, 8, 8, 9)
    assert set(model.state_dict()) == {"a.weight", "a.bias"}


def test_without_torch_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "archdsl.backends.torch.live", raising=False)
    with pytest.raises(pipeline.MissingExtra, match=r'pip install "archdsl\[torch\]"'):
        load(SPEC).to_torch()
