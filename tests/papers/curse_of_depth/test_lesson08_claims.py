"""What lesson 08 measures, against the same done by hand; and promises that stand before the runs that decide them."""

import math
from dataclasses import replace

import pytest

import labkit
from labkit import claims, measurements, world, zoo
from labkit.base.errors import NotAvailable
from labkit.papers.curse_of_depth.claims import checkpoints as lesson08
from labkit.papers.curse_of_depth.claims import one_rate
from labkit.papers.curse_of_depth.claims import trained as lesson08_runs
from labkit.papers.curse_of_depth.experiments.block_runs import BlockRun, BlockRuns
from labkit.papers.curse_of_depth.experiments.transfers import Transfer, Transfers
from labkit.papers.curse_of_depth.method.placements import LayerNormScaling, PreNorm
from labkit.training import Curve, Curves
from labkit.zoo.packaged import encoder_folder

SIZES = {"width": 16, "depth": 4, "heads": 2, "ffn": 24, "context": 256, "init_std": 0.2}


@pytest.fixture(scope="module")
def handle():
    model = PreNorm(vocab=world.tokenizer().vocab_size, **SIZES).build(seed=1).eval()
    return zoo.Handle("toy", model, world.tokenizer(), {})


@pytest.fixture(autouse=True)
def toy(handle, monkeypatch):
    monkeypatch.setattr(lesson08, "load", lambda name: handle)


def test_the_rise_and_the_costs_are_those_of_a_scaled_twin(handle):
    twin = LayerNormScaling(vocab=handle.model.config.vocab, **SIZES).build().eval()
    twin.load_state_dict(handle.model.state_dict())
    documents = lesson08.stories(handle, 3, 5)
    scaled, plain = (measurements.loss(model, documents) for model in (twin, handle))
    pairs = lesson08.rise_when_switched_on(n=3, seeds=[5]).values
    for (rise, tokens), after, before, ids in zip(pairs, scaled.per_unit, plain.per_unit, documents):
        assert tokens == len(ids) - 1 and rise == pytest.approx((after - before) * tokens, abs=1e-3)
    costs = lesson08.switched_costs(n=3, seeds=[5]).values
    for model, of_model in zip((twin, handle), zip(*costs)):
        expected = [0.0] * 3
        for layer in (2, 3):
            with labkit.edit(model, labkit.DropBlock(layer)):
                cut = measurements.loss(model, documents)
            intact = measurements.loss(model, documents)
            rises = [(c - i) * w for c, i, w in zip(cut.per_unit, intact.per_unit, cut.weights)]
            expected = [a + b for a, b in zip(expected, rises)]
        assert of_model == pytest.approx(expected, abs=2e-3)


def test_turns_and_growth_are_those_of_the_measured_stream(handle):
    documents = lesson08.stories(handle, 2, 6)
    turns = [one.per_unit for one in labkit.angular_distances(handle, documents).adjacent]
    for unit, (late, early) in enumerate(lesson08.late_turns_against_early(n=2, seeds=[6]).values):
        assert late == pytest.approx((turns[2][unit] + turns[3][unit]) / 2, rel=1e-5)
        assert early == pytest.approx(turns[1][unit], rel=1e-5)
    variance = [one.per_unit for one in measurements.residual_stats(handle, documents).variance[1:]]
    for unit, (late, early) in enumerate(lesson08.growth_late_against_early(n=2, seeds=[6]).values):
        assert late == pytest.approx(math.log(variance[3][unit] / variance[1][unit]) / 2, rel=1e-4)
        assert early == pytest.approx(math.log(variance[1][unit] / variance[0][unit]), rel=1e-4)


def test_the_nulls_of_growth_are_any_power_and_one_is_exponential():
    for depth, null in ((12, 0.322), (16, 0.292)):
        for power in (0.5, 1.0, 2.0):
            late, early = lesson08.growths([power * math.log(number) for number in range(1, depth + 1)])
            assert late / early == pytest.approx(null, abs=5e-4)
        late, early = lesson08.growths([0.3 * number for number in range(1, depth + 1)])
        assert late / early == pytest.approx(1)


def test_untrained_models_of_two_seeds_and_laws_that_hold_before_training(monkeypatch):
    monkeypatch.setitem(lesson08.SIZES, "width", 32)
    turns = lesson08.untrained_turns(n=2, seeds=[3, 4], depth=10)
    assert turns.units == ("seed 3", "seed 4") and max(turns.values) < 0
    growth = lesson08.untrained_growth(n=2, seeds=[3, 4], depth=24).values
    assert all(1.3 < value < 4 for value in growth), growth
    assert max(lesson08.untrained_growth(n=2, seeds=[3, 4], depth=24, kind="lns").values) < min(growth)


