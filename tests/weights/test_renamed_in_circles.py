"""Labels renamed in a circle, handed on, and nested: weights go where they belong, or the file is refused."""

import itertools
import random

import numpy as np
import pytest

from archdsl.diagnostics import ArchError
from archdsl.weights import NATIVE, about, safetensors_bytes
from tests.weights.conftest import arrays_of, small

LAYER = "conv({}, 1x1)"
BLOCK = "{{ x: conv({}, 1x1); relu; y: conv(4, 1x1) }}"


def spec(steps):
    return f"arch ring() {{\n  input image: [N, 4, 8, 8]\n  {'; '.join(steps)}\n  output y\n}}\n"


def ring(size, body, *, older=True):
    """``size`` layers, each of which bears the name that the next one bore before; as it was, without ``older``."""
    labels = "abcd"[:size]
    steps = []
    for at, label in enumerate(labels):
        now = labels[(at + 1) % size]
        steps.append(f"{now} was {label}: {body}" if older else f"{label}: {body}")
    return spec(steps)


def handed_on(size, body, *, older=True):
    """The same, with the last name a new one."""
    labels = "abcde"[: size + 1]
    steps = [f"{new} was {old}: {body}" if older else f"{old}: {body}" for old, new in itertools.pairwise(labels)]
    return spec(steps)


def in_order(network):
    """The weights' names, in the order of the layers."""
    return [recipe.ours for recipe in network.weight_maps("native")[0].recipes]


def followed(before, now, **more):
    """Whether each layer of ``now`` gets the array of the layer of ``before`` in its place."""
    network = small(now)
    arrays = arrays_of(small(before), seed=3)
    found = network.load_weights(arrays, **more)
    return all(
        np.array_equal(found[new], arrays[old]) for old, new in zip(in_order(small(before)), in_order(network), strict=True)
    )


def refused(before, now, **more):
    with pytest.raises(ArchError) as caught:
        small(now).load_weights(arrays_of(small(before), seed=3), **more)
    assert [each.code for each in caught.value.diagnostics] == ["E0708"]
    return caught.value.diagnostics[0]


BODIES = {"layers": LAYER.format(4), "blocks": BLOCK.format(4), "repeats": f"repeat 2 {BLOCK.format(4)}"}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
@pytest.mark.parametrize("size", [2, 3, 4])
def test_a_circle_is_refused_unless_it_is_said(size, body):
    before, now = ring(size, body, older=False), ring(size, body)
    assert "exchanged" in refused(before, now).message
    assert "exchanged" in refused(now, now).message
    assert followed(before, now, names="older")
    assert followed(now, now, names="now")


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
@pytest.mark.parametrize("size", [2, 3, 4])
def test_a_name_handed_on_is_read_both_ways(size, body):
    before, now = handed_on(size, body, older=False), handed_on(size, body)
    for names in (None, "older"):
        assert followed(before, now, names=names)
    for names in (None, "now"):
        assert followed(now, now, names=names)


@pytest.mark.parametrize("size", [2, 3, 4])
def test_shapes_settle_a_circle_where_no_two_are_alike(size):
    bodies = [f"{{ x: conv({5 + at}, 1x1); y: conv(4, 1x1) }}" for at in range(size)]
    labels = "abcd"[:size]
    before = spec(f"{label}: {body}" for label, body in zip(labels, bodies, strict=True))
    now = spec(f"{labels[(at + 1) % size]} was {label}: {bodies[at]}" for at, label in enumerate(labels))
    assert followed(before, now)
    assert followed(now, now)


def test_a_file_of_ours_settles_a_circle(tmp_path):
    body = BLOCK.format(4)
    for name, text in (("before", ring(3, body, older=False)), ("now", ring(3, body))):
        network = small(text)
        arrays = arrays_of(network, seed=5)
        path = tmp_path / f"{name}.safetensors"
        path.write_bytes(safetensors_bytes(arrays, about(network.graph, NATIVE, NATIVE)))
        now = small(ring(3, body))
        found = now.load_weights(str(path))
        pairs = zip(in_order(network), in_order(now), strict=True)
        assert all(np.array_equal(found[new], arrays[old]) for old, new in pairs)


def test_a_circle_is_in_doubt_though_a_layer_of_it_is_left_out():
    body = LAYER.format(4)
    refused(ring(3, body, older=False), ring(3, body), skip=["a"])


# --- renamings at several depths -----------------------------------------------------------------------------------------

INNER = "{{ {} : conv({}, 1x1); {} : conv(4, 1x1) }}"


