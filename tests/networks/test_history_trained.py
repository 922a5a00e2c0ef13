"""Trained weights of SqueezeNet v1.1 in our network: it recognises photos as well as it did where the weights come from."""

import tarfile
from pathlib import Path

import numpy as np
import pytest

import archdsl

torch = pytest.importorskip("torch")
PIL_Image = pytest.importorskip("PIL.Image")
safetensors = pytest.importorskip("safetensors.torch")

DATA = Path(__file__).parents[3] / "shared" / "data"
WEIGHTS, PHOTOS = DATA / "squeezenet1_1.safetensors", DATA / "imagenet_sample.tar"

# Per cent of the photos with the right class among the first 1, 3 and 5, measured with other code.
PUBLISHED = {1: 60.9, 3: 78.9, 5: 83.9}
TOLERANCE = 1.0  # ways to shrink a photo differ by as much
BATCH = 10


@pytest.fixture(scope="module")
def weights():
    if not WEIGHTS.is_file():
        pytest.skip(f"needs the trained weights, {WEIGHTS}")
    return safetensors.load_file(WEIGHTS)


def test_names_are_those_of_the_weights(weights):
    """The spec labels its layers as the release does, so that the rule for names is to leave them as they are."""
    ours = archdsl.load("squeezenet1_1").to_torch().state_dict()
    assert {name: value.shape for name, value in weights.items()} == {name: value.shape for name, value in ours.items()}


def prepared(photo, about):
    """The photo as the weights want it: short side 256, the 227x227 in the middle, BGR less the mean."""
    assert about["channels"] == "BGR"
    scale = 256 / min(photo.size)
    photo = photo.convert("RGB").resize([round(side * scale) for side in photo.size], PIL_Image.Resampling.BICUBIC)
    left, top = ((side - 227) // 2 for side in photo.size)
    pixels = np.asarray(photo.crop((left, top, left + 227, top + 227)), dtype=np.float32)
    return (pixels[:, :, ::-1] - np.float32(about["mean"])).transpose(2, 0, 1)


def batches(about):
    """Photos, with the number of the first; they are in the order of their classes, one for each."""
    with tarfile.open(PHOTOS) as archive:
        names = sorted(archive.getnames())
        assert len(names) == 1000
        for start in range(0, len(names), BATCH):
            photos = [PIL_Image.open(archive.extractfile(name)) for name in names[start : start + BATCH]]
            yield start, torch.from_numpy(np.stack([prepared(photo, about) for photo in photos]))


@pytest.mark.slow
def test_recognises_photos(weights):
    if not PHOTOS.is_file():
        pytest.skip(f"needs a thousand photos, {PHOTOS}")
    network = archdsl.load("squeezenet1_1")
    model = network.to_torch().eval()
    model.load_state_dict(weights)
    model.to(memory_format=torch.channels_last)  # several times as fast on a CPU
    right = dict.fromkeys(PUBLISHED, 0)
    for start, images in batches(network.graph.about):
        with torch.inference_mode():
            ranked = model(images.contiguous(memory_format=torch.channels_last)).topk(max(PUBLISHED)).indices
        hits = ranked == torch.arange(start, start + len(images))[:, None]
        for first in right:
            right[first] += int(hits[:, :first].any(dim=1).sum())
    measured = {first: count / 10 for first, count in right.items()}
    print(f"top-1, top-3 and top-5 of 1000 photos: {measured}")  # noqa: T201
    assert measured == pytest.approx(PUBLISHED, abs=TOLERANCE)
