"""Use an operator of one's own: count it, run it, train it, and write it into a file that stands alone.

On the command line, the same goes with ``--ops``:

    archdsl summary retrieval.arch --ops gem.py
"""

from pathlib import Path

import torch

import archdsl

here = Path(__file__).parent

try:
    archdsl.load(here / "retrieval.arch")
except archdsl.ArchError as fault:
    # A spec never enables code by itself.
    print("without the operator:", fault.diagnostics[0].message)

net = archdsl.load(here / "retrieval.arch", ops=str(here / "gem.py"))
print(net.summary())

torch.manual_seed(0)
model = net.to_torch()
descriptors = model(torch.rand(2, 3, 64, 48))
print("descriptors:", tuple(descriptors.shape))

descriptors.square().sum().backward()
exponent = dict(model.named_parameters())["gem.p"]
print(f"exponent: {exponent.item():g}, with a gradient: {exponent.grad is not None}")

source = net.to_torch_source()
print("emitted with the operator's class:", "class GemPool(nn.Module):" in source)
print("emitted without archdsl:", "import archdsl" not in source)
