import pytest

from archdsl.ir import Init, OpError, TensorType
from archdsl.ops import BY_KEYWORD, SCHEMES, build, parse_init

MAP = (TensorType((6, 5, 7)),)


@pytest.mark.parametrize(
    "text, init",
    [
        ("trunc_normal(0.1)", Init("trunc_normal", (0.1,))),
        (" normal( 1e-2 ) ", Init("normal", (0.01,))),
        ("uniform(0.05)", Init("uniform", (0.05,))),
        ("constant(-1)", Init("constant", (-1.0,))),
        ("zeros", Init("zeros")),
        ("zeros()", Init("zeros")),
        ("xavier_uniform", Init("xavier_uniform")),
    ],
)
def test_parsed(text, init):
    assert parse_init(text) == init


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_scheme_is_read_back_from_its_text(scheme):
    init = Init(scheme, (0.25,) if SCHEMES[scheme] else ())
    assert parse_init(str(init)) == init


@pytest.mark.parametrize(
    "text, message, help",
    [
        ("kaiming", "must name a known scheme, not `kaiming`", None),
        ("kaiming_norml", "must name a known scheme, not `kaiming_norml`", "did you mean `kaiming_normal`?"),
        ("normal", "must give `normal` one number, its standard deviation", 'write "normal(0.1)"'),
        ("normal(0, 1)", "must give `normal` one number, its standard deviation", 'write "normal(0.1)"'),
        ("zeros(1)", "must not give `zeros` a number", 'write "zeros"'),
        ("normal(-1)", "must give `normal` a standard deviation greater than 0", None),
        ("uniform(0)", "must give `uniform` a bound greater than 0", None),
        ("normal(x)", "must have finite numbers between its parentheses", None),
        ("normal(inf)", "must have finite numbers between its parentheses", None),
        ("normal(1,)", "must have finite numbers between its parentheses", None),
        ("__import__('os')", "must name a known scheme, not `__import__`", None),
        ("normal(0.1", 'must be a scheme such as "trunc_normal(0.1)"', None),
        ("", 'must be a scheme such as "trunc_normal(0.1)"', None),
        ("(" * 100_000, 'must be a scheme such as "trunc_normal(0.1)"', None),
    ],
)
def test_refused(text, message, help):
    with pytest.raises(OpError) as caught:
        parse_init(text)
    assert caught.value.message == message
    assert caught.value.attribute == "init"
    assert caught.value.code == "E0402"
    if help is not None:
        assert caught.value.help == help


def test_unknown_schemes_are_answered_with_the_list():
    with pytest.raises(OpError) as caught:
        parse_init("magic")
    assert all(scheme in caught.value.help for scheme in SCHEMES)


@pytest.mark.parametrize("keyword", ["conv", "depthwise_conv", "separable_conv", "linear"])
def test_a_scheme_holds_for_kernels_and_zeroes_biases(keyword):
    given = {"channels": 4, "kernel": 3, "init": "normal(0.01)"}
    operator = BY_KEYWORD[keyword]
    op = build(operator, {name: value for name, value in given.items() if name in operator.model_fields})
    inputs = (TensorType((6,)),) if keyword == "linear" else MAP
    weights = op.weights(inputs)
    assert {weight.init for weight in weights if weight.role == "kernel"} == {Init("normal", (0.01,))}
    assert {weight.init for weight in weights if weight.role == "bias"} == {Init("zeros")}


def test_without_a_scheme_the_backend_decides():
    op = build(BY_KEYWORD["conv"], {"channels": 4, "kernel": 3})
    assert [weight.init for weight in op.weights(MAP)] == [None, None]