def test_identities_hold_and_would_not_if_the_factor_were_another():
    assert max(lesson08.folding_errors(n=4, seeds=[1]).values) < 1e-4
    assert set(lesson08.one_block_errors(n=3, seeds=[1]).values) == {0.0}
    assert 0 < max(lesson08.no_op_errors(n=3, seeds=[1]).values) < 2e-3
    fields = {**lesson08.SMALL, "depth": 2}
    scaled, ids = lesson08._random("lns", fields, 1)
    plain, _ = lesson08._random("pre-norm", fields, 1)
    assert lesson08._largest_change(scaled, plain, ids) > 0.01


@pytest.mark.skipif(encoder_folder() is None, reason="the encoder's package is not installed")
def test_an_encoder_s_turn_without_a_block_is_that_of_its_embedding(monkeypatch):
    monkeypatch.setattr(lesson08, "load", labkit.load)
    (late, _), *_ = lesson08.encoder_late_against_early(n=2, seeds=[9]).values
    encoder, (text, _) = labkit.load("minilm"), world.paraphrases(2, 9)[0]
    before, turns = encoder.embed([text])[0], []
    for layer in (3, 4, 5):
        with labkit.edit(encoder, labkit.DropBlock(layer)):
            turns.append(1 - float(before @ encoder.embed([text])[0]))
    assert late == pytest.approx(sum(turns) / 3, abs=1e-4)


# -------------------------------------------------------------------------------------------------------- many runs


def block_run(recipe, seed, lr=1.0, loss=1.0, block=(1.0, 0.2, 0.002, 0.1), **more):
    fields = {"variance": (1.0, 1.0, 2.0, 4.0, 8.0), "turns": (0.4, 0.2, 0.1, 0.2), "step": "end", **more}
    return BlockRun(recipe=recipe, lr=lr, seed=seed, loss=loss, block=block, attention=block, mlp=block, **fields)


@pytest.fixture
def runs(monkeypatch):
    """Two recipes at two rates, the second the better on seed 0 and with fewer seeds; scaled runs differ as is told."""
    found = []
    for recipe, shift in (("depth/pre", 0.0), ("depth/lns", 0.25)):
        found += [block_run(recipe, seed, lr=1.0, loss=2.0) for seed in (0, 6, 7, 8)]
        for seed in range(3):
            found.append(block_run(recipe, seed, lr=2.0, loss=1.0 + 5 * seed + shift))
    found[-1] = replace(found[-1], variance=(1.0, 1.0, 1.0, 1.0, 2.0), block=(1.0, 0.2, 0.02, 0.1))
    found[-1] = replace(found[-1], turns=(0.4, 0.2, 0.3, 0.4))
    monkeypatch.setattr(lesson08_runs, "_blocks", lambda path: BlockRuns(tuple(found)))
    return found


def test_pairs_are_compared_seed_by_seed_at_the_rate_of_the_choosing_seed(runs):
    ask = {"n": 2, "seeds": [1, 2]}
    assert lesson08_runs.loss_difference(**ask).values == (0.25, 0.25)
    assert lesson08_runs.variance_ratio(**ask).values == (1.0, 0.25)
    assert lesson08_runs.turns_difference(**ask).values == pytest.approx((0.0, 0.2))
    assert lesson08_runs.working_difference(**ask).values == (0.0, 0.5)
    assert lesson08_runs.idle_share(**ask).values == (0.25, 0.25)
    assert lesson08_runs.deep_against_shallow(**ask).values == pytest.approx([0.051 / 0.6] * 2)
    assert lesson08_runs.runs_growth(**ask).values == pytest.approx((1.0, 1.0))
    assert lesson08_runs.loss_difference(**ask).models != lesson08_runs.loss_difference(n=1, seeds=[1]).models


def test_runs_that_are_not_there_are_asked_for(runs):
    with pytest.raises(NotAvailable, match=r"seeds \[7\]"):
        lesson08_runs.idle_share(n=2, seeds=[1, 7])
    with pytest.raises(NotAvailable, match="have not been trained"):
        lesson08_runs.loss_difference(n=1, seeds=[1], second="depth/sandwich")


