"""Where every value comes from: each way of giving one, and the whole way from its use to where it was first written."""

import pytest

import archdsl
from archdsl.diagnostics import ArchError
from archdsl.source import Source
from tests.elaborate.specs import arch, graph

CELL = "block Cell(w, k = 3x3, s = 1) { c: conv(w, k, stride=s) }"


def way(origin):
    """The texts at each place of a value's way, with who gave them and what their names stand for."""
    found = [(origin.given, origin.place.text if origin.place is not None else None)]
    for use in origin.uses:
        found.append((use.what, use.name, use.owner, use.value))
        found += way(use.origin) if use.origin is not None else []
    return found


def ways(body, path, before="", parameters="", **choices):
    found = graph(arch(body, before, parameters), **choices)
    return {name: way(origin) for name, origin in found[path].origins.items()}


def test_a_literal_is_where_it_stands():
    found = ways("c: conv(4, 3x3, stride=2)", "c")
    assert found == {"channels": [("call", "4")], "kernel": [("call", "3x3")], "stride": [("call", "2")]}


def test_a_parameter_leads_to_the_call_and_to_the_default():
    found = ways("a: Cell(8)", "a.c", CELL)
    assert found["channels"] == [("call", "w"), ("parameter", "w", "Cell", 8), ("call", "8")]
    assert found["stride"] == [("call", "s"), ("parameter", "s", "Cell", 1), ("default", "1")]


def test_a_value_handed_on_is_followed_to_its_end():
    outer = f"{CELL}\nblock Outer(n) {{ x: Cell(n) }}"
    found = ways("a: Outer(c)", "a.x.c", outer, parameters="c = 16")
    assert found["channels"] == [
        ("call", "w"),
        ("parameter", "w", "Cell", 16),
        ("call", "n"),
        ("parameter", "n", "Outer", 16),
        ("call", "c"),
        ("parameter", "c", "net", 16),
        ("default", "16"),
    ]


def test_an_expression_leads_to_each_of_its_names_once():
    found = ways("let w = 8\nc: conv(w*w + in.c, 1x1)", "c")
    assert found["channels"] == [
        ("call", "w*w + in.c"),
        ("let", "w", "", 8),
        ("call", "8"),
        ("size", "in.c", "", 3),
    ]


@pytest.mark.parametrize(
    "text, names",
    [
        ("if a > 1 then b else c", ["a", "b"]),
        ("if a > 9 then b else c", ["a", "c"]),
        ("if a > 1 or d // 0 > 2 then b else c", ["a", "b"]),
        ("if a > 9 and d // 0 > 2 then b else c", ["a", "c"]),
        ("min(a, max(b, 3)) * -c", ["a", "b", "c"]),
    ],
)
def test_only_what_counted_is_told(text, names):
    origin = graph(arch(f"let a = 4\nlet b = 5\nlet c = -6\nlet d = 7\nx: conv(max(1, {text}), 1x1)"))["x"].origins
    assert [use.name for use in origin["channels"].uses] == names


def test_the_size_that_enters_tells_of_which_value():
    found = graph(arch("a: conv(5, 1x1)\nb: { c: relu -> d: conv(in.c, 1x1) }"))
    (use,) = found["b.d"].origins["channels"].uses
    assert (use.name, use.value, use.node) == ("in.c", 5, "a")


def test_defaults_and_what_they_use():
    found = ways("let e = 1e-3\ndefaults bn(eps=e)\nb: bn", "b")
    assert found == {"eps": [("defaults", "e"), ("let", "e", "", 1e-3), ("call", "1e-3")]}


def test_a_repeat_tells_its_count_and_its_number():
    found = graph(arch("a: repeat i in n conv(i + 1, 1x1)", parameters="n = 2"))
    (scope,) = (each for each in found.scopes if each.kind == "repeat")
    assert way(scope.origins["count"]) == [("call", "n"), ("parameter", "n", "net", 2), ("default", "2")]
    assert way(found["a[1]"].origins["channels"]) == [("call", "i + 1"), ("index", "i", "", 1)]


