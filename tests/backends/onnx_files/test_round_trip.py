"""An ONNX file gives back the network that it was written from, wherever it is read and whatever became of the specs."""

import math
import shutil
from pathlib import Path

import numpy as np
import pytest

import archdsl
from archdsl import ArchError, pipeline, syntax
from archdsl.elaborate import networks
from archdsl.source import Source
from tests.backends.onnx_files.models import network, record_of, same, with_record, written

EXAMPLES = Path(__file__).parents[3] / "examples"
NAMES = [(name, each) for name in pipeline.bundled() for each in networks(pipeline.read(name))]
SMALL = 8_000_000
POOL = np.random.default_rng(0).standard_normal(1_000_003, np.float32)


def weights_of(net):
    """Values for every weight, different from one to the next, made faster than first values are."""
    found = {}
    for number, each in enumerate(net.weight_maps("native")[0].recipes):
        size = math.prod(each.shape)
        values = POOL[number : number + size] if number + size <= POOL.size else np.resize(POOL[number:], size)
        found[each.ours] = np.array(number + 1) if each.shape == () else values.reshape(each.shape)
    return found


def check(net, path, weights=None):
    """What was read back is ``net``: graph, choices, source and every bit of its weights."""
    back = archdsl.load(path)
    assert back.fingerprint == net.fingerprint and back.name == net.name
    assert back.record == net.record
    assert back.to_torch_source() == net.to_torch_source()
    assert back.hits == net.hits and back.inputs == net.inputs
    if weights is not None:
        assert same(back.weights(), weights)
    return back


@pytest.mark.parametrize("name, variant", NAMES)
def test_every_bundled_network_comes_back(tmp_path, name, variant):
    net = archdsl.load(name, variant=variant)
    path = tmp_path / "net.onnx"
    net.save_onnx(path, structure=True)
    back = check(net, path)
    assert not back.file.entries
    if net.params <= SMALL:
        weights = weights_of(net)
        net.save_onnx(path, weights, "native")
        check(net, path, weights)


@pytest.mark.evidence
@pytest.mark.parametrize("name, variant", NAMES)
def test_every_bundled_network_comes_back_with_its_weights(tmp_path, name, variant):
    net = archdsl.load(name, variant=variant)
    weights = weights_of(net)
    for external in (None, 1 << 20):
        net.save_onnx(tmp_path / "net.onnx", weights, "native", external=external)
        check(net, tmp_path / "net.onnx", weights)


@pytest.mark.parametrize(
    "spec, choices",
    [
        ("inception_v4", {"edits": ["drop a[1..3]", "drop b[1..6]", "set c[*].b1:c = 200"], "classes": 10}),
        ("inception_v3", {"input": (3, 139, 155), "count_pad": True, "edits": "drop a"}),
        ("resnet20", {"n": 2, "input": {"image": (3, 24, 40)}}),
        ("lenet5", {"classes": Source("<command line>", "2 * 5 + 1")}),
        ("squeezenet1_1", {"variant": "caffe", "edits": ["replace fire5 with fire5: conv(128, 3x3)", "drop fire9"]}),
    ],
)
@pytest.mark.parametrize("more", [{}, {"flat": True, "opset": 13}])
def test_choices_come_back(tmp_path, spec, choices, more):
    net = archdsl.load(spec, **choices)
    path = tmp_path / "net.onnx"
    weights = weights_of(net)
    net.save_onnx(path, weights, "native", auxiliary=True, **more)
    back = check(net, path, weights)
    back.save_onnx(tmp_path / "again.onnx", auxiliary=True, **more)
    assert (tmp_path / "again.onnx").read_bytes() == path.read_bytes()


def test_torch_has_the_weights(tmp_path):
    torch = pytest.importorskip("torch")
    module = network().to_torch()
    with torch.no_grad():
        module.n.running_mean.add_(2)
        module.n.num_batches_tracked.fill_(77)
    path = tmp_path / "net.onnx"
    network().save_onnx(path, module.state_dict())
    after = archdsl.load(path).to_torch().state_dict()
    for name, value in module.state_dict().items():
        assert torch.equal(after[name], value), name
    assert same(archdsl.load(path).weights(), {name: each.numpy() for name, each in module.state_dict().items()})