def nested(outer, inner, wide=(4, 4)):
    """Two blocks that changed places, with two layers each that did; what did not, as it was before."""
    first, second = ("b was a", "a was b") if outer else ("a", "b")
    x, y = ("y was x", "x was y") if inner else ("x", "y")
    return spec([f"{label}: {INNER.format(x, width, y)}" for label, width in zip((first, second), wide, strict=True)])


def test_circles_within_circles_are_in_doubt():
    now = nested(True, True)
    for outer, inner in itertools.product((True, False), repeat=2):
        refused(nested(outer, inner), now)
    assert followed(nested(False, False), now, names="older")
    assert followed(now, now, names="now")


def test_shapes_settle_circles_within_circles():
    wide = (5, 6)
    now = nested(True, True, wide)
    for outer, inner in itertools.product((True, False), repeat=2):
        assert followed(nested(outer, inner, wide), now)


def test_a_file_between_two_renamings_is_in_doubt(tmp_path):
    """The renaming of inner labels was told of below the name that their block bore then."""
    between = small(spec([f"a: {INNER.format('y was x', 4, 'x was y')}", f"b: {INNER.format('u', 4, 'v')}"]))
    now = spec([f"b was a: {INNER.format('y was x', 4, 'x was y')}", f"a was b: {INNER.format('y', 4, 'x')}"])
    path = tmp_path / "between.safetensors"
    arrays = {name.replace("u", "y").replace("v", "x"): array for name, array in arrays_of(between).items()}
    path.write_bytes(safetensors_bytes(arrays, {**about(between.graph, NATIVE, NATIVE), "network": "ring"}))
    with pytest.raises(ArchError, match="E0708"):
        small(now).load_weights(str(path))


# --- any renamings at all ------------------------------------------------------------------------------------------------


class History:
    """Blocks and layers with random shapes, renamed one scope after the other and, where possible, one label after the other."""

    def __init__(self, seed):
        r = random.Random(seed)
        self.blocks = ["a", "b", "c"][: r.randint(1, 3)]
        self.inside = {label: ["x", "y", "z"][: r.randint(1, 3)] for label in self.blocks}
        self.repeats = {label: r.random() < 0.3 for label in self.blocks}
        wide = r.choice([(4,), (4,), (4, 5, 6)])
        self.width = {(block, layer): r.choice(wide) for block in self.blocks for layer in self.inside[block]}
        self.renamings = {}
        for scope in ("", *self.blocks):
            labels = self.inside.get(scope, self.blocks)
            fresh = ["p", "q"] if r.random() < 0.4 else []
            self.renamings[scope] = dict(zip(labels, r.sample([*labels, *fresh], len(labels)), strict=True))
        self.order = r.sample(list(self.renamings), len(self.renamings))

    def versions(self):
        """What was renamed at every time, from first to last: labels with their scopes."""
        done = set()
        yield frozenset()
        for scope in self.order:
            new = self.renamings[scope]
            left = [label for label in new if new[label] != label]
            borne = set(new)
            while left:  # a label whose new name is free, else all at once
                free = next((label for label in left if new[label] not in borne), None)
                some = left if free is None else [free]
                borne = (borne - {*some}) | {new[label] for label in some}
                done |= {(scope, label) for label in some}
                left = [label for label in left if label not in some]
                yield frozenset(done)

    def text(self, done, *, told):
        """The spec after what was ``done``, with what was ``told`` of it."""

        def label(scope, old):
            new = self.renamings[scope][old] if (scope, old) in done else old
            return new if new == old or not told else f"{new} was {old}"

        steps = []
        for block in self.blocks:
            layers = "; ".join(
                f"{label(block, layer)}: {{ k: conv({self.width[block, layer]}, 1x1); l: conv(4, 1x1) }}"
                for layer in self.inside[block]
            )
            repeat = "repeat 2 " if self.repeats[block] else ""
            steps.append(f"{label('', block)}: {repeat}{{ {layers} }}")
        return spec(steps)


def right_or_refused(before, now):
    try:
        return followed(before, now)
    except ArchError as fault:
        return {each.code for each in fault.diagnostics} == {"E0708"}


@pytest.mark.parametrize("seed", range(60))
def test_a_file_of_any_time_is_read_rightly_or_refused(seed):
    history = History(seed)
    first, *_, last = versions = [frozenset(), *history.versions()]
    now = history.text(last, told=True)
    for version in versions:
        before = history.text(version, told=False)
        assert right_or_refused(before, now), f"exchanged: {before}{now}"
    assert followed(history.text(first, told=False), now, names="older")
    assert followed(history.text(last, told=False), now, names="now")
