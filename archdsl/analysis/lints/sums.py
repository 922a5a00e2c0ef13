"""Rules about the sums of residuals (``residuals.py`` says what counts as one)."""

from archdsl.analysis.lints.residuals import Residual
from archdsl.analysis.lints.uses import Uses, callee, is_batch_norm, warning
from archdsl.diagnostics import Diagnostic, Label
from archdsl.ir import Node

MOST_FILTERS = 1000


def unscaled_sum(uses: Uses, residual: Residual) -> Diagnostic | None:
    """W101: a sum of more than 1000 filters whose body is added as it comes.

    Szegedy, Ioffe, Vanhoucke, Alemi, arXiv:1602.07261, section 3.3, saw residual networks beyond that width go to zero before
    the last pooling after some ten thousand steps.  A lower learning rate or one more batch normalisation did not prevent
    it; multiplying the bodies by 0.1 to 0.3 did.

    What died there are bodies that end in a bare convolution, on sums that nothing normalises.  So the rule is silent where a
    normalisation governs the size of what is added, as at the end of a bottleneck (He et al., arXiv:1512.03385: 2048 filters
    up to 152 layers), or where everything but the next sum reads the sum through one, as with pre-activation
    (He et al., arXiv:1603.05027: 2048 filters in 200 layers).
    """
    total = residual.sum
    if not total.type.is_map or total.type.channels <= MOST_FILTERS or abs(residual.factor) < 1:
        return None
    layer = _bare_layer(uses, residual.body)
    if layer is None or _is_pre_activated(uses, total):
        return None
    written = uses.written(total, "scale")
    called = callee(total.span)
    end = Label(uses.seen_from(layer, total), "nothing normalises what this gives")
    return warning(
        "W101",
        f"{total.type.channels} filters in an unscaled residual sum",
        Label(written or called, f"the body is added times {residual.factor:g}"),
        total.path,
        secondary=(end,) if written is None else (Label(called, "in this sum"), end),
        notes=(f"beyond {MOST_FILTERS} filters such networks died early in training: arXiv:1602.07261, section 3.3",),
        help=f"scale the body by 0.1 to 0.3: `{called.text}(scale=0.2) {{ … }}`",
    )


def _bare_layer(uses: Uses, end: Node) -> Node | None:
    """The layer that ``end`` comes from without a normalisation in between; None where there is none."""
    waiting = [end]
    seen = {end.path}
    while waiting:
        node = waiting.pop()
        if node.op.counts_as_layer:
            return node
        if node.op.family == "norm":
            continue
        for each in uses.entering(node):
            if each.path not in seen and not _is_gate(each, node):
                seen.add(each.path)
                waiting.append(each)
    return None


def _is_gate(entering: Node, node: Node) -> bool:
    """Whether ``entering`` is one value for each channel of a map: that weighs the map and does not make it."""
    return entering.type.elements == entering.type.channels and node.type.elements > node.type.channels


def _is_pre_activated(uses: Uses, total: Node) -> bool:
    """Whether whatever reads the sum, other sums apart, normalises it first."""
    readers = [each for each in uses.readers(total) if each.op.terms(uses.types(each)) is None]
    return bool(readers) and all(each.op.family == "norm" for each in readers)


def activation_before_sum(uses: Uses, residual: Residual) -> Diagnostic | None:
    """W102: a relu, or another activation without negative values, directly before the sum of a residual.

    Such a body can add and never take away, so that the signal only grows from sum to sum: He, Zhang, Ren, Sun,
    arXiv:1603.05027, section 4.1 and Fig. 4 (c), where the error of 110 layers on CIFAR-10 goes from 6.61 to 7.84 %.
    """
    end = residual.body
    if not end.op.nonnegative:
        return None
    name = end.op.keyword
    return warning(
        "W102",
        f"`{name}` directly before the sum of a residual",
        Label(uses.seen_from(end, residual.sum), f"ends in `{name}`, so that this body can add and never take away"),
        end.path,
        secondary=(Label(callee(residual.sum.span), "in this sum"),),
        help=f"end the body with a convolution or its normalisation, and put `{name}` behind the sum",
    )


def norm_after_sum(uses: Uses, residual: Residual) -> Diagnostic | None:
    """W103: batch normalisation directly after the sum of a residual, with no way around it.

    Szegedy et al., arXiv:1602.07261, section 3.2, normalise layers and leave out the summations, to save memory.  He et al.,
    arXiv:1603.05027, section 4.1 and Fig. 4 (b), give the stronger reason: on the sum it rescales what the shortcut is to
    pass on unchanged, and the error of 110 layers on CIFAR-10 goes from 6.61 to 8.17 %.

    With pre-activation normalisation follows sums by design: it belongs to the next body, and a shortcut goes around it.
    Where none does, at the end of a stage or of the network, the body of the sum begins with a normalisation itself, or its
    shortcut is a projection.  The rule is silent in all these cases.
    """
    norm = uses.only_reader(residual.sum)
    if norm is None or not is_batch_norm(norm) or not residual.is_identity:
        return None
    if any(node.op.family == "norm" for node in residual.begins):
        return None
    name = norm.op.keyword
    return warning(
        "W103",
        f"`{name}` directly after the sum of a residual",
        Label(uses.seen_from(norm, residual.sum), "rescales what the shortcut passes on"),
        norm.path,
        secondary=(Label(callee(residual.sum.span), "the sum"),),
        help=f"move `{name}` into the body, behind its last convolution",
    )
