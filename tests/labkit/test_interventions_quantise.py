"""Rounding to nearest: its grid, its blocks, what is kept; and as an edit, taken back bit for bit."""

import math

import pytest
import torch
from families import FAMILY_NAMES, ids_of, logits, make
from hypothesis import given, settings
from hypothesis import strategies as st

from labkit.anatomy import anatomy_of, fingerprint, record, view
from labkit.base.errors import BadInput, UnknownName
from labkit.interventions import Plan, Quantise, QuantiseActivation, edit
from labkit.interventions.quantise import RoundedStream
from labkit.interventions.rounding import CLIPS, GRIDS, Rounding, levels_of_normal

MATRIX = "layers.0.mlp.down"


def numbers(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def straight(values, bits):
    """Return round-to-nearest of one block, as the paper's equation with 2^bits - 1 steps has it."""
    low, high = values.min().item(), values.max().item()
    step = (high - low) / (2**bits - 1)
    return torch.tensor([low + step * round((x - low) / step) for x in values.flatten().tolist()]).view(values.shape)


# ---------------------------------------------------------------------------------------------------- the grid


@given(st.integers(2, 8), st.integers(2, 40), st.integers(0, 10**6), st.floats(1e-3, 1e3))
@settings(max_examples=25, deadline=None)
def test_error_is_at_most_half_a_step_and_the_ends_are_exact(bits, size, seed, scale):
    x = numbers(size, seed=seed) * scale
    rounded, low, high = Rounding(bits=bits).parts(x)
    step = float(high - low) / (2**bits - 1)
    assert (rounded - x).abs().max() <= step / 2 + 1e-6 * scale
    assert rounded.min() == x.min() and rounded.max() == x.max()
    assert len(rounded.unique()) <= 2**bits


def test_it_is_the_equation():
    x = numbers(6, 10)
    torch.testing.assert_close(Rounding(bits=4)(x), straight(x, 4), rtol=0, atol=1e-6)


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("symmetric", [False, True])
@pytest.mark.parametrize("block", [None, 7])
def test_rounding_twice_is_rounding_once(grid, symmetric, block):
    rounding = Rounding(bits=4, block=block, grid=grid, symmetric=symmetric)
    once = rounding(numbers(9, 11))
    if grid == "stretched":  # its outer levels lie inside the range, which shrinks: every pass narrows it
        assert not torch.equal(rounding(once), once)
    else:
        assert torch.equal(rounding(once), once)


def test_extremes():
    x = numbers(4, 16)
    assert torch.equal(Rounding(bits=2, block=1)(x), x), "a block of one number loses nothing"
    assert torch.equal(Rounding(bits=2)(torch.full((3, 5), 0.3)), torch.full((3, 5), 0.3)), "nor does a constant one"
    assert (Rounding(bits=16)(x) - x).abs().max() < 1e-3 * (x.max() - x.min())


def test_symmetric_levels_are_those_of_the_paper():
    x = torch.tensor([-1.0, -0.4, 0.0, 0.2, 0.9])
    assert set(Rounding(bits=2, symmetric=True)(x).tolist()) <= {-1.0, 0.0, 1.0}
    step = 1.0 / (2 ** (4 - 1) - 1)
    rounded = Rounding(bits=4, symmetric=True)(x)
    torch.testing.assert_close(rounded / step, (rounded / step).round(), rtol=0, atol=1e-5)
    assert rounded[2] == 0


def test_normal_levels_are_nf4_and_nf3():
    four = [-1.0, -0.6961928, -0.5250731, -0.3949175, -0.2844414, -0.1847734, -0.0910500, 0.0]
    assert levels_of_normal(4)[:8] == pytest.approx(four, abs=2e-6)
    assert levels_of_normal(4)[8:10] == pytest.approx([0.0795803, 0.1609302], abs=2e-6)
    three = [-1, -0.5350227, -0.2469314, 0, 0.1833375, 0.3819939, 0.6229857, 1]
    assert levels_of_normal(3) == pytest.approx(three, abs=2e-6)
    x = numbers(500)
    rounded = Rounding(bits=4, grid="normal")(x)
    share = (rounded - x.min()) / (x.max() - x.min()) * 2 - 1
    near = torch.tensor(levels_of_normal(4))
    assert (share[:, None] - near).abs().min(dim=1).values.max() < 1e-5


def test_the_stretched_grid_uses_its_outer_levels_as_much_as_the_others():
    x = torch.linspace(0, 1, 16001)
    counts = Rounding(bits=4, grid="stretched")(x).unique(return_counts=True)[1]
    plain = Rounding(bits=4)(x).unique(return_counts=True)[1]
    assert len(counts) == len(plain) == 16
    assert counts.min() > 0.97 * counts.max()
    assert plain.min() < 0.55 * plain.max()


# -------------------------------------------------------------------------------------------------- the blocks


def test_blocks_are_really_blocks():
    """The bug hunt: rounded per tensor without a word, one outlier would coarsen every block, not only its own."""
    x = numbers(4, 12) * 0.1
    x[1, 3] = 50.0
    rounding = Rounding(bits=4, block=6)
    rounded = rounding(x)
    for start in range(0, 48, 6):
        own = x.flatten()[start : start + 6]
        assert torch.equal(rounded.flatten()[start : start + 6], Rounding(bits=4)(own))
    far = torch.ones(48, dtype=torch.bool)
    far[12:18] = False  # the outlier's block
    assert (rounded - x).flatten()[far].abs().max() < 0.05
    assert (Rounding(bits=4)(x) - x).flatten()[far].abs().max() > 0.05


def test_a_last_shorter_block_is_still_a_block():
    x = numbers(5, 7)  # 35 numbers: not divisible by 8
    rounded = Rounding(bits=3, block=8)(x).flatten()
    assert torch.equal(rounded[32:], Rounding(bits=3)(x.flatten()[32:]))
    assert torch.equal(rounded[:8], Rounding(bits=3)(x.flatten()[:8]))


def test_an_outlier_widens_the_steps_in_proportion():
    x = numbers(64)
    outlier = torch.cat((x, torch.tensor([20.0])))
    ends = [Rounding(bits=4).parts(values)[1:] for values in (x, outlier)]
    grown = float(ends[1][1] - ends[1][0]) / float(ends[0][1] - ends[0][0])
    assert grown == pytest.approx((20.0 - x.min().item()) / (x.max() - x.min()).item())


# ---------------------------------------------------------------------------------------------------- clipping


def test_clipping_far_out_is_no_clipping():
    x = numbers(6, 8)
    for by in ("z", "iqr"):
        assert torch.equal(Rounding(bits=4, clip=1e6, clip_by=by)(x), Rounding(bits=4)(x))


@pytest.mark.parametrize("by", CLIPS)
def test_clipping_caps_the_range_where_it_says(by):
    x = numbers(3, 40)
    x[0, 5] = -30.0
    size = x.abs().double().flatten()
    clip = {"z": 2.0, "iqr": 1.5, "block": 0.05, "tensor": 0.05}[by]
    quarters = torch.quantile(size, torch.tensor([0.25, 0.75], dtype=torch.double))
    cap = {
        "z": size.mean() + 2.0 * size.std(),
        "iqr": quarters[1] + 1.5 * (quarters[1] - quarters[0]),
        "block": size.sort(descending=True).values[int(120 * 0.05) - 1],
        "tensor": size.sort(descending=True).values[int(120 * 0.05) - 1],
    }[by]
    low = Rounding(bits=4, clip=clip, clip_by=by).parts(x)[1]
    assert float(low) == pytest.approx(-float(cap), rel=1e-6)


def test_a_share_of_each_block_is_not_a_share_of_the_tensor():
    x = torch.cat((numbers(50), 100 * numbers(50, seed=1)))
    by_block = Rounding(bits=8, block=50, clip=0.1, clip_by="block")(x)
    by_tensor = Rounding(bits=8, block=50, clip=0.1, clip_by="tensor")(x)
    assert by_block[:50].abs().max() < x[:50].abs().max()
    assert by_tensor[:50].abs().max() == x[:50].abs().max()


# ------------------------------------------------------------------------------------------------- as an edit


@pytest.mark.parametrize("family", FAMILY_NAMES)
def test_every_family_is_quantised_and_restored_bit_for_bit(family):
    model, ids = make(family), ids_of()
    before, said = fingerprint(model), logits(model, ids)
    with edit(model, Quantise("matrices", 3, block=5, clip=2.0, keep=(f"{MATRIX}[1, 2]",))):
        down = view(model, MATRIX).read()
        assert len(down.flatten()[:5].unique()) <= 8
        assert not torch.equal(logits(model, ids), said)
    assert fingerprint(model) == before


def test_what_is_kept_is_kept_and_nothing_else():
    model = make("phi3")
    before = view(model, MATRIX).read()
    keep = (f"{MATRIX}[1, 2]", f"{MATRIX}[3, :]")
    with edit(model, Quantise(MATRIX, 2, keep=keep)):
        after = view(model, MATRIX).read()
    plain = Rounding(bits=2)(before)
    spared = torch.zeros_like(before, dtype=torch.bool)
    spared[1, 2], spared[3] = True, True
    assert torch.equal(after[spared], before[spared])
    assert torch.equal(after[~spared], plain[~spared]) and not torch.equal(plain, before)


def test_set_apart_a_kept_outlier_does_not_stretch_the_grid():
    model = make("llama")
    with torch.no_grad():
        view(model, f"{MATRIX}[1, 2]").write(40.0)
    before = view(model, MATRIX).read()
    error = {}
    for apart in (False, True):
        with edit(model, Quantise(MATRIX, 4, keep=(f"{MATRIX}[1, 2]",), apart=apart)):
            after = view(model, MATRIX).read()
            assert after[1, 2] == 40.0
            error[apart] = (after - before).abs().max()
    assert error[True] < error[False] / 5


def test_groups_reach_the_matrices_they_name():
    model = make("gpt2")
    intact = {name: view(model, name).read() for name in anatomy_of(model).addresses()}
    for group, hit in (
        ("mlp.down", lambda n: n.endswith("mlp.down")),
        ("matrices", lambda n: ".attn." in n or ".mlp." in n),
    ):
        with edit(model, Quantise(group, 3)):
            for name, before in intact.items():
                changed = not torch.equal(view(model, name).read(), before)
                assert changed == (hit(name) and "bias" not in name and "norm" not in name), name


def test_a_plan_of_quantisations_is_saved_and_loaded(tmp_path):
    plan = Plan(
        [
            Quantise("mlp.down", 4, block=64, clip=9, keep=("layers.0.mlp.down[1, 2]",), grid="normal", apart=True),
            QuantiseActivation("stream", 8, "tensor", keep=(3,)),
        ]
    )
    plan.save(tmp_path / "plan.toml")
    assert Plan.load(tmp_path / "plan.toml") == plan
    assert "layers.0.mlp.down[1, 2] kept" in str(plan)


@pytest.mark.parametrize("symmetric", [False, True])
def test_activations_are_rounded_per_token_or_per_text(symmetric):
    model, ids = make("labkit"), ids_of(batch=2)
    site = "layers.0.mlp.neurons"
    x = record(model, ids, [site])[site]
    for per, block in (("token", x.shape[-1]), ("tensor", None)):
        with edit(model, QuantiseActivation(site, 3, per, symmetric=symmetric)):
            seen = record(model, ids, [site])[site]
        for text, rounded in zip(x, seen):
            assert torch.equal(rounded, Rounding(bits=3, block=block, symmetric=symmetric)(text))


def test_the_super_activation_is_set_aside_and_restored():
    """Equation 1: its own error is 0, the step never grows, and the others' error shrinks."""
    x = numbers(2, 5, 8)
    x[0, 0, 3], x[1, 2, 3] = 60.0, -60.0
    error = {keep: RoundedStream(Rounding(bits=4), "tensor", keep, "here")(x) - x for keep in ((), (3,))}
    assert error[3,][0, 0, 3] == 0 and error[3,][1, 2, 3] == 0
    assert error[()].abs().max() > 1
    assert error[3,].abs().max() <= 0.5 * float(numbers(2, 5, 8).max() - numbers(2, 5, 8).min()) / 15 + 1e-6


def test_activations_leave_nothing_behind():
    model = make("gemma2")
    before = fingerprint(model)
    with edit(model, QuantiseActivation("mlp", 4), QuantiseActivation("stream", 4, keep=(1,))):
        logits(model, ids_of())
    assert fingerprint(model) == before


# --------------------------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"bits": 1}, "bits = 1"),
        ({"bits": 17}, "bits = 17"),
        ({"bits": 4.0}, "bits"),
        ({"bits": 4, "block": 0}, "block"),
        ({"bits": 4, "clip": 0}, "clip"),
        ({"bits": 4, "clip": -1.0}, "clip"),
        ({"bits": 4, "clip": math.nan}, "clip"),
        ({"bits": 4, "clip": math.inf}, "clip"),
        ({"bits": 4, "clip": 1.0, "clip_by": "block"}, "share"),
    ],
)
def test_impossible_settings_are_told_at_once(wrong, said):
    with pytest.raises(BadInput, match=said):
        Quantise(MATRIX, **wrong)


def test_impossible_places_are_told_and_nothing_is_touched():
    model = make("llama")
    before = fingerprint(model)
    size = view(model, MATRIX).read().numel()
    for wrong, said in (
        (Quantise(MATRIX, 4, block=size + 1), "larger than"),
        (Quantise("matrices", 4, block=size + 1), "larger than"),
        (Quantise(MATRIX, 4, keep=("layers.1.mlp.down[0, 0]",)), "not quantised"),
        (Quantise(MATRIX, 4, keep=(f"{MATRIX}[99, 0]",)), "out of range"),
        (QuantiseActivation("layers.0", 4, keep=(99,)), "no channel 99"),
    ):
        with pytest.raises(BadInput, match=said), edit(model, wrong):
            logits(model, ids_of())
        assert fingerprint(model) == before
    for name in ({"grid": "nf4"}, {"clip_by": "max"}):
        with pytest.raises(UnknownName):
            Quantise(MATRIX, 4, **name)
    with torch.no_grad():
        view(model, f"{MATRIX}[0, 0]").write(torch.nan)
    with pytest.raises(BadInput, match="are none"), edit(model, Quantise(MATRIX, 4)):
        pass
