"""``archdsl why``: what it says of layers, blocks, repeats and merges, and of paths that are none."""

import io
import json

import pytest

import archdsl
from archdsl.cli import main
from archdsl.source import Source

NET = """\
from "blocks.arch" import Cell, eps as tiny

arch net(w = 4, deep = false) {
  input image: [N, 3, 8, 8]
  defaults bn(eps=tiny)
  stem: conv(w, 3x3, stride=2)   # halves the map
  bn
  a: repeat i in 2 Cell(w + 2*i)
  more: Cell(w) if deep
  both: concat { x: conv(in.c, 1x1); {} }
  output y
}

variant wide of net { set w = 8; set a[1].c:kernel = 5x5 }
"""
BLOCKS = """\
let eps = 1e-3
block Cell(n, k = 3x3) {   # A cell
  c: conv(n, k)
  relu
}
"""


@pytest.fixture
def why(folder, capsys):
    """What ``archdsl why net.arch`` prints, or its error."""
    (folder / "net.arch").write_text(NET, encoding="utf-8")
    (folder / "blocks.arch").write_text(BLOCKS, encoding="utf-8")

    def run(*arguments, spec="net.arch", code=0):
        assert main(["why", spec, *arguments]) == code
        captured = capsys.readouterr()
        return captured.out if code == 0 else captured.err

    return run


def rows(text, name):
    """The way of one attribute: each row as its columns."""
    lines = text.splitlines()
    start = next(index for index, line in enumerate(lines) if line.startswith(f"  {name} = "))
    found = []
    for line in lines[start + 1 :]:
        if not line.startswith("    "):
            break
        found.append([cell.strip() for cell in line.split("  ") if cell.strip()])
    return found


def test_a_layer_inside_a_block_of_another_file(why):
    assert why("a[1].c").splitlines() == [
        "a[1].c of net: `conv`",
        "  takes   [N, 4, 4, 4] from `a[0].relu`",
        "  gives   [N, 6, 4, 4]",
        "  costs   222 params, 3,456 MACs",
        "",
        "written",
        "  a       repeat, 2 times                            net.arch:8:6     a: repeat i in 2 Cell(w + 2*i)",
        "  a[1]    block `Cell`, iteration [1], the 2nd of 2  net.arch:8:20    a: repeat i in 2 Cell(w + 2*i)",
        "  a[1].c  `conv`                                     blocks.arch:3:6  c: conv(n, k)",
        "",
        "attributes",
        "  channels = 6",
        "    channels = n        as written                       blocks.arch:3:11  c: conv(n, k)",
        "    n = w + 2*i  (= 6)  parameter of `Cell`              net.arch:8:25     a: repeat i in 2 Cell(w + 2*i)",
        "      w = 4             parameter of `net`, by default   net.arch:3:14     arch net(w = 4, deep = false) {",
        "      i = 1             number of the iteration, from 0  net.arch:8:13     a: repeat i in 2 Cell(w + 2*i)",
        "  kernel = 3x3",
        "    kernel = k  as written                       blocks.arch:3:14  c: conv(n, k)",
        "    k = 3x3     parameter of `Cell`, by default  blocks.arch:2:19  block Cell(n, k = 3x3) {",
        "  stride=1x1, pad=same, dilation=1x1, groups=1, bias=true, init=none: defaults of `conv`",
    ]


def test_defaults_and_an_imported_constant(why):
    assert rows(why("bn"), "eps") == [
        ["eps = tiny", "by `defaults`", "net.arch:5:19", "defaults bn(eps=tiny)"],
        ["tiny = tiny", "imported", "net.arch:1:40", 'from "blocks.arch" import Cell, eps as tiny'],
        ["eps = 1e-3", "`let`", "blocks.arch:1:11", "let eps = 1e-3"],
    ]


def test_comments_stand_where_the_layer_is_written_and_not_again(why):
    text = why("stem")
    assert text.count("# halves the map") == 1


