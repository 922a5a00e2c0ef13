"""What fits and what is refused: everything is accounted for, or nothing is done."""

import numpy as np
import pytest

import archdsl
from archdsl import ArchError
from archdsl.ir.weights import Stored, WeightFile
from archdsl.pipeline import bundled
from archdsl.weights import in_memory, read_own
from tests.weights.conftest import RULES, SMALL, arrays_of, small


def refused(call):
    with pytest.raises(ArchError) as raised:
        call()
    (diagnostic,) = raised.value.diagnostics
    return diagnostic


def theirs(network, rules, seed=0):
    from archdsl.weights import written

    return written(network.weight_maps(rules)[0], arrays_of(network, seed))


def test_our_own_names_fit():
    network = small()
    arrays = arrays_of(network)
    report, file = network.match_weights(arrays)
    assert (report.map.source, report.fits, report.counts()) == ("native", True, {"copied": len(arrays)})
    assert list(network.load_weights(arrays)) == list(file.entries)


@pytest.mark.parametrize("name", bundled())
def test_arrays_under_our_names_mean_the_same_without_a_look_at_other_libraries(name):
    """:func:`read_own` asks no map: none that is shipped may want just our names, and want them to be read otherwise."""
    network = archdsl.load(name)
    ours, *others = network.weight_maps()
    names = {recipe.theirs for recipe in ours.recipes}
    assert all({recipe.theirs for recipe in each.recipes} != names for each in others)


def test_arrays_as_we_store_them_are_taken_as_they_are():
    network = small()
    arrays = arrays_of(network)
    own = read_own(network.graph, in_memory(arrays))
    read = network.load_weights(arrays)
    assert all(own[key] is value and read[key] is not value for key, value in arrays.items())
    assert list(own) == list(read) and all(np.array_equal(own[key], value) for key, value in read.items())
    assert list(read_own(network.graph, in_memory(dict(reversed(arrays.items()))))) == list(read)


@pytest.mark.parametrize("change", ["less", "more", "shape", "kind", "renamed"])
def test_arrays_that_are_not_as_we_store_them_are_not_taken_as_they_are(change):
    network = small(SMALL.replace("c: unit(4)", "c was older: unit(4)") if change == "renamed" else SMALL)
    arrays = arrays_of(network)
    name = next(key for key, value in arrays.items() if value.dtype == np.float32)
    match change:
        case "less":
            del arrays[name]
        case "more":
            arrays["more"] = arrays[name]
        case "shape":
            arrays[name] = arrays[name][:-1]
        case "kind":
            arrays[name] = arrays[name].astype(np.float64)
    assert read_own(network.graph, in_memory(arrays)) is None


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_arrays_under_our_names_are_finite(value):
    network = small()
    arrays = arrays_of(network)
    name = next(key for key, each in arrays.items() if each.dtype == np.float32)
    arrays[name].flat[-1] = value
    assert refused(lambda: network.to_onnx_bytes(arrays)).code == "E0708"
    arrays[name][:] = np.finfo(np.float32).max  # whose sum is not finite
    assert network.to_onnx_bytes(arrays)


def test_foreign_names_fit_by_rule_and_go_back(rules):
    network = small()
    arrays = arrays_of(network)
    there = theirs(network, rules)
    assert {"first.0.weight", "first.1.running_mean", "blocks.3.convolve.bn.bias", "head.bias"} <= there.keys()
    back = network.load_weights(there, rules)
    assert all(np.array_equal(back[key], value) for key, value in arrays.items())


def test_what_may_be_left_over_depends_on_what_the_network_has(rules):
    there = theirs(small(aux=True), rules)
    extra = {**there, "epoch": np.array(3)}
    assert small().match_weights(extra, rules)[0].ignored == ("epoch", "side.bias", "side.weight")
    assert small(aux=True).match_weights(extra, rules)[0].ignored == ("epoch",)
    extra["side.scale"] = np.zeros(3, np.float32)
    assert "left over: `side.scale` [3]" in refused(lambda: small(aux=True).match_weights(extra, rules)).notes


