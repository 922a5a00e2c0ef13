"""Files that are foreign, cut off, damaged or hostile are refused in a sentence, in little memory, and lead nowhere."""

import os
import random
import tracemalloc

import numpy as np
import onnx
import pytest

import archdsl
from archdsl import ArchError, pipeline
from archdsl.backends.onnx import storage, wire
from archdsl.backends.onnx.reading import open_model
from tests.backends.onnx_files.models import changed, network, written

READ = "E0709"


def refusal(action):
    with pytest.raises(ArchError) as raised:
        action()
    (diagnostic,) = raised.value.diagnostics
    assert "\n" not in diagnostic.message and diagnostic.message.isprintable()
    return diagnostic


def codes_of(action):
    """The codes of what ``action`` is refused with; none where it goes through."""
    try:
        action()
    except ArchError as fault:
        return {each.code for each in fault.diagnostics}
    return set()


def tampered(path, name, change):
    """The file at ``path`` once ``change`` was made to its initializer ``name``."""

    def find(model):
        change(next(each for each in model.graph.initializer if each.name == name))

    return changed(path, find)


@pytest.fixture
def whole(tmp_path):
    return written(tmp_path / "net.onnx")


@pytest.fixture
def parted(tmp_path):
    return written(tmp_path / "net.onnx", external=1)


def test_what_is_no_model_at_all(tmp_path):
    path = tmp_path / "net.onnx"
    for content in (b"", b"\x00", b"arch x() {\n}\n", b"PK\x03\x04" * 9, b"\x08\x08", b"\x0b\x0c", b"\x3a\x00", os.urandom(200)):
        path.write_bytes(content)
        for action in (archdsl.load, storage.load):
            assert refusal(lambda action=action: action(path)).code == "E0604", content
        assert refusal(lambda: pipeline.open_weights(path)).code == READ


def test_what_is_no_file(tmp_path):
    assert refusal(lambda: archdsl.load(tmp_path / "none.onnx")).code == "E0601"
    assert refusal(lambda: archdsl.load("none.onnx")).code == "E0601"
    assert refusal(lambda: pipeline.open_weights(tmp_path / "none.onnx")).code == READ
    (tmp_path / "folder.onnx").mkdir()
    os.mkfifo(tmp_path / "pipe.onnx")
    (tmp_path / "zero.onnx").symlink_to("/dev/zero")
    (tmp_path / "circle.onnx").symlink_to("circle.onnx")
    for name in ("folder", "pipe", "zero", "circle"):
        assert refusal(lambda name=name: archdsl.load(tmp_path / f"{name}.onnx")).code == "E0604"


def test_a_model_of_others_is_told_from_a_damaged_one(tmp_path):
    node = onnx.helper.make_node("Relu", ["x"], ["y"])
    info = [onnx.helper.make_tensor_value_info(name, 1, [1]) for name in "xy"]
    onnx.save(onnx.helper.make_model(onnx.helper.make_graph([node], "g", info[:1], info[1:])), tmp_path / "theirs.onnx")
    found = refusal(lambda: archdsl.load(tmp_path / "theirs.onnx"))
    assert (found.code, "was not written by archdsl" in found.message) == ("E0604", True)
    assert "no importer" in found.help


def test_cut_off_anywhere(tmp_path, whole):
    content = whole.read_bytes()
    cut = tmp_path / "cut.onnx"
    for length in sorted({*range(1, 400), *random.Random(1).sample(range(400, len(content)), 300)}):
        cut.write_bytes(content[:length])
        codes = codes_of(lambda: archdsl.load(cut).weights())
        assert codes <= {"E0604", "E0708", READ}
        # Without a refusal the cut took away no more than what tools say of themselves.
        assert codes or length > len(content) - 200


def test_every_changed_byte_is_harmless(tmp_path, whole):
    content, rng = whole.read_bytes(), random.Random(2)
    path = tmp_path / "bad.onnx"
    refused = 0
    for _ in range(600):
        changed_ = bytearray(content)
        for _ in range(rng.choice([1, 1, 2, 8])):
            changed_[rng.randrange(len(content))] = rng.randrange(256)
        path.write_bytes(changed_)
        try:
            archdsl.load(path).weights()
            storage.load(path)
        except ArchError:
            refused += 1
    assert refused > 40


def test_random_bytes_after_a_sound_beginning(tmp_path, whole):
    rng = random.Random(3)
    path = tmp_path / "bad.onnx"
    for _ in range(300):
        path.write_bytes(whole.read_bytes()[: rng.randrange(3000)] + rng.randbytes(rng.randrange(400)))
        for action in (archdsl.load, storage.load, pipeline.open_weights):
            try:
                action(path)
            except ArchError:
                continue


