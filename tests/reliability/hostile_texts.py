"""Strings and names that would do harm where they are not escaped, and the places of a spec that take one."""

# ruff: noqa: E501, each spec stands on one line

import keyword

CANARY = "archdsl_canary"
CODE = f"open('{CANARY}','w').close()"
STRINGS = (
    *(
        f'"""\n{CODE}\n"""',
        f"'''\n{CODE}\n'''",
        f'"; {CODE}; "',
        f"'; {CODE}; '",
        f'\\"""\n{CODE}\n#',
        f'\\\\"""+{CODE}+"""',
        f'""" + {CODE} + """',
    ),
    *(
        f"{{{CODE}}}",
        f"{{{{{CODE}}}}}",
        f"%({CODE})s",
        f"${{{CODE}}}",
        f"\\N{{DIGIT ONE}}{CODE}",
        f"\\\n{CODE}",
        f"\\x22\\x22\\x22\n{CODE}",
        "\\",
        "\\\\",
        "\\u0022",
    ),
    *(
        "\u2028" + CODE,
        "\u2029" + CODE,
        "\x0b" + CODE,
        "\x0c" + CODE,
        "\x85" + CODE,
        "\x1c" + CODE,
        "\r" + CODE,
        "a\x00b",
        "\x1b[2J\x1b[31m",
        "\x07\x08",
        "\ufeff",
    ),
    *(
        "\u202ereversed",
        "\u2066isolated",
        "\u200bzero",
        "\U000e0041tag",
        "\ud800".encode("utf-8", "replace").decode(),
        "e\u0301\u0301\u0301",
        "\U0001f600",
        "名前",
    ),
    *(
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        '"><svg onload=alert(1)>',
        "javascript:alert(1)",
        "]]><!--",
        "--><b>",
        "&lt;&#60;",
        "<a href='//x'>",
    ),
    *(
        '"];a [URL="javascript:1"]; b [label="',
        "<<b>x</b>>",
        "\\N\\G\\l",
        "{a|b|<p>c}",
        "=cmd|' /C calc'!A0",
        "+1+1",
        "@SUM(A1)",
        "a,b;c\td",
        "| a | b |",
        "[x](y)",
    ),
    *(
        "```\n# x\n```",
        "::error file=a::b",
        "%0A::set-output",
        "\n::add-mask::x",
        "{{7*7}}",
        "{% raw %}",
        "$(touch x)",
        "`touch x`",
        "../../x",
        "con",
        "%s%n%d",
        "a" * 10_000,
    ),
)
_WORDS = (
    "self super cls torch nn F Tensor Outputs OrderedDict NamedTuple print eval exec open compile globals __import__ __class__ __init__ __dict__ "
    "__builtins__ __name__ _modules _parameters forward type training eval_ train parameters state_dict x out input outputs args kwargs len "
    "range list dict int object Exception True_ None_ match case _ __ a_1 a_2 relu relu_2 conv add in of set was as with"
)
NAMES = tuple(dict.fromkeys([*keyword.kwlist, *keyword.softkwlist, *_WORDS.split(), "n" * 64, "l", "O", "I"]))
# Where a string, and where a name, may stand.
STRING_PLACES = {
    "docstring of the file": '"""{}"""\nARCH',
    "docstring of the network": 'arch net() {{\n  """{}"""\n  input x: [N, 3, 8, 8]\n  c: conv(4, 3x3)\n  output y\n}}\n',
    "docstring of a block": 'block B() {{\n  """{}"""\n  c: conv(4, 3x3)\n}}\narch net() {{ input x: [N, 3, 8, 8]; b: B(); output y }}',
    "docstring of a repeat": 'arch net() {{ input x: [N, 3, 8, 8]; r: repeat 2 {{\n """{}"""\n c: conv(4, 3x3)\n }}; output y }}',
    "docstring of a variant": 'ARCHvariant v of net {{\n  """{}"""\n  set c:channels = 8\n}}\n',
    "comment of a block": "block B() {{ # {}\n  c: conv(4, 3x3)\n}}\narch net() {{ input x: [N, 3, 8, 8]; b: B(); output y }}",
    "comment": "# {}\nARCH",
    "fact": 'about {{ paper = "{}" }}\nARCH',
    "parameter": 'arch net(p = "{}") {{ input x: [N, 3, 8, 8]; c: conv(if p == "q" then 2 else 4, 3x3); output y }}',
    "argument of a block": 'block B(t) {{ c: conv(4, 3x3) }}\narch net() {{ input x: [N, 3, 8, 8]; b: B("{}"); output y }}',
    "argument of an operator": 'arch net() {{ input x: [N, 3, 8, 8]; c: conv(4, 3x3, init="{}"); output y }}',
    "constant": 'let s = "{}"\nARCH',
    "import": 'from "{}" import a\nARCH',
    "guard": 'arch net() {{ input x: [N, 3, 8, 8]; c: conv(4, 3x3) if "a" != "{}"; output y }}',
}
NAME_PLACES = {
    "label": "arch net() {{ input image: [N, 3, 8, 8]; {}: conv(4, 3x3); output y }}",
    "label of a body": "arch net() {{ input image: [N, 3, 8, 8]; {}: {{ a: conv(4, 3x3); relu }}; output y }}",
    "label of a repeat": "arch net() {{ input image: [N, 3, 8, 8]; {}: repeat 2 {{ a: conv(3, 3x3); relu }}; output y }}",
    "former label": "arch net() {{ input image: [N, 3, 8, 8]; a was {}: conv(4, 3x3); output y }}",
    "block": "block {0}(w = 3) {{ c: conv(w, 3x3); relu }}\narch net() {{ input image: [N, 3, 8, 8]; b: {0}(4); d: {0}(5); output y }}",
    "parameter of a block": "block B({0}) {{ c: conv({0}, 3x3); relu }}\narch net() {{ input image: [N, 3, 8, 8]; b: B(4); d: B({0}=5); output y }}",
    "flag of a block": "block B({0} = true) {{ c: conv(3, 3x3) if {0}; relu }}\narch net() {{ input image: [N, 3, 8, 8]; b: B(); d: B(false); output y }}",
    "network": "arch {}() {{ input image: [N, 3, 8, 8]; c: conv(4, 3x3); output y }}",
    "parameter of the network": "arch net({0} = 4) {{ input image: [N, 3, 8, 8]; c: conv({0}, 3x3); output y }}",
    "input": "arch net() {{ input {}: [N, 3, 8, 8]; c: conv(4, 3x3); output y }}",
    "output": "arch net() {{ input image: [N, 3, 8, 8]; c: conv(4, 3x3); output first; relu; output {} }}",
    "only output": "arch net() {{ input image: [N, 3, 8, 8]; c: conv(4, 3x3); output {} }}",
    "tap": "arch net() {{ input image: [N, 3, 8, 8]; tap {0}; c: conv(3, 3x3); add {{ {{}}; from {0} }}; output y }}",
    "size": "arch net() {{ input image: [{0}, 3, {0}a = 8, 8]; c: conv(4, 3x3); output y }}",
    "constant": "let {0} = 4\narch net() {{ input image: [N, 3, 8, 8]; c: conv({0}, 3x3); output y }}",
    "index": "arch net() {{ input image: [N, 3, 8, 8]; r: repeat {0} in 2 {{ c: conv({0} + 1, 3x3) }}; output y }}",
    "fact": "about {{ {} = 1 }}\narch net() {{ input image: [N, 3, 8, 8]; c: conv(4, 3x3); output y }}",
    "variant": "arch net() {{ input image: [N, 3, 8, 8]; c: conv(4, 3x3); output y }}\nvariant {} of net {{ set c:channels = 5 }}",
}
NETWORK = "arch net() {{ input x: [N, 3, 8, 8]; c: conv(4, 3x3); relu; output y }}\n"
