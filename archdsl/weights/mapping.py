"""A map for one network: the rules of a file applied to every weight of a graph."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from archdsl.ir import Graph, Node, Weight, fingerprint
from archdsl.ir.weights import NATIVE, Recipe, WeightMap, state_key
from archdsl.weights.layout import TORCH, NoPlace
from archdsl.weights.names import BadRule, Rule
from archdsl.weights.older import contests, older_names
from archdsl.weights.rules import Rules, check


def native(graph: Graph) -> WeightMap:
    """The map of our own layout, in which every weight has its own name, or an older one that the spec tells of."""
    recipes = []
    for node, weight in _weights(graph):
        name = state_key(node.path, weight.name)
        recipe = TORCH.recipe(graph, node, weight, None)
        recipes.append(replace(recipe, ours=name, theirs=name, fill=_fill(weight, gamma=True)))
    names = [each.ours for each in recipes]
    older = older_names(graph, names)
    contested = contests(graph, names, older)
    unique = {old: next(iter(heirs)) for old, heirs in older.items() if len(heirs) == 1}
    unsettled = {*names, *(name for each in contested for reading in each.readings for name in reading)}
    return WeightMap(
        graph.name,
        NATIVE,
        graph.name,
        tuple(recipes),
        older={old: new for old, new in unique.items() if old not in unsettled},
        contests=contested,
        fingerprint=fingerprint(graph) if contested else "",
    )


def build(graph: Graph, rules: Rules, source: str | None = None) -> WeightMap:
    """The map that ``rules`` make for ``graph``; raises E0710 where they contradict themselves or leave a doubt."""
    theirs = rules.networks.get(graph.name, graph.name)
    builder = _Builder(graph, rules, theirs)
    recipes = []
    uncovered = []
    for node, weight in _weights(graph):
        recipe = builder.recipe(node, weight)
        if recipe is None:
            uncovered.append((state_key(node.path, weight.name), weight.shape))
        else:
            recipes.append(recipe)
    _distinct(rules, recipes)
    return WeightMap(
        graph.name,
        source or rules.sources[0],
        theirs,
        tuple(recipes),
        tuple(uncovered),
        tuple(_unused(graph, rules)),
        rules.numbered,
        rules.layout.separator,
        rules.note,
        unmet=tuple(
            (name, value, graph.arguments[name])
            for name, value in rules.parameters.items()
            if graph.arguments.get(name, value) != value
        ),
    )


def _weights(graph: Graph) -> Iterator[tuple[Node, Weight]]:
    return ((node, weight) for node in graph for weight in node.weights)


def _unused(graph: Graph, rules: Rules) -> Iterator[str]:
    """Patterns of names that may be left over, in view of what the network has and has not."""
    for path, patterns in rules.unused.items():
        if path == "always" or not any(f"{state_key(node.path)}.".startswith(f"{path}.") for node in graph):
            yield from patterns


class _Builder:
    """The rules at work on one graph."""

    def __init__(self, graph: Graph, rules: Rules, theirs: str) -> None:
        self.graph, self.rules, self.layout = graph, rules, rules.layout
        numbers = {name: value for name, value in graph.arguments.items() if isinstance(value, int)}
        self.numbers = {name: value for name, value in numbers.items() if not isinstance(value, bool)}
        self.layers = check(rules, self.numbers, theirs)
        self.places: dict[str, tuple[str, str | None] | None] = {}

    def recipe(self, node: Node, weight: Weight) -> Recipe | None:
        """How a weight is made from theirs; None where no rule speaks of its layer."""
        place = self.place(node.path)
        if place is None:
            return None
        layer, kind = place
        name = state_key(node.path, weight.name)
        try:
            recipe = self.layout.recipe(self.graph, node, weight, kind)
        except NoPlace as fault:
            raise self.rules.fault(f"`{name}`: {fault}", "layout") from None
        variable = self.layout.variable(weight)
        recipe = replace(
            recipe,
            ours=name,
            theirs=None if variable is None else self.name(layer, variable),
            fill=_fill(weight, gamma=self.rules.gamma),
        )
        if state_key(node.path) in self.rules.background and weight.role in ("kernel", "bias"):
            recipe = replace(recipe, class_axis=len(recipe.form) - 1 if self.layout.channels_last else 0)
        if self.rules.conv_bias and weight.role == "mean":
            recipe = replace(recipe, less=self.conv_bias(node))
        return recipe

    def place(self, path: str) -> tuple[str, str | None] | None:
        """Their name for the layer at ``path``, and as what they compute it; None where no rule speaks of it."""
        if path not in self.places:
            self.places[path] = self.looked_up(path)
        return self.places[path]

    def looked_up(self, path: str) -> tuple[str, str | None] | None:
        """The same, from the rules."""
        found: list[tuple[Rule, str]] = []
        for rule in self.layers:
            try:
                rewritten = rule(path, self.numbers)
            except BadRule as fault:
                raise self.rules.fault(f"the rule for `{rule.pattern}` at `{path}`: {fault}", rule.pattern) from None
            if rewritten is not None:
                found.append((rule, self.joined(*rewritten)))
        if len(found) > 1:
            patterns = " and ".join(f"`{rule.pattern}`" for rule, _ in found[:2])
            raise self.rules.fault(f"{patterns} both speak of `{path}`", found[1][0].pattern)
        return None if not found else (found[0][1], found[0][0].kind)

    def joined(self, name: str, rest: str) -> str:
        """Their name with the rest of our path behind it, as they call that."""
        below = self.rules.below.get(rest, state_key(rest))
        return self.layout.separator.join(part for part in (name, below) if part)

    def name(self, layer: str, variable: str) -> str:
        """The name of an array as the library writes it: number 0 of a stem that it numbers is the stem alone."""
        stem = layer.removesuffix("_0")
        return f"{stem if stem in self.rules.numbered else layer}{self.layout.separator}{variable}"

    def conv_bias(self, node: Node) -> str | None:
        """Their name for the bias of the convolution before the batch normalisation ``node``, where ours has none."""
        before = self.graph[node.inputs[0]]
        if before.op.family != "conv" or any(weight.role == "bias" for weight in before.weights):
            return None
        place = self.place(before.path)
        return None if place is None else self.name(place[0], self.layout.variables["bias"])


def _fill(weight: Weight, *, gamma: bool) -> float | None:
    """What stands in for an array that the other side may lack."""
    if weight.role == "count":
        return 0.0
    return 1.0 if weight.role == "scale" and not gamma else None


def _distinct(rules: Rules, recipes: Iterable[Recipe]) -> None:
    """Raises E0710 where two of our weights would come from one array."""
    seen: dict[str, str] = {}
    for recipe in recipes:
        for name in recipe.sources:
            if name in seen:
                raise rules.fault(f"`{seen[name]}` and `{recipe.ours}` would both be made from `{name}`", "layers")
            seen[name] = recipe.ours