def test_missing_left_over_and_misshaped_are_told_with_what_is_like_them():
    network = small()
    arrays = arrays_of(network)
    arrays["a.0.r.conv.wieght"] = arrays.pop("a.0.r.conv.weight")
    arrays["fc.bias"] = np.zeros(6, np.float32)
    arrays["more"] = np.zeros((2, 3), np.float32)
    diagnostic = refused(lambda: network.match_weights(arrays, "native"))
    assert diagnostic.code == "E0708"
    assert diagnostic.message == (
        "`<arrays>` does not fit `small` as `native` names it: 1 missing, 1 of another shape or type, 2 left over"
    )
    assert diagnostic.notes == (
        "missing: `a.0.r.conv.weight`, `a.0.r.conv.weight` [6, 4, 3, 3] in the file; did you mean `a.0.r.conv.wieght`?",
        "`fc.bias` is [6] float32, `fc.bias` needs [5]",
        "left over: `a.0.r.conv.wieght` [6, 4, 3, 3]",
        "left over: `more` [2, 3]",
    )


def test_only_the_first_of_many_are_told():
    notes = refused(lambda: small().match_weights({"x": np.zeros(2, np.float32)}, "native")).notes
    assert len(notes) == 8 + 1 + 1
    assert "more like that" in notes[8]


def test_the_closest_of_several_maps_is_the_one_told_of(rules):
    from archdsl import load
    from archdsl.weights import fit, in_memory, written

    network = load("inception_v4")
    (map_,) = network.weight_maps("timm")
    hollow = {recipe.theirs: np.broadcast_to(np.float32(1), recipe.form) for recipe in map_.recipes}
    assert written  # the arrays above are what it would write
    del hollow["last_linear.bias"]
    diagnostic = refused(lambda: fit(in_memory(hollow), network.weight_maps()))
    assert "as `timm` names it: 1 missing" in diagnostic.message
    assert diagnostic.notes[-1] == "looked at as `native`, `tf-slim`, it fits no better"


def test_a_layer_may_be_skipped_and_then_its_arrays_are_not_left_over():
    ten, five = small(classes=10), small()
    arrays = arrays_of(ten)
    diagnostic = refused(lambda: five.match_weights(arrays, "native"))
    assert diagnostic.help == "to train what does not fit anew, leave it out: --skip fc"
    loaded = five.load_weights(arrays, skip=["fc"])
    assert loaded.keys() == arrays.keys() - {"fc.weight", "fc.bias"}
    report, _ = five.match_weights(arrays, skip=["a[*].r", "fc"])
    assert {name.rpartition(".")[0] for name in report.skipped} == {
        "fc",
        *(f"a.{i}.r.{k}" for i in (0, 1) for k in ("conv", "bn")),
    }


def test_patterns_that_match_nothing_are_mistakes():
    network = small()
    arrays = arrays_of(network)
    diagnostic = refused(lambda: network.load_weights(arrays, skip=["fcc"]))
    assert (diagnostic.code, diagnostic.help) == ("E0201", "did you mean `fc`?")
    assert refused(lambda: network.load_weights(arrays, ignore=["nothing*"])).code == "E0201"
    arrays["ema.x"] = np.zeros(3, np.float32)
    assert refused(lambda: network.load_weights(arrays)).help == "if none of it is wanted, say so: --ignore 'PATTERN'"
    assert network.match_weights(arrays, ignore=["ema.*"])[0].ignored == ("ema.x",)


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "_orig_mod.module."])
def test_wrappers_around_the_whole_model_are_taken_off(prefix):
    network = small()
    arrays = arrays_of(network)
    wrapped = {prefix + name: value for name, value in arrays.items()}
    assert network.load_weights(wrapped).keys() == arrays.keys()
    wrapped["fc.bias"] = wrapped.pop(f"{prefix}fc.bias")
    assert refused(lambda: network.load_weights(wrapped)).code == "E0708"


def test_a_layer_may_be_called_as_wrappers_call_their_model():
    network = small("arch small() {\n input x: [N, 3, 8, 8]\n module: { a: conv(2, 3x3); b: conv(4, 3x3) }\n output y\n}")
    arrays = arrays_of(network)
    assert all(key.startswith("module.") for key in arrays)
    for given in (arrays, {f"module.{key}": value for key, value in arrays.items()}):
        read = network.load_weights({key: value.astype(np.float64) for key, value in given.items()})
        assert all(np.array_equal(read[key], value) for key, value in arrays.items())


