"""Right answers of lesson 09 and the wrong ones a clever reader would try, by the thought behind them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = [
    "always",
    "averaged",
    "cheapest",
    "column_as_head",
    "dearest",
    "is_own",
    "largest_carried",
    "largest_change",
    "largest_entry",
    "left_changed",
    "own_and_left_changed",
    "own_if_below_cut",
    "own_if_cut",
    "own_if_first_cut",
    "own_if_own_cut",
    "own_if_past_forgotten",
    "own_layer_first",
    "own_layer_only",
    "own_of_layer_zero",
    "past_only",
    "routed",
    "rows_of",
    "same_head_only",
    "softmaxed",
    "transposed",
    "unsigned",
]


def rows_of(seed: int) -> Any:
    """Return a few expressions for the small models on which answers are tried."""
    from ..task import expressions

    return expressions(3, 12, 900 + seed)


def routed(R: Any, raws: Sequence[Any]) -> Any:
    """Return every row's sum of raw heads, each times its entry [B, H, L, E]."""
    import torch

    return torch.einsum("hs,bsle->bhle", R, torch.cat(list(raws), dim=1))


def own_layer_first(R: Any, raws: Sequence[Any]) -> Any:
    return routed(R, list(raws)[::-1])


def transposed(R: Any, raws: Sequence[Any]) -> Any:
    heads = R.shape[0]
    blocks = [part.T for part in R.split(heads, dim=1)]
    import torch

    return routed(torch.cat(blocks, dim=1), raws)


def softmaxed(R: Any, raws: Sequence[Any]) -> Any:
    return routed(R.softmax(dim=1), raws)


def own_layer_only(R: Any, raws: Sequence[Any]) -> Any:
    return routed(R[:, -R.shape[0] :], raws[-1:])


def averaged(R: Any, raws: Sequence[Any]) -> Any:
    return routed(R, raws) / len(raws)


def unsigned(R: Any, raws: Sequence[Any]) -> Any:
    return routed(R.abs(), raws)


def same_head_only(R: Any, raws: Sequence[Any]) -> Any:
    import torch

    return routed(R * torch.eye(R.shape[0]).repeat(1, len(raws)), raws)


def _costs(model: ModelLike, loss: Callable[[Any], float], layer: int) -> dict[tuple[int, int, int], float]:
    from labkit.interventions import edit

    from ..method import SetRoute, routers_of

    router, costs = routers_of(model)[layer], {}
    for head in range(router.heads):
        for source in router.layers:
            for source_head in range(router.heads):
                with edit(model, SetRoute(layer, head, source, source_head, 0.0)):
                    costs[head, source, source_head] = float(loss(model))
    return costs


def dearest(model: ModelLike, loss: Callable[[Any], float], layer: int) -> tuple[int, int, int]:
    """Return the entry of a layer's router without which the loss is highest: (head, source, source head)."""
    costs = _costs(model, loss, layer)
    return max(costs, key=costs.__getitem__)


def cheapest(model: ModelLike, loss: Callable[[Any], float], layer: int) -> tuple[int, int, int]:
    costs = _costs(model, loss, layer)
    return min(costs, key=costs.__getitem__)


def largest_change(model: ModelLike, loss: Callable[[Any], float], layer: int) -> tuple[int, int, int]:
    intact, costs = loss(model), _costs(model, loss, layer)
    return max(costs, key=lambda entry: abs(costs[entry] - intact))


def past_only(model: ModelLike, loss: Callable[[Any], float], layer: int) -> tuple[int, int, int]:
    costs = {entry: cost for entry, cost in _costs(model, loss, layer).items() if entry[1] < layer}
    return max(costs, key=costs.__getitem__)


def _largest(matrix: Any, heads: int) -> tuple[int, int, int]:
    place = int(matrix.argmax())
    head, column = divmod(place, matrix.shape[1])
    return head, column // heads, column % heads


def largest_entry(model: ModelLike, loss: Callable[[Any], float], layer: int) -> tuple[int, int, int]:
    from ..method import routers_of

    router = routers_of(model)[layer]
    return _largest(router.weight.detach().abs(), router.heads)


def largest_carried(model: ModelLike, loss: Callable[[Any], float], layer: int) -> tuple[int, int, int]:
    import torch

    from ..experiments.capture import capture
    from ..method import routers_of

    router, sizes = routers_of(model)[layer], capture(model, rows_of(0)).raw_sizes
    return _largest(router.weight.detach().abs() * torch.cat(list(sizes[: layer + 1])).float(), router.heads)


def left_changed(model: ModelLike, loss: Callable[[Any], float], layer: int) -> tuple[int, int, int]:
    import torch

    from ..method import routers_of

    found = dearest(model, loss, layer)
    with torch.no_grad():
        routers_of(model)[layer].weight[0, 0] = 0.0
    return found


def column_as_head(model: ModelLike, loss: Callable[[Any], float], layer: int) -> tuple[int, int, int]:
    from ..method import routers_of

    head, source, source_head = dearest(model, loss, layer)
    return head, source, source * routers_of(model)[layer].heads + source_head


def is_own(values_of: Callable, model: ModelLike, rows: Any, layer: int) -> bool:
    """Return whether zeroing a layer's own router leaves the values said to be its own as they were."""
    import torch

    from labkit.interventions import edit

    from ..method import SetRouter, routers_of

    before = values_of(model, rows)[layer]
    zeros = torch.zeros_like(routers_of(model)[layer].weight)
    with edit(model, SetRouter(layer, zeros.tolist())):
        return torch.equal(before, values_of(model, rows)[layer])


def always(answer: bool) -> Callable[..., bool]:
    """Return a test that knows before it looks."""
    return lambda values_of, model, rows, layer: answer


def _unmoved(values_of: Callable, model: ModelLike, rows: Any, layer: int, *edits: Any) -> bool:
    import torch

    from labkit.interventions import edit

    before = values_of(model, rows)[layer]
    with edit(model, *edits):
        return torch.equal(before, values_of(model, rows)[layer])


def own_if_past_forgotten(values_of: Callable, model: ModelLike, rows: Any, layer: int) -> bool:
    from ..method import ForgetPast

    return _unmoved(values_of, model, rows, layer, ForgetPast())


def own_if_cut(values_of: Callable, model: ModelLike, rows: Any, layer: int, source: int) -> bool:
    from ..method import CutRoutes

    return _unmoved(values_of, model, rows, layer, CutRoutes(layer, source))


def own_if_first_cut(values_of: Callable, model: ModelLike, rows: Any, layer: int) -> bool:
    return own_if_cut(values_of, model, rows, layer, 0)


def own_if_below_cut(values_of: Callable, model: ModelLike, rows: Any, layer: int) -> bool:
    return own_if_cut(values_of, model, rows, layer, layer - 1)


def own_if_own_cut(values_of: Callable, model: ModelLike, rows: Any, layer: int) -> bool:
    return own_if_cut(values_of, model, rows, layer, layer)


def own_of_layer_zero(values_of: Callable, model: ModelLike, rows: Any, layer: int) -> bool:
    from ..method import CutRoutes

    return _unmoved(values_of, model, rows, 0, CutRoutes(layer, 0), CutRoutes(layer, layer))


def own_and_left_changed(values_of: Callable, model: ModelLike, rows: Any, layer: int) -> bool:
    import torch

    from ..method import routers_of

    before = values_of(model, rows)[layer]
    with torch.no_grad():
        routers_of(model)[layer].weight.zero_()
    return torch.equal(before, values_of(model, rows)[layer])