def test_a_merge_tells_its_branches_and_a_size_that_enters(why):
    assert "  takes   [N, 6, 4, 4] from `both.x`\n  takes   [N, 6, 4, 4] from `a[1].relu`\n" in why("both")
    assert rows(why("both.x"), "channels")[1] == ["in.c = 6", "channels of `a[1].relu`, which enters here"]


def test_a_block_tells_its_arguments_and_where_it_is_defined(why):
    text = why("a[0]")
    assert text.startswith("a[0] of net: block `Cell`, iteration [0], the 1st of 2\n  A cell\n")
    assert "defines `Cell`" in text
    assert rows(text, "k") == [["k = 3x3", "by default", "blocks.arch:2:19", "block Cell(n, k = 3x3) {"]]


def test_a_repeat_tells_its_count(why):
    assert rows(why("a"), "count") == [["count = 2", "as written", "net.arch:8:18", "a: repeat i in 2 Cell(w + 2*i)"]]
    changed = rows(why("a", "--set", "a:repeat=1 + 2"), "count")
    assert changed == [["count = 1 + 2", "(= 3)", "set on the command line", "<command line>:1:16", "set a:repeat = 1 + 2"]]


def test_the_command_line_and_a_variant_are_told(why):
    given = rows(why("stem", "--set", "w=5"), "channels")[-1]
    assert given == ["w = 5", "parameter of `net`, set on the command line", "<command line>:1:1", "5"]
    by_path = rows(why("stem", "--set", "stem:stride=1"), "stride")
    assert by_path == [["stride = 1", "set on the command line", "<command line>:1:19", "set stem:stride = 1"]]
    wide = why("a[1].c", "--variant", "wide")
    assert wide.startswith("a[1].c of wide: ")
    assert rows(wide, "kernel") == [
        ["kernel = 5x5", "set by a variant", "net.arch:14:54", "variant wide of net { set w = 8; set a[1].c:kernel = 5x5 }"]
    ]


def test_the_size_of_an_input_may_come_from_the_caller(why):
    assert rows(why("image"), "shape") == [["shape = [N, 3, 8, 8]", "as written", "net.arch:4:16", "input image: [N, 3, 8, 8]"]]
    assert rows(why("image", "--input", "3x9x9"), "shape") == [["shape = (3, 9, 9)", "given by the caller"]]


def test_what_an_edit_brings_in_is_written_there(why):
    text = why("more2", "--insert", "more2: conv(7, 1x1) after stem")
    assert "  more2  `conv`  <command line>:1:15  insert more2: conv(7, 1x1) after stem\n" in text


def test_an_if_that_holds_is_told(why):
    text = why("more.c", "--set", "deep=true")
    assert "  more    there, since its `if` holds  net.arch:9:3     more: Cell(w) if deep\n" in text


@pytest.mark.parametrize(
    "path, help_",
    [
        ("sten", "did you mean `stem`?"),
        ("a[7].c", "did you mean `a[1].c`?"),
        ("a[1].x", "`a[1]` holds `c`, `relu`"),
        ("a[1].relo", "did you mean `a[1].relu`?"),
        ("a.1.c.weight", "did you mean `a[1].c`?"),
        ("a.0.c", "did you mean `a[0].c`?"),
        ("a[*].c", "name one: `a[0].c`"),
        ("**.x", "name one: `both.x`"),
        ("qqqqqq", "`archdsl summary --depth 9` lists the paths"),
    ],
)
def test_a_path_that_is_none_is_refused_with_help(why, path, help_):
    told = why(path, code=1)
    assert told.startswith("error[E0405]: ")
    assert f"help: {help_}\n" in told


def test_a_layer_that_its_guard_keeps_out_is_told(why):
    told = why("more.c", code=1)
    assert "`more.c` is not there in this network" in told
    assert "9 |   more: Cell(w) if deep\n" in told


@pytest.mark.parametrize("path", ["", "a..b", "[0]", "a[", "ä", "\x1b[31m", "x" * 5000])
def test_texts_that_are_no_paths_are_refused(why, path):
    told = why(path, code=1)
    assert told.startswith("error[E0")
    assert "\x1b" not in told


