"""Patterns over our paths and templates for theirs."""

import pytest

from archdsl.weights.names import BadRule, Rule


@pytest.mark.parametrize(
    "pattern, template, path, expected",
    [
        ("fc", "head", "fc", ("head", "")),
        ("stem", "first", "stem.conv", ("first", "conv")),
        ("a", "x", "a[2].b", ("x", "[2].b")),
        ("c{1,2,3}", "f.{0,5,7}", "c2", ("f.5", "")),
        ("c{1,11}", "f.{0,1}", "c11", ("f.1", "")),
        ("a[i].{r,c}", "f.{6+i}.{0,1}", "a[10].c.bn", ("f.16.1", "bn")),
        ("a[1].r", "x", "a[1].r", ("x", "")),
        ("b[i]", "Mixed_6{i=b,c,d}", "b[2]", ("Mixed_6d", "")),
        ("{n=b1,b3.r}.{k=conv,bn}", "{k=conv2d,norm}_{12+n}", "b3.r.bn", ("norm_13", "")),
        ("a[i][j]", "{3*i+j}", "a[1][2]", ("5", "")),
        ("a[i]", "{(i+2)*3//2%5}{-1+n}", "a[1]", None),
        ("c", "{2*early+1}", "c", ("5", "")),
    ],
)
def test_a_rule_rewrites_the_beginning_of_a_path(pattern, template, path, expected):
    rule = Rule(pattern, template)
    if expected is None:
        with pytest.raises(BadRule):
            rule(path, {"early": 2})
    else:
        rule.check({"early": 2})
        assert rule(path, {"early": 2}) == expected


@pytest.mark.parametrize(
    "pattern, path", [("fc", "fc6"), ("fc", "a.fc"), ("a[i].r", "a.r"), ("a[1]", "a[11]"), ("{a,b}", "ab"), ("a.b", "axb")]
)
def test_a_rule_leaves_other_paths_alone(pattern, path):
    assert Rule(pattern, "x")(path, {}) is None


@pytest.mark.parametrize(
    "pattern, template, message",
    [
        ("a b", "x", "` b` is no part of a path"),
        ("a{b", "x", "`{b` is no part of a path"),
        ("a{b,}", "{0,1}", "empty alternative"),
        ("{n=a,b}{n=c,d}", "x", "`n` names two groups"),
        ("{a,b}", "{0,1,2}", "3 alternatives, its counterpart 2"),
        ("{n=a,b}", "{n=0,1,2}", "3 alternatives, its counterpart 2"),
        ("a", "{0,1}", "no counterpart"),
        ("a", "{i}", "`i` is not bound"),
        ("a", "{i=b,c}", "`i` is not bound"),
        ("a[i]", "{i", "a brace is not closed"),
        ("a[i]", "{i/2}", "no arithmetic"),
        ("a[i]", "{i**9}", "no arithmetic"),
        ("a[i]", "{True}", "no arithmetic"),
        ("a[i]", "{1//0}", "cannot be computed"),
        ("a[i]", "{print(1)}", "no arithmetic"),
        ("a[i]", "{i+}", "cannot be computed"),
        ("a[i]", "{}", "cannot be computed"),
        ("a[i][i]", "x", "redefinition"),
    ],
)
def test_a_rule_that_means_nothing_says_so(pattern, template, message):
    with pytest.raises(BadRule, match=message):
        Rule(pattern, template).check({})


def test_an_index_beyond_the_alternatives_is_a_fault_of_the_rule():
    rule = Rule("a[i]", "Mixed_{i=b,c}")
    rule.check({})
    with pytest.raises(BadRule, match="no alternative number 2"):
        rule("a[2]", {})