def test_a_block_tells_of_arguments_and_of_defaults():
    found = graph(arch("a: Cell(8, s=2)", CELL))
    (scope,) = (each for each in found.scopes if each.kind == "block")
    assert {name: way(origin) for name, origin in scope.origins.items()} == {"w": [("call", "8")], "s": [("call", "2")]}
    assert {name: way(origin) for name, origin in scope.defaults.items()} == {"k": [("default", "3x3")]}


def test_edits_and_the_caller():
    body, parameters = "a: Cell(c)", "c = 4"
    by_path = ways(body, "a.c", CELL, parameters, edits="set a:w = 2*3")
    assert by_path["channels"] == [("call", "w"), ("parameter", "w", "Cell", 6), ("command line", "2*3")]
    by_name = ways(body, "a.c", CELL, parameters, edits="set c = 9")
    assert by_name["channels"][-1] == ("command line", "9")
    direct = archdsl.load(Source("net.arch", arch(body, CELL, parameters)), c=7).graph["a.c"].origins["channels"]
    assert way(direct)[-1] == ("command line", None)


@pytest.mark.parametrize("path", ["net.arch", "<stdin>"])
def test_a_variant_is_one_wherever_its_text_comes_from(path):
    text = arch("a: conv(c, 1x1)", parameters="c = 4") + "variant wide of net { set c = 8; set a:kernel = 3x3 }\n"
    found = archdsl.load(Source(path, text), variant="wide").graph["a"].origins
    assert way(found["channels"]) == [("call", "c"), ("parameter", "c", "net", 8), ("variant", "8")]
    assert way(found["kernel"]) == [("variant", "3x3")]


def test_an_input_tells_whether_the_caller_gave_its_size():
    body, declared = "a: relu", [("call", "[N, 3, 8, 8]")]
    assert way(graph(arch(body))["image"].origins["shape"]) == declared
    assert way(graph(arch(body), input=(3, 9, 9))["image"].origins["shape"]) == [("command line", None)]


def test_an_imported_constant_leads_into_its_file(tmp_path):
    (tmp_path / "common.arch").write_text("let tiny = 1e-3\nlet eps = tiny\n", encoding="utf-8")
    main = tmp_path / "net.arch"
    main.write_text('from "common.arch" import eps as e\n' + arch("b: bn(eps=e)"), encoding="utf-8")
    origin = archdsl.load(main).graph["b"].origins["eps"]
    assert way(origin) == [
        ("call", "e"),
        ("import", "e", "", 1e-3),
        ("call", "e"),
        ("let", "eps", "", 1e-3),
        ("call", "tiny"),
        ("let", "tiny", "", 1e-3),
        ("call", "1e-3"),
    ]
    assert origin.uses[0].origin.uses[0].origin.place.source.path.endswith("common.arch")


def test_a_chain_of_any_length_can_be_compared_and_shown():
    lets = "let a0 = 4\n" + "".join(f"let a{index} = a{index - 1}\n" for index in range(1, 3000))
    text = arch("c: conv(a2999, 1x1)", lets)
    one, other = (graph(text)["c"] for _ in range(2))
    assert one.origins["channels"].uses[0].value == 4
    assert len(repr(one.origins["channels"].uses)) < 10 * len(text)
    assert other.origins["channels"] == other.origins["channels"]
    told = archdsl.load(Source("net.arch", text)).why("c")
    assert told.settings[0].value == 4


def test_a_value_used_twice_at_every_step_is_told_in_bounded_time():
    lets = "let a0 = 1\n" + "".join(f"let a{index} = a{index - 1} + a{index - 1} // 2\n" for index in range(1, 60))
    told = archdsl.load(Source("net.arch", arch("c: conv(a40, 1x1)", lets))).why("c")
    from archdsl.render import provenance

    assert len(provenance.text(told).splitlines()) < 70


def test_a_way_that_fails_is_still_an_error_of_the_spec():
    with pytest.raises(ArchError):
        graph(arch("c: conv(if nowhere then 1 else 2, 1x1)"))