def curve(recipe, loss, *, lr=2.0, seed=1, planned=4):
    steps = tuple(range(1, len(loss) + 1))
    return Curve(recipe=recipe, size="cpu", lr=lr, seed=seed, status="finished", planned=planned, model={},
                 step=steps, tokens=steps, loss=loss, gradient=loss)  # fmt: skip


def test_at_one_rate_only_runs_of_that_rate_and_length_are_compared(monkeypatch, tmp_path):
    models, curves = [], []
    for recipe, shift in (("depth/pre", 0.0), ("depth/lns", 0.25)):
        for lr, planned, seed in ((2.0, 4, 1), (2.0, 4, 2), (3.0, 4, 1), (2.0, 9, 3)):
            more = {"variance": (1.0, 4.0 - 8 * shift)}
            models.append(block_run(recipe, seed, lr=lr, loss=seed + lr + shift, **more))
            losses = (3.0 + shift, 2.0, 1.0, 1.0 - shift * seed)
            curves.append(curve(recipe, losses, lr=lr, seed=seed, planned=planned))
    BlockRuns(tuple(models)).save(tmp_path / "08_one_rate_blocks.json")
    Curves(tuple(curves)).save(tmp_path / "08_one_rate_curves.json")
    for name in ("blocks", "curves"):
        monkeypatch.setattr(one_rate, f"one_rate_{name}_path", lambda name=name: tmp_path / f"08_one_rate_{name}.json")
    ask = {"first": "depth/pre", "second": "depth/lns", "lr": 2.0, "steps": 4}
    assert one_rate.loss_difference(n=2, seeds=[1, 2], **ask).values == (0.25, 0.25)
    assert one_rate.variance_ratio(n=2, seeds=[1, 2], **ask).values == (0.5, 0.5)
    assert one_rate.behind_early(n=2, seeds=[1, 2], **ask).values == pytest.approx((0.0, -0.0625))
    turned = {**ask, "first": "depth/lns", "second": "depth/pre"}
    assert one_rate.variance_ratio(n=1, seeds=[1], **turned).values == (2.0,)
    with pytest.raises(NotAvailable, match=r"seeds \[3\]"):  # another length
        one_rate.loss_difference(n=1, seeds=[3], **ask)
    with pytest.raises(NotAvailable, match="sweep one-rate"):
        one_rate.loss_difference(n=1, seeds=[1], **{**ask, "second": "depth/sandwich"})


def test_tuned_models_are_compared_at_the_rate_of_the_choosing_seed(monkeypatch, tmp_path):
    def row(recipe, seed, rate, nats, start="end"):
        return Transfer(recipe=recipe, lr=1.0, seed=seed, start=start, tuning_lr=rate, nats_before=2.0, nats=nats,
                        right_before=0.5, right=0.5)  # fmt: skip

    path = tmp_path / "08_transfer.json"
    monkeypatch.setattr(lesson08_runs, "transfers_path", lambda: path)
    with pytest.raises(NotAvailable, match="labkit sweep transfer"):
        lesson08_runs.transfer_difference(n=1, seeds=[1])
    rows = [row("depth/pre", 0, 1.0, 0.9), row("depth/pre", 0, 2.0, 0.8), row("depth/pre", 0, 1.0, 0.1, start="0")]
    rows += [row("depth/pre", 1, 1.0, 0.2), row("depth/pre", 1, 2.0, 0.75), row("depth/lns", 0, 1.0, 0.3)]
    Transfers((*rows, row("depth/lns", 1, 1.0, 0.5))).save(path)
    assert lesson08_runs.transfer_difference(n=1, seeds=[1]).values == (-0.25,)
    with pytest.raises(NotAvailable, match=r"seeds \[2\]"):
        lesson08_runs.transfer_difference(n=2, seeds=[1, 2])


def test_the_theory_s_numbers():
    assert max(map(abs, lesson08_runs.lemma_errors(n=10, seeds=[0]).values)) < 1e-9
    added = lesson08_runs.bound_converges(n=3, seeds=[0]).values
    assert added[0] == pytest.approx(2 * (2 / 1e5) ** 0.5 - 2 * 1e5**-0.5, rel=0.01)
    assert added == tuple(sorted(added, reverse=True))


# ---------------------------------------------------------------------------------------------------- what is promised


def test_every_measured_claim_has_its_record_and_hub_claims_have_none():
    found = claims.ledger().lesson("08").claims
    for claim in found:
        verdict = claims.assess(claim).verdict
        assert (verdict == "not run") == (claim.kind == "hub"), claim.id
    assert sum(claim.kind in ("model", "method") for claim in found) >= 8 and len(found) >= 12