def test_standard_input_is_read(why, monkeypatch):
    text = "arch net(w = 4) { input x: [N, 3, 8, 8]; c: conv(w, 1x1); output y }"
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    assert rows(why("c", spec="-"), "channels")[1][2] == "<stdin>:1:14"


def test_json_holds_the_same(why):
    found = json.loads(why("a[1].c", "--json"))
    assert (found["schema"], found["network"], found["path"], found["kind"], found["what"]) == (
        1,
        "net",
        "a[1].c",
        "node",
        "conv",
    )
    assert (found["inputs"], found["out"]) == ([{"path": "a[0].relu", "shape": [4, 4, 4]}], [6, 4, 4])
    assert (found["params"], found["macs"], found["nodes"]) == (222, 3456, 1)
    assert found["written"] == {"file": "blocks.arch", "line": 3, "column": 6, "text": "c: conv(n, k)"}
    assert [each["path"] for each in found["in"]] == ["a", "a[1]"]
    settings = {each["name"]: each for each in found["settings"]}
    assert [step["name"] for step in settings["channels"]["from"]] == ["channels", "n", "w", "i"]
    assert settings["channels"]["from"][1]["at"]["line"] == 8
    assert settings["kernel"]["value"] == [3, 3]
    assert settings["bias"]["from"] == []


@pytest.mark.parametrize(
    "spec, path, name, lines",
    [
        ("inception_v4", "stem.c1.conv", "stride", ["stride = stride", "stride = 2"]),
        ("inception_resnet_v2", "b[3].res.up", "channels", ["channels = in.c", "in.c = 1152"]),
        ("resnet50", "conv3_x[0].a.conv", "channels", ["channels = c", "c = w", "w = 128"]),
    ],
)
def test_bundled_networks(why, spec, path, name, lines):
    found = rows(why(path, spec=spec), name)
    assert [row[0] for row in found] == lines
    assert all(cell for row in found for cell in row)


def test_every_place_of_a_network_can_be_told_of():
    from archdsl.analysis import paths
    from archdsl.render import provenance

    network = archdsl.load("inception_resnet_v2")
    for path in paths(network.graph):
        told = network.why(path)
        assert told.path == path
        assert provenance.text(told).startswith(f"{path} of inception_resnet_v2: ")
        json.dumps(provenance.as_json(told))


def test_every_attribute_that_is_no_default_has_a_place():
    network = archdsl.load("resnet50")
    for node in network.graph:
        for setting in network.why(node.path).settings:
            if setting.origin is None:
                assert setting.value == type(node.op).model_fields[setting.name].default
            else:
                assert setting.origin.place is not None


def test_two_files_of_one_name_are_told_apart(tmp_path):
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "net.arch").write_text("block B(n) { c: conv(n, 1x1) }\n", encoding="utf-8")
    text = 'from "lib/net.arch" import B\narch net() { input x: [N, 3, 8, 8]; b: B(4); output y }\n'
    (tmp_path / "net.arch").write_text(text, encoding="utf-8")
    from archdsl.render import provenance

    told = provenance.text(archdsl.load(tmp_path / "net.arch").why("b.c"))
    assert " lib/net.arch:1:17  " in told
    assert f"  {tmp_path.name}/net.arch  {tmp_path / 'net.arch'}\n" in told


def test_a_hostile_text_is_shown_harmlessly():
    text = 'arch net() { input x: [N, 3, 8, 8]; c: conv(4, 1x1, init="\u202e"); output y }'
    from archdsl.render import provenance

    try:
        told = provenance.text(archdsl.load(Source("\x1b]net.arch", text.replace("\u202e", "zeros"))).why("c"))
    except archdsl.ArchError:
        return
    assert "\x1b" not in told


def test_a_path_of_another_type_is_a_slip_of_the_caller():
    with pytest.raises(TypeError, match="a path is a string"):
        archdsl.load("lenet5").why(3)
