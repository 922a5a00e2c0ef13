"""Whatever bytes or tokens come, the compiler ends in a network or in its own report."""

# ruff: noqa: E501, the words of the language on few lines

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.reliability.judged import judge
from tests.reliability.seeds import LANGUAGE, seeds

WORDS = (
    "arch block variant of let defaults about input output expect tap from import as repeat in side residual concat add mul conv bn relu linear "
    "max_pool global_avg_pool flatten set drop replace insert with before after if then else and or not true false same valid sym min max N "
    'x y a b c in.c 1 2 3 0 64 3x3 1x1 0.5 1e-3 1e309 -1 "text" """ # ( ) [ ] { } : ; , = -> + - * / // % == < . ** [*] [1..2] \n \r\n \0 é'
).split(" ")
NETWORK = "arch a() {{\n input x: [N, 3, 8, 8]\n {}\n output y\n}}\n"
tokens = st.lists(st.sampled_from(WORDS), max_size=60).map(" ".join)


@settings(max_examples=400)
@given(st.binary(max_size=400))
@example(b"\xef\xbb\xbf")
@example(b"\xff\xfe")
@example(b"\x00")
@example("arch é() {}".encode())
def test_random_bytes(content):
    judge(content)


@settings(max_examples=200)
@given(st.text(max_size=200))
@example("\u2028")
@example('"' * 7)
def test_random_text(text):
    judge(text.encode("utf-8", "surrogatepass"))


@settings(max_examples=400)
@given(tokens)
def test_random_tokens_as_a_file(text):
    judge(text.encode())


@settings(max_examples=400)
@given(tokens)
def test_random_tokens_in_a_network(text):
    judge(NETWORK.format(text).encode())


@settings(max_examples=200)
@given(st.sampled_from([*LANGUAGE, *seeds()]), st.data())
def test_a_token_put_anywhere(text, data):
    at = data.draw(st.integers(0, len(text)))
    length = data.draw(st.integers(0, 20))
    judge((text[:at] + data.draw(tokens) + text[at + length :]).encode())
