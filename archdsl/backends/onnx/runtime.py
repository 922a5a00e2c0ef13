"""ONNX Runtime: a model loaded and run, and the value of every node of a flat one."""

from collections.abc import Iterable, Mapping

import onnxruntime
from onnx import ModelProto

from archdsl.backends.onnx.model import Array

VERSION: str = onnxruntime.__version__


class Session:
    """A model, its bytes or the path of its file, that is loaded and ready to run, on so many ``threads``; 0 for all cores."""

    def __init__(self, model: bytes | str, threads: int = 0) -> None:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = threads
        self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self._inputs = [each.name for each in self._session.get_inputs()]
        self._outputs = [each.name for each in self._session.get_outputs()]

    def run(self, inputs: Iterable[Array]) -> dict[str, Array]:
        """Every output by its name in the model, in its order; ``inputs`` in theirs."""
        made = self._session.run(None, dict(zip(self._inputs, inputs, strict=True)))
        return dict(zip(self._outputs, made, strict=True))


def exposed(model: ModelProto) -> ModelProto:
    """``model`` itself with every value whose type it states as an output."""
    given = {each.name for each in model.graph.output}
    model.graph.output.extend([each for each in model.graph.value_info if each.name not in given])
    return model


def values(model: ModelProto, inputs: Iterable[Array]) -> Mapping[str, Array]:
    """What each node of ``model``, which is flat, gives, by the name of the value; the model is changed."""
    return Session(exposed(model).SerializeToString()).run(inputs)