def test_without_a_file_weights_are_first_values():
    from archdsl.weights.initialise import initial

    assert same(network().weights(4), initial(network().graph, 4))


def test_what_auxiliary_outputs_need_may_be_absent(tmp_path):
    net = archdsl.load("googlenet", aux=True)
    weights = weights_of(net)
    net.save_onnx(tmp_path / "net.onnx", weights, "native")
    back = archdsl.load(tmp_path / "net.onnx")
    after = back.weights(1)
    assert after.keys() == weights.keys()
    differing = {name for name in weights if not np.array_equal(after[name], weights[name])}
    assert 0 < len(differing) < 20
    first = net.weights(1)
    assert all(name.startswith("aux") and np.array_equal(after[name], first[name]) for name in differing)


def test_specs_of_ones_own_with_imports_from_everywhere(tmp_path, monkeypatch):
    folder = tmp_path / "mine"
    (folder / "parts").mkdir(parents=True)
    (folder / "parts" / "width.arch").write_text("let width = 24\n")
    (folder / "parts" / "tower.arch").write_text(
        'from "width.arch" import width\nfrom "lib/inception.arch" import cbr\nblock tower() {\n  c: cbr(width, 3x3)\n}\n'
    )
    (folder / "net.arch").write_text(
        'from "parts/tower.arch" import tower\nfrom "parts/width.arch" import width as w\n'
        "arch mine() {\n  input image: [N, 3, 20, 30]\n  t: tower\n  c: conv(w, 1x1)\n  output y\n}\n"
    )
    monkeypatch.chdir(tmp_path)
    net = archdsl.load("mine/net.arch")
    assert [each.path for each in net.record.texts] == [
        "net.arch",
        "parts/tower.arch",
        "parts/width.arch",
        "library/lib/inception.arch",
    ]
    assert archdsl.load(str(folder / "net.arch")).record == net.record
    path = tmp_path / "net.onnx"
    net.save_onnx(path)
    weights = net.weights()
    shutil.rmtree(folder)
    monkeypatch.chdir("/")
    check(net, path, weights)


def test_no_other_file_is_looked_at_and_the_library_is_the_one_of_then(tmp_path, monkeypatch):
    net = archdsl.load("inception_v4", edits=["drop a[1..3]", "drop b[1..6]", "drop c[1..2]"])
    net.save_onnx(tmp_path / "net.onnx")

    def forbidden(*_, **__):
        raise AssertionError("a spec was sought in a file")

    monkeypatch.setattr(syntax.program, "read_file", forbidden)
    monkeypatch.setattr(syntax, "read_file", forbidden)
    monkeypatch.setattr(pipeline, "library", lambda: tmp_path / "gone")
    check(net, tmp_path / "net.onnx", net.weights())


def test_faults_of_later_edits_are_shown_in_the_recorded_text(tmp_path):
    written(tmp_path / "net.onnx")
    with pytest.raises(ArchError) as raised:
        archdsl.load(tmp_path / "net.onnx", edits="set c:channels = 0")
    assert f"{tmp_path}/net.onnx/small.arch" in str(raised.value)


