"""How answers of lesson 09 are judged: on fresh tensors and fresh small models, one case at a boundary."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from labkit.course import right, wrong
from labkit.course.exercises import NotAttempted, Outcome, is_blank

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["dearest", "is_own", "routing", "shares"]


def shares(given: Any) -> Outcome:
    """Judge three shares: carried, carried after a rescaling, and of a layer without a router."""
    first, second, third = (float(value) for value in given)

    def near(value: float, target: float) -> bool:
        return abs(value - target) <= 0.006

    if near(first, 0.5 / 4.3):
        return wrong("you weighed by |entry| alone.", "what a raw head of size 0.1 brings, even times 3.0")
    if near(first, 2 / 2.6):
        return wrong("you weighed by the sizes alone.", "the entry 3.0, which makes much of a small head")
    if near(first, 1 / 1.25):
        return wrong("you squared before you added.", "the text: |entry| × root mean square, not its square")
    if first < 0 or first > 1:
        return wrong("you kept the signs, and a share went out of 0 to 1.", "the bars in |entry|")
    if not near(first, 1 / 1.7):
        return wrong("the first share is another.", "the three products, and their sum")
    if near(second, 10 / 10.7):
        return wrong("the head grew, but its entry was divided by ten as well.", "the product, 20.0 × …")
    if near(second, 0.1 / 0.8):
        return wrong("the entry shrank, but the head was multiplied by ten as well.", "the product, … × 0.05")
    if not near(second, first):
        return wrong("the second share is another.", "what becomes of entry × size when both change")
    if not near(third, 1.0):
        return wrong("a layer without a router reads itself.", "what else there is to read below layer 0")
    return right("|R| alone can be made anything by rescaling a raw head; what is carried cannot.")


def routing(routed: Callable[..., Any]) -> Outcome:
    """Judge a routing function on several shapes: few and many layers, grouped heads, and a single layer."""
    import torch

    from . import slips

    generator = torch.Generator().manual_seed(9)
    thoughts = (
        (slips.own_layer_first, "your columns are in another order: the own layer comes last.", "the order of raws"),
        (slips.transposed, "each block of R is turned round.", "R's rows: one for each head that *reads*"),
        (slips.softmaxed, "a softmax makes shares of the entries; this router has none.", "the signs in R"),
        (slips.own_layer_only, "you mixed the heads of its own layer only.", "the other tensors in raws"),
        (slips.averaged, "you took a mean where a sum is asked for.", "the factor by which you are off"),
        (slips.unsigned, "the sign of the entries is lost.", "an entry of −1"),
        (slips.same_head_only, "every head reads the same head of each layer only.", "R off its small diagonals"),
    )
    for batch, layers, heads, length, features in ((2, 3, 4, 5, 6), (1, 4, 2, 3, 8), (3, 2, 5, 4, 4), (2, 1, 4, 5, 6)):
        R = torch.randn(heads, layers * heads, generator=generator)
        raws = [torch.randn(batch, heads, length, features, generator=generator) for _ in range(layers)]
        try:
            got = routed(R.clone(), [raw.clone() for raw in raws])
        except TypeError:  # the dots of the stub were computed with
            raise NotAttempted from None
        if is_blank(got):
            raise NotAttempted
        wanted = slips.routed(R, raws)
        if not isinstance(got, torch.Tensor) or got.shape != wanted.shape:
            shape = list(getattr(got, "shape", ())) or type(got).__name__
            return wrong(f"you return {shape} where {list(wanted.shape)} is asked for.", "dimension 1, the heads")
        if torch.allclose(got, wanted, atol=1e-4):
            continue
        for slip, thought, look_at in thoughts:
            if torch.allclose(got, slip(R, raws), atol=1e-4):
                return wrong(thought, look_at)
        where = " with a single layer" if layers == 1 else ""
        return wrong(f"these are other numbers{where}.", "one product for every pair of a row and a raw head")
    return right("One small matrix, signed and the same for every token. That is all LIMe adds to attention.")


def _model(seed: int) -> Any:
    """Return a small random LIMe model; one raw head of each layer is tiny, its entries large to make up for it."""
    import torch

    from ..method import LIMe, routers_of
    from ..task import row_length, tokenizer

    sizes = {"vocab": tokenizer().vocab_size, "width": 8, "depth": 3, "heads": 2, "ffn": 12, "tie": False}
    model = LIMe(**sizes, context=row_length(3), init_std=0.8).build(seed).eval()
    with torch.no_grad():
        for layer, block in enumerate(model.trunk.blocks):
            head, mixer = (seed + layer) % 2, block.attention.mixer
            for linear in (mixer.k, mixer.v):
                linear.weight.view(2, 4, 8)[head] *= 0.02
            for later, router in routers_of(model).items():
                if later >= layer:
                    router.weight[:, 2 * layer + head] *= 50.0
    return model


def _cases() -> Iterator[tuple[Any, Callable[[Any], float], int]]:
    """Yield models, a loss and a layer: the last one twice, and the first layer that has a router."""
    from ..experiments.reading import losses
    from . import slips

    for seed, layer, swapped in ((3, 2, False), (8, 2, True), (5, 1, True), (14, 2, False)):
        model, rows = _model(seed), slips.rows_of(seed)
        if swapped:  # the same function, its raw heads in another order: the answer's two heads are not the same
            _swap_raw_heads(model)
        yield model, lambda model, rows=rows: float(losses(model, rows)[0].mean()), layer


def _swap_raw_heads(model: ModelLike) -> None:
    """Write a model of two heads anew: raw heads change places, and so do the columns that read them."""
    import torch

    from ..method import routers_of

    with torch.no_grad():
        for block in model.trunk.blocks[1:]:  # layer 0 has no router to make up for it
            for linear in (block.attention.mixer.k, block.attention.mixer.v):
                linear.weight.copy_(linear.weight.view(2, 4, 8).flip(0).flatten(0, 1))
        for router in routers_of(model).values():
            held = router.weight.unflatten(1, (-1, 2))
            router.weight.copy_(torch.cat((held[:, :1], held[:, 1:].flip(2)), dim=1).flatten(1))


def dearest(find: Callable[..., Any]) -> Outcome:
    """Judge a search for the entry whose removal costs most, on small models whose large entries are decoys."""
    from labkit.anatomy import fingerprint

    from . import slips

    thoughts = (
        (slips.largest_entry, "you chose the largest number; its raw head is tiny.", "what the head it reads is worth"),
        (slips.largest_carried, "you chose what carries most, which need not be used.", "the loss without the entry"),
        (slips.cheapest, "this one costs least.", "max and min"),
        (slips.largest_change, "you counted changes either way; here the loss *fell*.", "the word rise"),
        (slips.past_only, "you left out the layer's own heads.", "router.layers, whose last one is the layer itself"),
        (slips.column_as_head, "the third number is a column of the router, not a head.", "column % router.heads"),
    )
    found = []
    for model, loss, layer in _cases():
        before = fingerprint(model)
        got = find(model, loss, layer)
        if is_blank(got):
            raise NotAttempted
        if fingerprint(model) != before:
            return wrong("the model is not what it was before you searched.", "what puts the removed entry back")
        found.append(((model, loss, layer), tuple(int(value) for value in got)))
    if all(got == slips.dearest(*case) for case, got in found):
        return right("Size suggests, removal shows. In these models the largest entries were decoys.")
    for slip, thought, look_at in thoughts:
        if all(got == slip(*case) for case, got in found):
            return wrong(thought, look_at)
    return wrong(
        "on some models this is not the entry that costs most.", "every entry, one at a time, from every layer"
    )


def is_own(test: Callable[..., Any]) -> Outcome:
    """Judge a test for a layer's own values, on functions that return own and routed ones."""
    import torch

    from labkit.anatomy import fingerprint

    from ..experiments.capture import capture
    from ..method import routers_of
    from . import slips

    own, read = (lambda m, r: capture(m, r).raw), (lambda m, r: capture(m, r).routed)
    said = []
    for seed, layer, values_of, truth in (
        (3, 2, own, True),
        (8, 2, read, False),
        (5, 1, read, False),
        (4, 2, read, False),
        (6, 2, read, False),
    ):
        model, rows = _model(seed), slips.rows_of(seed)
        with (
            torch.no_grad()
        ):  # at the boundary: a layer that reads nothing of layer 0, and one that reads layer 0 alone
            if seed == 4:
                routers_of(model)[2].weight[:, :2] = 0.0
            elif seed == 6:
                routers_of(model)[2].weight[:, 2:] = 0.0
        before = fingerprint(model)
        got = test(values_of, model, rows, layer)
        if is_blank(got):
            raise NotAttempted
        if fingerprint(model) != before:
            return wrong("the model is not what it was before you tested it.", "what puts the router back")
        partial = tuple(slips.own_if_cut(values_of, model, rows, layer, source) for source in (0, layer - 1, layer))
        said.append((bool(got), truth, partial))
    if all(answer == truth for answer, truth, _ in said):
        return right("What a layer makes cannot depend on its own router. The authors' code fails this test.")
    if len({answer for answer, _, _ in said}) == 1 and said[0][0] is False:
        if test(lambda m, r: (torch.zeros(1),) * 3, _model(3), slips.rows_of(3), 2):
            return wrong("layers below moved too, and with them what this layer makes.", "how many routers you changed")
        return wrong("it says False whatever it is given.", "a function that does return the layer's own values")
    if any(all(answer == partial[place] for answer, _, partial in said) for place in range(3)):
        return wrong(
            "a layer may read nothing of one layer and much of another.", "the layers whose entries you changed"
        )
    zero = [
        slips.own_of_layer_zero(v, _model(s), slips.rows_of(s), layer) for s, layer, v in ((3, 2, own), (8, 2, read))
    ]
    if all(answer for answer, _, _ in said):
        if test(_drifting(), _model(3), slips.rows_of(3), 2) and all(zero):
            return wrong("it says True whatever it is given.", "a function that returns what attention uses")
        return wrong(
            "routed values passed for own ones: you may not look at the layer you were asked about.", "its index"
        )
    return wrong("it errs on some of four functions.", "a change that reaches what is read, and nothing that is made")


def _drifting() -> Callable[..., Any]:
    """Return a function whose values differ from call to call."""
    import torch

    calls = iter(range(1, 1000))
    return lambda model, rows: tuple(torch.full((2,), float(next(calls))) for _ in range(3))
