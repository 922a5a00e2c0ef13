"""Small specs, and what becomes of them."""

import pytest

import archdsl
from archdsl.diagnostics import ArchError
from archdsl.ir import dump
from archdsl.source import Source


def arch(body, before="", parameters="", size="3, 8, 8"):
    """A spec whose only network has this body, one input and one output."""
    return f"{before}\narch net({parameters}) {{\ninput image: [N, {size}]\n{body}\noutput y\n}}\n"


def graph(text, **choices):
    """The graph of a spec."""
    return archdsl.load(Source("net.arch", text), **choices).graph


def flow(body, before="", parameters="", size="3, 8, 8", **choices):
    """The graph of a network with this body."""
    return graph(arch(body, before, parameters, size), **choices)


def paths(found):
    """Paths of all nodes but the inputs, in order."""
    return [node.path for node in found if node.op.family != "input"]


def shapes(found):
    """Shape of every node by path."""
    return {node.path: node.type.shape for node in found}


def text(body, before="", parameters="", size="3, 8, 8", **choices):
    """The dump of a network with this body."""
    return dump(flow(body, before, parameters, size, **choices))


def faults(spec, **choices):
    """The diagnostics of a spec that must be refused."""
    with pytest.raises(ArchError) as caught:
        graph(spec, **choices)
    return caught.value.diagnostics


def fault(body, before="", parameters="", size="3, 8, 8", **choices):
    """Code, marked text and help of the one fault of a network with this body."""
    (found,) = faults(arch(body, before, parameters, size), **choices)
    return found


def refused(body, code, marked, before="", parameters="", size="3, 8, 8", **choices):
    """Holds where the network is refused with ``code`` at the place that reads ``marked``; gives the diagnostic."""
    found = fault(body, before, parameters, size, **choices)
    assert (found.code, found.primary.span.text) == (code, marked), str(found)
    return found
