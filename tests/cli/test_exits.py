"""Exit codes, streams, colour, and what happens where the world does not play along."""

import json
import os
import re
import signal
import subprocess
import time
from functools import partial

import pytest

from archdsl import pipeline
from archdsl.diagnostics import InternalError
from archdsl.limits import Limits

NO_TRACEBACK = re.compile(r"^(?!.*Traceback)", re.DOTALL)


# --- usage: 2 ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line, said",
    [
        ("sumary good.arch", "no command `sumary`; did you mean `summary`?"),
        ("frobnicate", "no command `frobnicate`"),
        ("summary good.arch --inptu 3x8x8", "'--input'"),
        ("summary", "SPEC"),
        ("check", "SPEC"),
        ("summary good.arch --depth -1", "--depth"),
        ("compile good.arch", "--to"),
        ("compile good.arch --to fortran", "fortran"),
        ("summary good.arch --input 3x", "`3x` is not a size"),
        ("summary good.arch --input 3xax8", "is not a size"),
        ("summary good.arch --input 3x-8x8", "is not a size"),
        ("summary good.arch --input ٣x8x8", "is not a size"),
        ("summary good.arch --input 1=3x8x8", "is not a size"),
        ("summary good.arch --input 3x8x8 --input 3x9x9", "need a name each"),
        ("summary good.arch --set classes", "name=value"),
        ("summary good.arch --set =3", "name=value"),
        ("summary good.arch --set classes=", "name=value"),
        ("", "Usage"),
    ],
)
def test_a_wrong_command_line_is_2_and_says_why(archdsl, line, said):
    ran = archdsl(*line.split())
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err
    assert NO_TRACEBACK.match(ran.err)


# --- the spec: 1 ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line, code",
    [
        ("summary faulty.arch", "E0201"),
        ("summary absent.arch", "E0601"),
        ("summary ./absent", "E0601"),
        ("summary inception_v5", "E0601"),
        ("summary ./", "E0604"),
        ("summary good.arch --input 3x8", "E0405"),
        ("summary good.arch --input 3x0x8", "E0402"),
        ("summary good.arch --input 3x99999999999x8", "E0402"),
        ("summary good.arch --input picture=3x8x8", "E0405"),
        ("summary good.arch --set klasses=3", "E0405"),
        ("summary good.arch --set classes=3+", "E0101"),
        ("summary several.arch", "E0503"),
        ("summary good.arch --ops no_such_module", "E0506"),
        ("summary good.arch --ops ./absent.py", "E0506"),
        ("compile faulty.arch --to ir -o out.ir", "E0201"),
    ],
)
def test_a_spec_at_fault_is_1_with_its_code(archdsl, folder, line, code):
    ran = archdsl(*line.split())
    assert (ran.code, ran.out) == (1, "")
    assert f"error[{code}]" in ran.err
    assert NO_TRACEBACK.match(ran.err)
    assert not (folder / "out.ir").exists()


def test_an_unknown_bundled_name_gets_a_suggestion(archdsl):
    assert "did you mean `inception_v4`?" in archdsl("summary", "inception_v5").err


def test_a_bundled_name_never_leaves_the_library(archdsl):
    for name in ("../specs/inception_v4", "lib/inception", "..", "inception_v4.arch"):
        ran = archdsl("summary", name)
        assert (ran.code, ran.out) == (1, ""), name


def test_a_file_of_the_name_of_a_bundled_network_goes_first(archdsl, folder):
    (folder / "good.arch").rename(folder / "inception_v4")
    assert archdsl("summary", "inception_v4").out.startswith("good: ")


def test_an_expression_on_the_command_line_is_shown_where_it_is_wrong(archdsl):
    ran = archdsl("summary", "good.arch", "--set", "classes=1/0")
    assert ran.code == 1
    assert "--> <command line>:1:" in ran.err


# --- the environment: 3 --------------------------------------------------------------------------------------------------


def test_an_output_in_a_folder_that_is_not_there(archdsl):
    ran = archdsl("compile", "good.arch", "--to", "ir", "-o", "absent/good.ir")
    assert (ran.code, ran.out) == (3, "")
    assert ran.err == "error: `absent`: the folder does not exist\n"


