"""Idle blocks by depth: the stored runs, counted as the ledger counts them."""

import pytest

from labkit.base.errors import LabkitError
from labkit.claims import assess
from labkit.figures import describe, draw
from labkit.papers.curse_of_depth.experiments.block_runs import IDLE, BlockRun
from labkit.papers.curse_of_depth.experiments.depths import idle_by_depth

RUN = {"recipe": "depth/pre-8", "lr": 8e-3, "seed": 1, "step": "end", "loss": 1.0, "variance": (1.0,) * 5}


def test_a_block_that_costs_just_so_much_is_idle():
    costs = (-0.1, IDLE, 1.001 * IDLE, 1.0)
    assert BlockRun(**RUN, turns=(0.0,) * 4, block=costs, attention=(), mlp=()).idle == 2


def test_the_shares_are_those_of_the_ledger():
    found = idle_by_depth()
    (few, many), (scaled_few, scaled_many) = found.shares["Pre-LN"], found.shares["LayerNorm Scaling"]
    assert many.value - few.value == pytest.approx(assess("08.idle_share_grows").value)
    assert scaled_many.value - many.value == pytest.approx(assess("08.scaling_fewer_idle").value)
    assert few.value == 0 and few.n == 5 and scaled_few.value > 0
    assert "0.81 of 32 blocks" in describe(found) and "0.81" in found.table() and draw(found).axes


def test_a_depth_without_runs_is_named():
    with pytest.raises(LabkitError, match="depth/pre-12"):
        idle_by_depth((8, 12))
