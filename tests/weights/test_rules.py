"""Rule files: those that are shipped, and the faults of those that users write."""

import re

import pytest

from archdsl import ArchError, load, pipeline, weights
from archdsl.source import Source
from archdsl.weights.rules import parse
from tests.weights.conftest import RULES, small

FOLDER = pipeline.library() / "weights"
SHIPPED = {rules.file.path.rpartition("/")[2]: rules for rules in weights.shipped(FOLDER)}


def test_file_names_say_what_is_in_them():
    for name, rules in SHIPPED.items():
        assert re.fullmatch(r"[a-z0-9_]+\.(torchvision|timm|keras|tf-slim)\.toml", name)
        assert name.split(".")[1] in rules.sources


@pytest.mark.parametrize("name", SHIPPED)
def test_every_network_of_a_file_exists_and_every_rule_has_a_use(name):
    rules = SHIPPED[name]
    used = set()
    for network in rules.networks:
        spec, variant = ("squeezenet1_1", network) if network == "caffe" else (network, None)
        graph = load(spec, variant=variant).graph
        assert weights.build(graph, rules).uncovered == ()
        if "aux" in graph.arguments:
            graph = load(spec, variant=variant, aux=True).graph
        numbers = {key: value for key, value in graph.arguments.items() if type(value) is int}
        used |= {
            rule.pattern for rule in rules.layers for node in graph if node.weights and fits(rule, node.path, numbers, network)
        }
        assert rules.parameters.keys() <= graph.arguments.keys()
        assert set(rules.background) <= {node.path for node in graph}
    assert used == {rule.pattern for rule in rules.layers}


def fits(rule, path, numbers, network):
    return type(rule)(rule.pattern, rule.template.replace("{name}", network))(path, numbers) is not None


def test_an_unknown_source_names_the_known_ones():
    with pytest.raises(ArchError, match=r"no map from `torchvison` to `inception_v4`"):
        load("inception_v4").weight_maps("torchvison")
    with pytest.raises(ArchError, match="did you mean `tf-slim`"):
        load("inception_v4").weight_maps("tf_slim")
    assert [each.source for each in load("inception_v4").weight_maps()] == ["native", "tf-slim", "timm"]


FAULTS = {
    "= 1": ("the rules are not TOML", 1),
    RULES.replace('source = "other"\n', ""): ("`source` is missing", 1),
    RULES.replace('"torch"', '"caffe"'): ("`layout` is torch, keras, tf-slim, not `caffe`", 2),
    RULES.replace("[unused]", "[unsused]"): ("`unsused` is no key of a file of rules", 10),
    "gamma = 1\n" + RULES: ("`gamma` is of the wrong kind", 1),
    RULES.replace('small = "Small"', "small = 1"): ("`small` is not a text", 4),
    RULES.replace('["epoch"]', "[1]"): ("`always` is a list of texts", 11),
    RULES.replace('"head"', '{ as = "conv" }'): ("the rule for `fc` is neither", 9),
    RULES.replace('"head"', '{ to = "head", as = "pool" }'): ("`as` is conv or linear, not `pool`", 9),
    RULES.replace("{2*i+1}", "{2*j+1}"): ("`j` is not bound", 7),
    RULES.replace("{0,1}", "{0,1,2}"): ("3 alternatives", 6),
    RULES.replace('"fc" =', '"a[i].r" = "x"\n"fc" ='): ("both speak of `a[0].r.conv`", 9),
    RULES.replace("{2*i+1}", "7"): (
        "`a.0.r.conv.weight` and `a.1.r.conv.weight` would both be made from `blocks.7.reduce.conv.weight`",
        5,
    ),
    RULES.replace('"head"', '{ to = "head", as = "linear" }').replace('"stem', '"x'): (None, 0),
    RULES.replace('"stem.{conv,bn}" = "first.{0,1}"', '"stem" = { to = "first", as = "linear" }'): (
        "a 3x3 convolution cannot be stored as fully connected",
        2,
    ),
}


@pytest.mark.parametrize("text", FAULTS)
def test_a_fault_is_told_at_its_line(text):
    message, line = FAULTS[text]
    if message is None:
        weights.build(small().graph, parse(Source("other.toml", text)))
        return
    with pytest.raises(ArchError) as raised:
        weights.build(small().graph, parse(Source("other.toml", text)))
    (diagnostic,) = raised.value.diagnostics
    assert diagnostic.code == "E0710"
    assert message in diagnostic.message
    assert diagnostic.primary.span.line == line


def test_a_report_of_a_faulty_rule():
    with pytest.raises(ArchError) as raised:
        weights.build(small().graph, parse(Source("other.toml", RULES.replace("{2*i+1}", "{i=x}"))))
    assert str(raised.value) == (
        "error[E0710]: the rule for `a[i].{r,c}` at `a[1].r.conv`: `{i=x}` has no alternative number 1\n"
        " --> other.toml:7:1\n"
        "  |\n"
        '7 | "a[i].{r,c}" = "blocks.{i=x}.{reduce,convolve}"\n'
        "  | ^^^^^^^^^^^^"
    )


@pytest.mark.parametrize(
    "content, message", [(b"\xff", "not UTF-8"), (b"#" * 300_000, "too many"), (None, "there is no file of rules")]
)
def test_a_file_that_cannot_be_read(tmp_path, content, message):
    path = tmp_path / "x.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ArchError, match=message) as raised:
        small().weight_maps(str(path))
    assert raised.value.diagnostics[0].code == "E0709"


def test_deeply_nested_toml_is_refused():
    with pytest.raises(ArchError, match="not TOML"):
        parse(Source("x.toml", "a = " + "[" * 20_000))