def test_an_output_that_is_a_folder(archdsl, folder):
    ran = archdsl("compile", "good.arch", "--to", "ir", "-o", folder)
    assert (ran.code, ran.err) == (3, f"error: `{folder}`: is a folder\n")


def test_a_full_disk_leaves_the_old_file(archdsl, folder, monkeypatch):
    (folder / "good.ir").write_text("old", encoding="utf-8")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    ran = archdsl("compile", "good.arch", "--to", "ir", "-o", "good.ir")
    assert (ran.code, ran.err) == (3, "error: `good.ir`: No space left on device\n")
    assert (folder / "good.ir").read_text(encoding="utf-8") == "old"
    assert not list(folder.glob(".archdsl*"))


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")
def test_a_full_standard_output(process):
    with open("/dev/full", "w", encoding="utf-8") as full:
        ran = process("summary", "good.arch", stdout=full)
    assert ran.code == 3
    assert ran.err == "error: No space left on device\n"


@pytest.mark.skipif(os.name == "nt", reason="needs a POSIX shell")
@pytest.mark.parametrize("line, code", [("summary good.arch >&-", 3), ("summary - <&-", 1)])
def test_closed_standard_streams(command, line, code):
    shell = ["/bin/sh", "-c", f'"$@" {line}', "sh", *command()]
    ended = subprocess.run(shell, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == code, ended.stderr
    assert "closed" in ended.stderr
    assert NO_TRACEBACK.match(ended.stderr)


def test_out_of_memory_is_3(archdsl, monkeypatch):
    monkeypatch.setattr(pipeline, "open_spec", raiser(MemoryError()))
    ran = archdsl("summary", "good.arch")
    assert (ran.code, ran.err) == (3, "error: out of memory\n")


WITHOUT_TORCH = "sys.modules['torch'] = None"


def test_without_torch_source_text_is_emitted_all_the_same(process):
    ran = process("compile", "good.arch", "--to", "torch", before=WITHOUT_TORCH)
    assert (ran.code, ran.err) == (0, "")
    assert "nn.Module" in ran.out


def test_without_torch_a_model_is_written_and_a_summary_told(process, folder):
    for form in ((), ("--flat",), ("--structure",)):
        ran = process("compile", "good.arch", "--to", "onnx", *form, "-o", "good.onnx", before=WITHOUT_TORCH)
        assert (ran.code, ran.out) == (0, "")
        assert (folder / "good.onnx").stat().st_size > 0
        (folder / "good.onnx").unlink()
    ran = process("summary", "good.arch", before=WITHOUT_TORCH)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("good: ")


def test_without_torch_a_module_needs_an_install_line(process):
    before = f"{WITHOUT_TORCH}\nfrom archdsl.pipeline import Network\nNetwork.report = property(Network.to_torch)"
    ran = process("summary", "good.arch", before=before)
    assert (ran.code, ran.out) == (3, "")
    assert ran.err == 'error: torch is not installed; install it with: pip install "archdsl[torch]"\n'


def test_a_missing_dependency_is_3(process):
    ran = process("summary", "good.arch", before="sys.modules['lark'] = None")
    assert (ran.code, ran.out) == (3, "")
    assert "lark" in ran.err
    assert "archdsl doctor" in ran.err
    assert NO_TRACEBACK.match(ran.err)


# --- our own bug: 70 -----------------------------------------------------------------------------------------------------


def raiser(fault):
    def fail(*_, **__):
        raise fault

    return fail


@pytest.mark.parametrize("fault", [KeyError("x"), InternalError("two nodes at `a`"), RecursionError("too deep")])
def test_a_bug_of_ours_is_70_and_asks_for_a_report(archdsl, monkeypatch, fault):
    monkeypatch.setattr(pipeline, "open_spec", raiser(fault))
    ran = archdsl("summary", "good.arch")
    assert (ran.code, ran.out) == (70, "")
    assert type(fault).__name__ in ran.err
    assert "please report it" in ran.err
    assert NO_TRACEBACK.match(ran.err)
    assert "Traceback" in archdsl("-v", "summary", "good.arch").err
    monkeypatch.setenv("ARCHDSL_DEBUG", "1")
    assert "Traceback" in archdsl("summary", "good.arch").err


# --- interruption, pipes -------------------------------------------------------------------------------------------------


def test_ctrl_c_is_130(archdsl, monkeypatch):
    monkeypatch.setattr(pipeline, "open_spec", raiser(KeyboardInterrupt()))
    ran = archdsl("summary", "good.arch")
    assert (ran.code, ran.out, ran.err) == (130, "", "error: interrupted\n")


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")
def test_a_real_interrupt_is_130(command):
    before = "import archdsl.pipeline as p, time\np.open_spec = lambda *_, **__: (print('ready', flush=True), time.sleep(60))"
    line = [*command(before), "summary", "good.arch"]
    heed = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # a job in the background would inherit deafness
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=heed) as child:  # noqa: PLW1509
        assert child.stdout.readline() == "ready\n"
        time.sleep(0.1)
        child.send_signal(signal.SIGINT)
        _, err = child.communicate(timeout=30)
    assert (child.returncode, err) == (130, "error: interrupted\n")


