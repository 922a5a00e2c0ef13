"""The intermediate representation: types, costs, the operator contract, the graph, its verifier and its dump."""

from archdsl.ir.cost import Cost
from archdsl.ir.dump import dump, fingerprint, show
from archdsl.ir.graph import Graph, Guard, Node, Origin, Output, Scope, Use
from archdsl.ir.op import Init, Input, Op, OpError, Types, Unsupported, Weight, Window
from archdsl.ir.provenance import Provenance
from archdsl.ir.report import Report, Row
from archdsl.ir.target import (
    MODULE_ATTRIBUTES,
    REQUIRED,
    Arg,
    OnnxConstant,
    OnnxForm,
    OnnxNode,
    OnnxTarget,
    TorchExpr,
    TorchModule,
    TorchSource,
    TorchTarget,
)
from archdsl.ir.types import TensorType
from archdsl.ir.verify import verify

__all__ = [
    "MODULE_ATTRIBUTES",
    "REQUIRED",
    "Arg",
    "Cost",
    "Graph",
    "Guard",
    "Init",
    "Input",
    "Node",
    "OnnxConstant",
    "OnnxForm",
    "OnnxNode",
    "OnnxTarget",
    "Op",
    "OpError",
    "Origin",
    "Output",
    "Provenance",
    "Report",
    "Row",
    "Scope",
    "TensorType",
    "TorchExpr",
    "TorchModule",
    "TorchSource",
    "TorchTarget",
    "Types",
    "Unsupported",
    "Use",
    "Weight",
    "Window",
    "dump",
    "fingerprint",
    "show",
    "verify",
]