def test_edits_on_top_keep_the_weights_that_fit(tmp_path):
    path = written(tmp_path / "net.onnx", seed=9)
    before = archdsl.load(path).weights()
    net = archdsl.load(path, edits=["drop n", "replace fc with linear(3)"], width=8)
    assert [each.path for each in net.record.texts] == ["small.arch"]
    assert net.record.edits == ("drop n", "replace fc with linear(3)")
    after = net.weights(2)
    kept = (set(after) & set(before)) - {"fc.weight", "fc.bias"}
    assert kept and all(np.array_equal(after[name], before[name]) for name in kept)
    assert set(after) - kept == {"fc.weight", "fc.bias"}
    (note,) = [each for each in net.notes if each.code == "E0708"]
    assert note.severity == "warning" and "`fc.weight`" in note.notes[0] and "`n.weight`" in note.notes[1]
    net.save_onnx(tmp_path / "edited.onnx", seed=2)
    check(net, tmp_path / "edited.onnx", after)
    state = {name: each.numpy() for name, each in net.to_torch().state_dict().items()}
    assert all(np.array_equal(state[name], before[name]) for name in kept)


def test_an_edit_that_changes_nothing_that_has_weights_is_not_noted(tmp_path):
    net = archdsl.load(written(tmp_path / "net.onnx"), input=(3, 20, 20))
    assert not [each for each in net.notes if each.code == "E0708"]
    assert same(net.weights(), network().weights())


def test_choices_replace_those_that_are_recorded(tmp_path):
    network(classes=7, width=4, edits="drop n").save_onnx(tmp_path / "net.onnx")
    net = archdsl.load(tmp_path / "net.onnx", classes=9, edits="drop b[1]")
    assert net.outputs == {"logits": (9,)} and dict(net.graph.arguments) == {"width": 4, "classes": 9}
    assert net.record.edits == ("drop n", "drop b[1]") and "n" not in net.graph
    assert archdsl.load(tmp_path / "net.onnx").hits == (("drop n", 1),)


def test_custom_operators_are_named_and_never_stored(tmp_path):
    folder = EXAMPLES / "own_operator"
    (spec,) = folder.glob("*.arch")
    net = archdsl.load(spec, ops=folder / "gem.py")
    assert net.record.operators == ("gem",)
    path = tmp_path / "net.onnx"
    net.save_onnx(path)
    assert b"class " not in path.read_bytes() and b"import " not in path.read_bytes().replace(b'" import', b"")
    with pytest.raises(ArchError) as raised:
        archdsl.load(path)
    (found,) = raised.value.diagnostics
    assert found.code == "E0201" and "`gem`" in found.message and "--ops" in found.help
    back = archdsl.load(path, ops=folder / "gem.py")
    assert back.fingerprint == net.fingerprint and same(back.weights(), net.weights())


def test_labels_that_changed_places_find_their_own_weights(tmp_path):
    text = "arch x() {{\n  input i: [N, 8, 8, 8]\n  {0}: conv(8, 3x3)\n  {1}: conv(8, 3x3)\n  output y\n}}\n"
    net = network(text.format("r was c", "c was r"))
    net.save_onnx(tmp_path / "net.onnx", seed=5)
    assert same(archdsl.load(tmp_path / "net.onnx").weights(), net.weights(5))
    assert same(net.load_weights(tmp_path / "net.onnx"), net.weights(5))
    before = network(text.format("c", "r"))
    before.save_onnx(tmp_path / "before.onnx", seed=5)
    assert np.array_equal(net.load_weights(tmp_path / "before.onnx")["r.weight"], before.weights(5)["c.weight"])


def test_the_record_is_inert_json(tmp_path):
    found = record_of(written(tmp_path / "net.onnx"))
    assert found.keys() == {
        "format", "archdsl", "name", "fingerprint", "texts", "network", "input", "parameters", "edits", "operators", "renames",
    }  # fmt: skip
    assert found["texts"] == [{"path": "small.arch", "text": network().graph.sources[0].text, "imports": {}}]
    assert with_record(tmp_path / "net.onnx", found, tmp_path / "same.onnx").exists()
    check(network(), tmp_path / "same.onnx", network().weights())


def test_an_onnx_file_serves_as_weights(tmp_path):
    path = written(tmp_path / "net.onnx", seed=6)
    assert same(network().load_weights(path), network().weights(6))
    assert network().match_weights(path)[0].map.source == "native"
    with pytest.raises(ArchError):
        archdsl.load("lenet5").load_weights(path)