def test_counts_may_be_absent_all_together_but_not_some():
    network = small()
    arrays = arrays_of(network)
    counts = [name for name in arrays if name.endswith("num_batches_tracked")]
    without = {name: value for name, value in arrays.items() if name not in counts}
    assert network.load_weights(without)["stem.bn.num_batches_tracked"] == 0
    assert network.load_weights(without).keys() == arrays.keys()
    del arrays[counts[0]]
    assert "1 missing" in refused(lambda: network.load_weights(arrays, "native")).message


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_numbers_of_other_widths_become_float32(dtype):
    network = small()
    arrays = {name: value if "num" in name else value.astype(dtype) for name, value in arrays_of(network).items()}
    loaded = network.load_weights(arrays)
    assert {value.dtype.name for value in loaded.values()} == {"float32", "int64"}
    assert np.array_equal(loaded["fc.weight"], arrays["fc.weight"].astype(np.float32))


@pytest.mark.parametrize("dtype", ["int32", "bool", "complex64", "uint8"])
def test_other_kinds_of_numbers_are_refused(dtype):
    arrays = arrays_of(small())
    arrays["fc.bias"] = np.zeros(5, dtype)
    assert f"`fc.bias` is [5] {dtype}, `fc.bias` needs [5]" in refused(lambda: small().match_weights(arrays, "native")).notes


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e300])
def test_values_that_are_not_finite_are_refused(value):
    arrays = arrays_of(small())
    arrays["fc.bias"] = np.array([0, 0, value, 0, 0])
    diagnostic = refused(lambda: small().load_weights(arrays))
    assert (diagnostic.code, diagnostic.message) == ("E0708", "`fc.bias` in `<arrays>` has values that are not finite numbers")


def test_a_file_that_is_not_what_it_says_is_refused():
    arrays = arrays_of(small())
    entries = {name: Stored(value.shape, str(value.dtype)) for name, value in arrays.items()}
    from archdsl.weights import fit, read

    file = WeightFile("odd", entries, lambda name: arrays[name][:1] if name == "fc.bias" else arrays[name])
    report = fit(file, small().weight_maps("native"))
    assert refused(lambda: read(report, file)).code == "E0709"


def test_a_file_that_fits_in_two_ways_needs_a_word(tmp_path):
    from archdsl.weights import build, fit, read_rules

    network = small()
    both = []
    for number, swapped in enumerate(("{reduce,convolve}", "{convolve,reduce}")):
        path = tmp_path / f"{number}.toml"
        square = RULES.replace("{reduce,convolve}", swapped).replace('"other"', f'"other{number}"')
        path.write_text(square, encoding="utf-8")
        network = small(SMALL.replace("unit(6)", "unit(4)"))
        both.append(build(network.graph, read_rules(path)))
    hollow = {recipe.theirs: np.ones(recipe.form, np.float32) for recipe in both[0].recipes}
    diagnostic = refused(lambda: fit(in_memory(hollow), both))
    assert diagnostic.message == "`<arrays>` fits `small` as `other0` and as `other1`"


# --- renames -------------------------------------------------------------------------------------------------------------


def test_older_names_of_our_own_still_fit():
    renamed = SMALL.replace("a: repeat", "body was a, blocks: repeat").replace("c: unit(4)", "wide was c: unit(4)")
    arrays = arrays_of(small())
    now = small(renamed).load_weights(arrays)
    assert np.array_equal(now["body.1.wide.conv.weight"], arrays["a.1.c.conv.weight"])
    older = {name.replace("a.", "blocks.", 1) if name.startswith("a.") else name: value for name, value in arrays.items()}
    assert small(renamed).load_weights(older).keys() == now.keys()
    newest = arrays_of(small(renamed))
    assert small(renamed).load_weights(newest).keys() == now.keys()


def test_an_older_name_beside_the_new_one_is_left_over():
    renamed = SMALL.replace("fc: linear(classes)\n  output logits", "head was fc: linear(classes)\n  output logits")
    arrays = arrays_of(small(renamed))
    arrays["fc.bias"] = arrays["head.bias"]
    diagnostic = refused(lambda: small(renamed).load_weights(arrays))
    assert (diagnostic.code, diagnostic.notes) == ("E0708", ("left over: `fc.bias` [5]",))


def test_a_name_that_another_layer_bears_now_is_no_older_name():
    swapped = SMALL.replace("r: unit(6); c: unit(4)", "c was r: unit(6); r was c: unit(4)")
    arrays = arrays_of(small(swapped))
    assert small(swapped).load_weights(arrays).keys() == arrays.keys()
