"""Run a file that ``archdsl compile --to torch`` wrote, once, with plain PyTorch.

    python examples/run_emitted.py out/inception_v4.py 3x299x299

The file is ordinary source: archdsl is not imported here.
"""

import importlib.util
import sys
import time
from pathlib import Path

import torch
from torch import nn


def network_class(path: Path) -> type[nn.Module]:
    """The class of the whole network: the last one in the file, after the blocks that it is made of."""
    specification = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    classes = [each for each in vars(module).values() if isinstance(each, type) and issubclass(each, nn.Module)]
    return [each for each in classes if each.__module__ == path.stem][-1]


def main(file: str, size: str) -> None:
    network = network_class(Path(file))
    torch.manual_seed(0)
    model = network().eval()
    image = torch.rand(1, *(int(number) for number in size.split("x")))
    begun = time.perf_counter()
    with torch.no_grad():
        output = model(image)
    parameters = sum(each.numel() for each in model.parameters())
    print(f"{network.__name__}: {parameters:,} parameters, {tuple(image.shape)} -> {tuple(output.shape)}", end="")
    print(f", {time.perf_counter() - begun:.2f} s on {torch.get_num_threads()} threads")


if __name__ == "__main__":
    main(*sys.argv[1:])