LEAVING = {"summary inception_v4 --csv": 0, "compile inception_v4 --to ir": 0, "list": 0, "check faulty.arch --format json": 1}


@pytest.mark.parametrize("line, code", LEAVING.items())
def test_a_reader_that_leaves_changes_no_verdict(process, line, code):
    read, write = os.pipe()
    os.close(read)
    try:
        ran = process(*line.split(), stdout=write)
    finally:
        os.close(write)
    assert (ran.code, ran.err) == (code, "")


# --- verbosity, colour, encodings ----------------------------------------------------------------------------------------


def test_quiet_keeps_errors_and_drops_the_rest(archdsl):
    assert archdsl("-q", "check", "good.arch").err == ""
    err = archdsl("check", "-q", "faulty.arch").err
    assert "E0201" in err
    assert "1 spec" not in err


@pytest.mark.parametrize(
    "environment, coloured",
    [
        ({}, False),
        ({"FORCE_COLOR": "1"}, True),
        ({"FORCE_COLOR": "0"}, False),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        ({"FORCE_COLOR": "1", "NO_COLOR": ""}, True),
    ],
)
def test_colour_follows_the_environment(archdsl, monkeypatch, environment, coloured):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert ("\x1b[" in archdsl("check", "faulty.arch").err) == coloured
    assert "\x1b[" not in archdsl("summary", "good.arch").out


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs a pseudo-terminal")
@pytest.mark.parametrize("no_colour", [False, True])
def test_colour_on_a_terminal(command, no_colour):
    ours, theirs = os.openpty()
    environment = {**os.environ, "TERM": "xterm", **({"NO_COLOR": "1"} if no_colour else {})}
    line = [*command(), "check", "faulty.arch"]
    with subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=theirs, env=environment) as child:
        os.close(theirs)
        shown = b""
        while b"1 error" not in shown:
            shown += os.read(ours, 1 << 16)
        child.wait(timeout=30)
    os.close(ours)
    assert (b"\x1b[1;31merror" in shown) != no_colour


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_characters_beyond_the_encoding_do_not_stop_it(process, folder, monkeypatch, encoding):
    text = '"""größer → 大"""\narch odd() { input x: [N, 3, 8, 8]; ж: relu; output y }'
    (folder / "odd.arch").write_text(text, encoding="utf-8")
    monkeypatch.setenv("PYTHONIOENCODING", encoding)
    ran = process("check", "odd.arch")
    assert ran.code == 1
    assert NO_TRACEBACK.match(ran.err)
    found = json.loads(process("check", "odd.arch", "--format", "json").out)
    assert found["diagnostics"][0]["file"] == "odd.arch"


def test_what_a_program_reads_is_utf_8_whatever_the_locale(process, folder, monkeypatch):
    (folder / "odd.arch").write_text("# größer → 大\narch odd() { input x: [N, 3, 8, 8]; a: relu; output y }", encoding="utf-8")
    monkeypatch.setenv("PYTHONIOENCODING", "latin-1")
    assert process("compile", "odd.arch", "--to", "ast").code == 0


# --- limits of a process ---------------------------------------------------------------------------------------------------


def test_standard_input_beyond_the_limit_is_refused(process, folder):
    (folder / "large.arch").write_text("#" * (Limits().file_bytes + 1), encoding="utf-8")
    with (folder / "large.arch").open(encoding="utf-8") as spec:
        ran = process("check", "-", stdin=spec)
    assert ran.code == 1
    assert "E0105" in ran.err
