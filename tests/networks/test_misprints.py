"""What the paper misprints is refused, at the line where it stands, with the sizes that disagree."""

import pytest

import archdsl
from archdsl import ArchError
from tests.networks.mutation import substitute

RESIDUALS = "lib/inception_resnet.arch"
STEM = "lib/inception.arch"
UP = "conv(in.c, 1x1, bias=true)"


def refused(mutant):
    """The one fault that is found, and all that it says."""
    with pytest.raises(ArchError) as caught:
        archdsl.load(mutant.spec)
    (fault,) = caught.value.diagnostics
    place = fault.primary.span
    assert (place.source.path, place.line) == (str(mutant.file), mutant.line)
    return fault, str(caught.value)


@pytest.mark.parametrize(
    "network, block, printed, needed, path",
    [
        ("inception_resnet_v2", "ResnetA", 383, 384, "a[0].res"),
        ("inception_resnet_v2", "ResnetB", 1154, 1152, "b[0].res"),
        ("inception_resnet_v2", "ResnetC", 2048, 2144, "c[0].res"),
        ("inception_resnet_v2_slim", "ResnetB", 1154, 1088, "b[0].res"),
        ("inception_resnet_v2_slim", "ResnetC", 2048, 2080, "c[0].res"),
    ],
)
def test_width_of_a_linear_1x1(tmp_path, network, block, printed, needed, path):
    mutant = substitute(tmp_path, network, RESIDUALS, UP, f"conv({printed}, 1x1, bias=true)", after=f"block {block}(")
    fault, text = refused(mutant)
    assert fault.code == "E0301"
    assert str(printed) in fault.message
    assert str(needed) in fault.message
    assert fault.path == path
    assert fault.primary.span.text == str(printed)
    assert f"[N, {printed}, " in text
    assert f"[N, {needed}, " in text


@pytest.mark.parametrize("network", ["inception_v4", "inception_resnet_v2"])
def test_stem_without_its_second_stride(tmp_path, network):
    mutant = substitute(tmp_path, network, STEM, "cbr(192, 3x3, stride=2, pad=valid)", "cbr(192, 3x3, pad=valid)")
    fault, text = refused(mutant)
    assert fault.code == "E0301"
    assert fault.path.startswith("stem.mixed5")
    assert "[N, 192, 69, 69]" in text
    assert "[N, 192, 35, 35]" in text


def test_stem_as_the_figure_has_it_but_padded(tmp_path):
    mutant = substitute(tmp_path, "inception_v4", STEM, "cbr(192, 3x3, stride=2, pad=valid)", "cbr(192, 3x3)")
    _, text = refused(mutant)
    assert "71" in text
    assert "35" in text
