"""The exercises of lesson 09: carried shares by hand, routing with two lines missing, the entry that matters, a bug."""

from __future__ import annotations

from typing import Any

from labkit.course import Exercise

from . import checks, slips

__all__ = ["EXERCISES", "OBJECTIVES"]

_ROUTE = "write down what a router computes, and what it costs"
_SIZE = "say why the size of a router's entry is no evidence of its use, and get evidence"
_WHOSE = "tell the values a layer makes from the values it reads"
OBJECTIVES = (_ROUTE, _SIZE, _WHOSE)

BY_HAND = Exercise(
    id="09.1",
    title="Three shares by hand",
    minutes=3,
    objective=_SIZE,
    difficulty="easy",
    task=(
        "A head reads three raw heads A, B and C with the entries 3.0, −0.5 and 0.8. Their root mean squares are 0.1, "
        "2.0 and 0.5. What it *carries* of one of them is |entry| × root mean square.\n\n"
        "1. Which share of what it carries comes from B?\n"
        "2. Raw head B is multiplied by 10, and every entry that reads B by 1/10. Which share comes from B now?\n"
        "3. Layer 0 has no router. Which share of what a head of layer 0 reads is its own?\n\n"
        "Answer with three numbers, `(…, …, …)`, two decimals each."
    ),
    expects="three numbers between 0 and 1",
    check=checks.shares,
    hints=(
        "Signs do not matter for how much is carried, and neither does the entry alone.",
        "Carried: 0.3 of A, 1.0 of B, 0.4 of C. A share is one of them over the sum.",
        "In the second question both factors of one product change. What does the product do?",
    ),
    solution=(
        "1. 1.0 / (0.3 + 1.0 + 0.4) = 0.59. By |entry| alone B would have 0.5 / 4.3 = 0.12.\n"
        "2. 0.59 again: 20.0 × 0.05 = 1.0. No output of the model changes either.\n"
        "3. 1: it has nothing else to read."
    ),
    answer=(0.59, 0.59, 1.0),
    typical_wrong=(
        ((0.12, 0.12, 1.0), "by |entry| alone"),
        ((0.12, 0.01, 1.0), "by |entry| alone"),
        ((0.77, 0.77, 1.0), "by the sizes alone"),
        ((0.80, 0.80, 1.0), "squared"),
        ((0.59, 0.93, 1.0), "entry was divided"),
        ((0.59, 0.13, 1.0), "head was multiplied"),
        ((0.59, 0.59, 0.0), "reads itself"),
        ((3.33, 3.33, 1.0), "signs"),
    ),
)

ROUTING = Exercise(
    id="09.2",
    title="Routing, two lines short",
    minutes=4,
    objective=_ROUTE,
    task=(
        "Write `routed(R, raws)`. `raws` holds one tensor for each layer up to this one, in order, the layer's own "
        "last: keys and values side by side, [batch, heads, length, features]. `R` is the router, [heads, layers × "
        "heads], its columns in the same order. Return [batch, heads, length, features]: for every row of `R` the "
        "sum of all raw heads, each times its entry. Two lines are missing."
    ),
    expects="a function of (R, raws) that returns a tensor",
    check=checks.routing,
    hints=(
        "First put all raw heads side by side, so that there is one of them for every column of R.",
        "torch.cat joins along one dimension; the heads are dimension 1.",
        "A matrix times a stack of vectors: torch.einsum can name the columns of R and the joined heads by one letter.",
    ),
    solution=(
        "```python\n"
        "def routed(R, raws):\n"
        "    raw = torch.cat(raws, dim=1)\n"
        "    return torch.einsum('hs,bsle->bhle', R, raw)\n"
        "```\n"
        "labkit flattens length and features instead and multiplies two matrices, which is faster."
    ),
    answer=slips.routed,
    typical_wrong=(
        (slips.own_layer_first, "order"),
        (slips.transposed, "turned round"),
        (slips.softmaxed, "softmax"),
        (slips.own_layer_only, "its own layer"),
        (slips.averaged, "mean"),
        (slips.unsigned, "sign"),
        (slips.same_head_only, "same head"),
    ),
)

