"""Arrays from theirs to ours and back, by recipe, once a file is known to fit."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archdsl.diagnostics import error
from archdsl.ir import Graph
from archdsl.ir.weights import Match, Recipe, Stored, WeightFile, WeightMap, WeightReport, state_key
from archdsl.weights.rules import text_of

Array = NDArray[Any]


def read(report: WeightReport, file: WeightFile) -> dict[str, Array]:
    """Our weights by their keys, in the order of the network: float32, and int64 for counts.

    Wider numbers are rounded.  Raises E0708 for values that are not finite.
    """
    return {each.recipe.ours: _ours(each, file) for each in report}


def read_own(graph: Graph, file: WeightFile) -> dict[str, Array] | None:
    """The weights of a file with exactly our keys, shapes and element types: the file's own arrays; None for any other file.

    That is what :func:`read` gives by the native map, without the map and without copies: a caller who gives the arrays away
    copies them.  Raises E0708 for values that are not finite.
    """
    weights = {state_key(node.path, weight.name): weight for node in graph for weight in node.weights}
    if graph.renames or file.entries.keys() != weights.keys():
        return None
    kinds = {key: np.int64 if weight.role == "count" else np.float32 for key, weight in weights.items()}
    if any(file.entries[key] != Stored(weight.shape, kinds[key].__name__) for key, weight in weights.items()):
        return None
    return {key: _cast(file, key, kinds[key], copy=False) for key in weights}


def _ours(each: Match, file: WeightFile) -> Array:
    recipe = each.recipe
    kind = np.int64 if recipe.role == "count" else np.float32
    if recipe.theirs is None:
        return np.full(recipe.shape, recipe.fill, kind)
    array = _cast(file, recipe.theirs, kind)
    if each.wide and recipe.class_axis is not None:
        array = np.delete(array, 0, recipe.class_axis)
    array = array.reshape(recipe.view).transpose(recipe.axes).reshape(recipe.shape)
    if recipe.less is not None:
        array = array - _cast(file, recipe.less, kind)
    return np.ascontiguousarray(array).reshape(recipe.shape)  # numpy makes a vector of a scalar


def _cast(file: WeightFile, name: str, kind: type[np.generic], *, copy: bool = True) -> Array:
    found = np.asarray(file.read(name))
    stored = file.entries[name]
    if found.shape != stored.shape:
        raise error("E0709", f"`{name}` in `{file.path}` is {text_of(found.shape)}, the file says {text_of(stored.shape)}")
    with np.errstate(over="ignore", invalid="ignore"):
        array: Array = found.astype(kind, copy=copy)
    if not _is_finite(array) or (array.dtype != found.dtype and not _is_finite(found)):
        raise error("E0708", f"`{name}` in `{file.path}` has values that are not finite numbers")
    return array


def _is_finite(array: Array) -> bool:
    """Whether all values are finite; a sum, which is no number where one is not, is taken much faster than each is looked at."""
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(np.isfinite(array.sum()) or np.isfinite(array).all())


def written(map: WeightMap, arrays: Mapping[str, Array]) -> dict[str, Array]:
    """The weights as the other side names and stores them; the inverse of :func:`read`, apart from a background class.

    Raises E0708 where a weight is missing, or where the other side has no place for what it says.
    """
    if map.uncovered:
        raise error("E0708", f"`{map.source}` has no name for `{map.uncovered[0][0]}` of `{map.network}`")
    with_scale = not all(_is(arrays, recipe) for recipe in map.recipes if recipe.role == "scale" and recipe.fill is not None)
    if with_scale:
        first = next(recipe for recipe in map.recipes if recipe.role == "scale" and not _is(arrays, recipe))
        message = f"`{first.ours}` is not 1 everywhere, and batch normalisation has no scale in the layout of `{map.source}`"
        raise error("E0708", message)
    found: dict[str, Array] = {}
    for recipe in map.recipes:
        if recipe.theirs is None or (recipe.role == "scale" and recipe.fill is not None):
            continue
        found[recipe.theirs] = _theirs(recipe, _own(arrays, recipe))
        if recipe.less is not None:
            found[recipe.less] = np.zeros(recipe.shape, np.float32)
    return found


def _own(arrays: Mapping[str, Array], recipe: Recipe) -> Array:
    if recipe.ours not in arrays:
        raise error("E0708", f"`{recipe.ours}` is missing")
    return np.asarray(arrays[recipe.ours])


def _is(arrays: Mapping[str, Array], recipe: Recipe) -> bool:
    """Whether a weight holds nothing but what stands in for it where it is absent."""
    return bool((_own(arrays, recipe) == recipe.fill).all())


def _theirs(recipe: Recipe, array: Array) -> Array:
    moved = tuple(recipe.view[axis] for axis in recipe.axes)
    back = tuple(np.argsort(recipe.axes)) if recipe.axes else ()
    return np.ascontiguousarray(array.reshape(moved).transpose(back)).reshape(recipe.form)
