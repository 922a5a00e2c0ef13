"""Load a network from its text, look at it, and run it once."""

from pathlib import Path

import torch

import archdsl

net = archdsl.load(Path(__file__).with_name("digits.arch"))
print(net.summary())

# An ordinary nn.Module; the names of its weights are the labels in the spec.
model = net.to_torch()
print("weights:", ", ".join(name for name, _ in model.named_parameters()))

torch.manual_seed(0)
images = torch.rand(4, 1, 28, 28)
print("logits:", tuple(model(images).shape))

# Parameters of the network are keyword arguments, and an input size may differ from the declared one.
letters = archdsl.load(Path(__file__).with_name("digits.arch"), classes=26, input=(1, 32, 32))
print("logits for letters:", tuple(letters.to_torch()(torch.rand(4, 1, 32, 32)).shape))
