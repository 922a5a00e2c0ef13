"""How long ``archdsl summary inception_v4`` takes as a whole process, beside a script that counts timm's model with fvcore.

Both start a Python, print one row per module with parameters and operations, and end.  Two more processes show what is not
ours to save: Python itself, and the import of the packages that archdsl's front end stands on.
"""

import os
import statistics
import subprocess
import sys
from functools import partial
from importlib.util import find_spec

from timing import arguments, interleaved, machine, milliseconds, publish, show

ARCHDSL = "archdsl summary inception_v4"
REFERENCE = "timm + fvcore"

# torchvision, which timm imports, cannot load its compiled operators beside some builds of torch, and wants two of them
# declared; counting never calls them.
COUNT_WITH_FVCORE = """
import logging
import torch
from fvcore.nn import FlopCountAnalysis, flop_count_table

logging.getLogger("fvcore").setLevel(logging.ERROR)
try:
    import timm
except RuntimeError:
    library = torch.library.Library("torchvision", "DEF")
    for name in ("nms", "qnms"):
        library.define(name + "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    import timm

model = timm.create_model("inception_v4").eval()
print(flop_count_table(FlopCountAnalysis(model, torch.zeros(1, 3, 299, 299)), max_depth=4))
"""


def process(*command: str) -> None:
    """Run Python with ``command`` to its end, its output thrown away; where it fails, the benchmark ends with what it said."""
    # An installed package has its bytecode, so a source tree keeps it too, whatever the environment says.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(
        [sys.executable, *command], check=False, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment
    )
    if done.returncode:
        sys.exit(f"python {' '.join(command)}: exit status {done.returncode}\n{done.stderr}")


def main() -> None:
    settings = arguments("Whole-process time of a summary of Inception-v4", rounds=9)
    contenders = {
        ARCHDSL: partial(process, "-m", "archdsl", "summary", "inception_v4"),
        "python, imports of the front end": partial(process, "-c", "import click, lark, networkx, pydantic"),
        "python alone": partial(process, "-c", "pass"),
    }
    missing = [name for name in ("torch", "timm", "fvcore") if find_spec(name) is None]
    if missing:
        print(f"without {REFERENCE}: {', '.join(missing)} not installed\n")
    else:
        contenders[REFERENCE] = partial(process, "-c", COUNT_WITH_FVCORE)
    timings = interleaved(contenders, settings.rounds)
    ours = statistics.median(timings[ARCHDSL])
    rows = [[name, *milliseconds(each), f"{statistics.median(each) / ours:.2f}"] for name, each in timings.items()]
    show(["process", "median ms", "least", "greatest", "ratio"], rows)
    publish(settings, machine(["archdsl", "lark", "pydantic", "networkx", "click", "torch", "timm", "fvcore"]), timings)


if __name__ == "__main__":
    main()