def varint(number):
    groups = []
    while number > 0x7F:
        groups.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*groups, number])


def delimited(number, content):
    return varint(number << 3 | 2) + varint(len(content)) + content


VERSION = b"\x08\x08"


@pytest.mark.parametrize(
    "content, words",
    [
        (VERSION + b"\x3a" + varint(1 << 62), "cut off"),
        (VERSION + b"\x3a" + b"\xff" * 11, "no number"),
        (VERSION + b"\x3b\x3c", "no field"),
        (VERSION + b"\x02\x00", "no field"),
        (VERSION + delimited(7, b"") * 2, "several graphs"),
        (VERSION + b"\x38\x01", "a number at byte"),
        (VERSION + delimited(7, delimited(5, delimited(8, b"w")) * 2), "two initializers called `w`"),
        (VERSION + delimited(7, delimited(5, b"\x08\x01" * 70)), "more than 64 sizes"),
        (VERSION + delimited(7, delimited(5, delimited(1, b"\x01" * 70))), "more than 64 sizes"),
        (VERSION + delimited(7, delimited(5, b"\x08" + varint((1 << 64) - 1))), "size below 0"),
        (VERSION + delimited(7, delimited(5, delimited(8, b"\xff"))), "not UTF-8"),
        (VERSION + delimited(14, delimited(1, b"k")) * 2 + delimited(7, b""), "says twice"),
        (delimited(7, b""), "no model"),
        (VERSION, "no model"),
    ],
)
def test_each_way_to_be_wrong_is_named(tmp_path, content, words):
    path = tmp_path / "net.onnx"
    path.write_bytes(content)
    assert words in refusal(lambda: archdsl.load(path)).message


def test_no_more_fields_and_texts_than_the_limits(tmp_path, monkeypatch):
    path = tmp_path / "net.onnx"
    monkeypatch.setattr(wire, "MOST_FIELDS", 1000)
    path.write_bytes(VERSION + delimited(7, b"\x08\x01" * 2000))
    assert "more than 1,000 fields" in refusal(lambda: archdsl.load(path)).message
    monkeypatch.setattr(wire, "MOST_TEXT", 1000)
    path.write_bytes(VERSION + delimited(7, b"") + delimited(14, delimited(2, b"x" * 2000)))
    assert "more than 1,000 bytes" in refusal(lambda: archdsl.load(path)).message


def test_claims_are_refused_before_memory_is_taken(whole):
    def huge(tensor):
        tensor.dims[:] = [1 << 20, 1 << 20]

    tampered(whole, "fc.weight", huge)
    tracemalloc.start()
    found = refusal(lambda: open_model(whole).read("fc.weight"))
    with pytest.raises(ArchError):
        archdsl.load(whole).weights()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.code == READ and "4,398,046,511,104 bytes by its shape" in found.message
    assert peak < 8 << 20


def test_a_weight_that_is_gone_or_of_another_shape(tmp_path, whole):
    def gone(model):
        del model.graph.initializer[0]

    found = refusal(lambda: archdsl.load(changed(whole, gone, tmp_path / "gone.onnx")).weights())
    assert found.code == "E0708" and "1 missing" in found.message

    def reshaped(tensor):
        tensor.dims[:] = [1, 5]

    found = refusal(lambda: archdsl.load(tampered(whole, "fc.bias", reshaped)).weights())
    assert found.code == "E0708" and "of another shape" in found.message


@pytest.mark.parametrize(
    "change, words",
    [
        (lambda tensor: tensor.ClearField("raw_data"), "has no data"),
        (lambda tensor: setattr(tensor, "raw_data", b"\0" * 3), "takes 20 bytes by its shape, and has 3"),
        (lambda tensor: setattr(tensor, "data_type", 8), "of another shape or type"),
    ],
)
def test_data_that_are_not_what_they_should_be(whole, change, words):
    tampered(whole, "fc.bias", change)
    assert words in refusal(lambda: archdsl.load(whole).weights()).message


def test_numbers_in_other_forms_are_read(whole):
    before = archdsl.load(whole).weights()

    def as_floats(tensor):
        tensor.float_data.extend(before["fc.bias"].tolist())
        tensor.ClearField("raw_data")

    def as_halves(tensor):
        tensor.data_type, tensor.raw_data = tensor.FLOAT16, before["fc.weight"].astype(np.float16).tobytes()

    def as_bfloat(tensor):
        tensor.data_type = tensor.BFLOAT16
        tensor.raw_data = (before["c.weight"].view(np.uint32) >> 16).astype(np.uint16).tobytes()

    for name, change in {"fc.bias": as_floats, "fc.weight": as_halves, "c.weight": as_bfloat}.items():
        tampered(whole, name, change)
    after = archdsl.load(whole).weights()
    assert np.array_equal(after["fc.bias"], before["fc.bias"])
    assert np.allclose(after["fc.weight"], before["fc.weight"], rtol=1e-3, atol=1e-6)
    assert np.allclose(after["c.weight"], before["c.weight"], rtol=1e-2, atol=1e-6)