DEAREST = Exercise(
    id="09.3",
    title="Which single entry matters most?",
    minutes=5,
    objective=_SIZE,
    difficulty="hard",
    task=(
        "Write `dearest(model, loss, layer)`: the entry of the router of `layer` whose removal makes the loss *rise* "
        "most, as `(head, source, source_head)`. `loss(model)` returns a number. `labkit.routers_of(model)[layer]` "
        "has `.heads`, `.layers` (those it reads) and `.weight`; `labkit.SetRoute(layer, head, source, source_head, "
        "0.0)` is the edit that removes an entry. Try every entry, those of the layer's own heads too. Afterwards the "
        "model must be what it was."
    ),
    expects="a function of (model, loss, layer) that returns three whole numbers",
    check=checks.dearest,
    hints=(
        "Looking at the entries is not enough: a raw head may be small, or of no use to anybody.",
        "Three loops (head, source, source_head); inside them one edit and one loss.",
        "Keep the pair with the largest loss under the edit; labkit.edit puts the entry back by itself.",
    ),
    solution=(
        "```python\n"
        "def dearest(model, loss, layer):\n"
        "    router, costs = labkit.routers_of(model)[layer], {}\n"
        "    for head in range(router.heads):\n"
        "        for source in router.layers:\n"
        "            for source_head in range(router.heads):\n"
        "                with labkit.edit(model, labkit.SetRoute(layer, head, source, source_head, 0.0)):\n"
        "                    costs[head, source, source_head] = loss(model)\n"
        "    return max(costs, key=costs.get)\n"
        "```\n"
        "`labkit.entry_costs(model, rows, layer)` does the same for rows of the task."
    ),
    answer=slips.dearest,
    typical_wrong=(
        (slips.largest_entry, "largest number"),
        (slips.largest_carried, "carries most"),
        (slips.cheapest, "least"),
        (slips.largest_change, "either way"),
        (slips.past_only, "own heads"),
        (slips.left_changed, "not what it was"),
        (slips.column_as_head, "column"),
    ),
)

WHOSE = Exercise(
    id="09.4",
    title="Bug hunt: whose values are these?",
    minutes=3,
    objective=_WHOSE,
    difficulty="hard",
    task=(
        "The authors' analysis code is meant to collect “the output of the value projection” of each layer. Somebody "
        "hands you `values_of(model, rows)`, which returns one tensor a layer, and you cannot see inside. Write "
        "`is_own(values_of, model, rows, layer)`: True when what it returns for `layer` was made by that layer alone, "
        "False when it holds what the layer *reads* from others. Leave the model as it was."
    ),
    expects="a function of (values_of, model, rows, layer) that returns True or False",
    check=checks.is_own,
    hints=(
        "Look for something that must not change a layer's own values, and must change what it reads.",
        "The router of this very layer: its values are made before it is asked.",
        "Change every entry of that one router (and of no other), and compare before with after.",
    ),
    solution=(
        "```python\n"
        "def is_own(values_of, model, rows, layer):\n"
        "    before = values_of(model, rows)[layer]\n"
        "    zeros = torch.zeros_like(labkit.routers_of(model)[layer].weight)\n"
        "    with labkit.edit(model, labkit.SetRouter(layer, zeros.tolist())):\n"
        "        return torch.equal(before, values_of(model, rows)[layer])\n"
        "```\n"
        "Cutting *all* routers is too much: layers below change too, and with them what this layer makes."
    ),
    answer=slips.is_own,
    typical_wrong=(
        (slips.always(True), "whatever it is given"),
        (slips.always(False), "whatever it is given"),
        (slips.own_if_past_forgotten, "layers below"),
        (slips.own_if_first_cut, "nothing of one layer"),
        (slips.own_if_below_cut, "nothing of one layer"),
        (slips.own_if_own_cut, "nothing of one layer"),
        (slips.own_of_layer_zero, "layer you were asked about"),
        (slips.own_and_left_changed, "not what it was"),
    ),
)

EXERCISES: tuple[Any, ...] = (BY_HAND, ROUTING, DEAREST, WHOSE)