# --- data outside ------------------------------------------------------------------------------------------------------------


def relocated(path, **entries):
    """The model once its first bias says of its data what ``entries`` do; None takes an entry away."""

    def change(tensor):
        said = {each.key: each.value for each in tensor.external_data} | entries
        del tensor.external_data[:]
        for key, value in said.items():
            if value is not None:
                tensor.external_data.add(key=key, value=value)

    return tampered(path, "fc.bias", change)


def both_refuse(path):
    one, other = refusal(lambda: archdsl.load(path).weights()), refusal(lambda: storage.load(path))
    assert one.code == other.code == READ
    return one.message


@pytest.mark.parametrize(
    "location",
    [
        "../secret",
        "a/../../secret",
        "/etc/passwd",
        "",
        ".",
        "..",
        "./net.data",
        "a//b",
        "..\\secret",
        "C:/secret",
        "x\0y",
        "x\ny",
        "\u202esecret",
        None,
    ],
)
def test_a_place_outside_of_the_folder_is_never_opened(tmp_path, location):
    (tmp_path / "secret").write_bytes(b"\0" * 4096)
    (tmp_path / "inner" / "a").mkdir(parents=True)
    path = relocated(written(tmp_path / "inner" / "net.onnx", external=1), location=location)
    if location == "C:/secret":
        assert "not there" in both_refuse(path)
        return
    assert "leads out of the folder" in both_refuse(path)


def test_a_link_that_leads_out_is_never_followed(tmp_path):
    (tmp_path / "secret").write_bytes(b"\0" * 4096)
    (tmp_path / "inner").mkdir()
    path = written(tmp_path / "inner" / "net.onnx", external=1)
    (tmp_path / "inner" / "link.data").symlink_to("../secret")
    (tmp_path / "inner" / "folder").symlink_to("..")
    for location in ("link.data", "folder/secret"):
        assert "a link that leads out" in both_refuse(relocated(path, location=location))


def test_data_in_a_folder_below_are_read(tmp_path):
    path = written(tmp_path / "net.onnx", external=1)
    before = archdsl.load(path).weights()
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "w.data").write_bytes(before["fc.bias"].tobytes())
    relocated(path, location="below/w.data", offset=None, length=None)
    assert np.array_equal(archdsl.load(path).weights()["fc.bias"], before["fc.bias"])


def test_a_file_of_data_that_is_no_file(tmp_path, parted):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    assert "is not a file" in both_refuse(relocated(parted, location="pipe"))
    assert "is not a file" in both_refuse(relocated(parted, location="folder"))
    assert "`fc.bias`" in both_refuse(relocated(parted, location="missing.data"))


@pytest.mark.parametrize(
    "entries, words",
    [
        ({"offset": "-4096"}, "no number as its offset"),
        ({"offset": "1e3"}, "no number as its offset"),
        ({"offset": "９"}, "no number as its offset"),
        ({"length": "9" * 30}, "no number as its length"),
        ({"length": "16"}, "takes 20 bytes by its shape, and has 16"),
        ({"offset": "999999999"}, "is cut off"),
    ],
)
def test_places_in_the_data_that_are_not_there(parted, entries, words):
    assert words in refusal(lambda: archdsl.load(relocated(parted, **entries)).weights()).message
    assert refusal(lambda: storage.load(parted)).code == READ


def test_truncated_data_are_named(parted):
    (name,) = open_model(parted).locations
    data = parted.parent / name
    data.write_bytes(data.read_bytes()[:-1])
    message = both_refuse(parted)
    assert f"{name}` is 1 bytes too short" in message and "is cut off" in message
    data.unlink()
    assert name in both_refuse(parted)


def test_tensors_that_share_their_bytes_do_not_multiply_them(parted):
    def shared(model):
        first = model.graph.initializer[0]
        for number in range(2000):
            own = model.graph.initializer.add()
            own.CopyFrom(first)
            own.name = f"copy{number}"

    changed(parted, shared)
    assert "wants" in refusal(lambda: storage.load(parted)).message


def test_a_file_that_was_replaced_since_is_not_mistaken_for_the_one_that_was_opened(whole):
    net = archdsl.load(whole)
    network(classes=7).save_onnx(whole)
    found = refusal(net.weights)
    assert found.code == READ and "changed since" in found.message
