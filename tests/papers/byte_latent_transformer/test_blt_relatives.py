"""SpaceByte and MegaByte: nothing sees its own future, who reads whom, and what they cost."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from labkit.base.errors import BadInput
from labkit.papers.byte_latent_transformer.method.accounting import cost, cost_of_megabyte
from labkit.papers.byte_latent_transformer.method.generation import ready
from labkit.papers.byte_latent_transformer.method.model import BLTConfig, run
from labkit.papers.byte_latent_transformer.method.patching import Space, Strided
from labkit.papers.byte_latent_transformer.method.relatives import MegaByteConfig, SpaceByteConfig
from labkit.papers.byte_latent_transformer.task import EOS, PAD, byte_ids

TEXT = "The lantern was with Uma, on Lull."
SMALL = {"width": 16, "heads": 2, "hash_rows": 53}
KINDS = {
    "spacebyte": (SpaceByteConfig(latent_width=32, window=8, **SMALL), Space()),
    "spacebyte, stride": (SpaceByteConfig(latent_width=32, window=8, **SMALL), Strided(4)),
    "megabyte": (MegaByteConfig(latent_width=40, ffn=32, latent_ffn=64, **SMALL), Strided(4.5)),
    "megabyte, even": (MegaByteConfig(latent_width=40, ffn=32, latent_ffn=64, **SMALL), Strided(3)),
}


@pytest.fixture(params=KINDS)
def kind(request):
    config, patcher = KINDS[request.param]
    return config.build(0), patcher


@torch.no_grad()
def test_no_byte_sees_its_future(kind):
    model, patcher = kind
    ids = byte_ids(TEXT)
    whole = model(*ready(ids, patcher))
    for t in range(len(ids)):
        other = ids.copy()
        other[t:] = byte_ids("z")[0]
        changed = model(*ready(other, patcher))
        torch.testing.assert_close(changed[0, : t + 1], whole[0, : t + 1], atol=1e-5, rtol=0, msg=str(t))
        assert (changed[0, t + 1] - whole[0, t + 1]).abs().max() > 1e-4 or other[t] == ids[t]


@torch.no_grad()
def test_rows_and_documents_do_not_read_each_other_and_padding_changes_nothing(kind):
    model, patcher = kind
    (a, sa), (b, sb) = ready(byte_ids("Uma sang."), patcher), ready(byte_ids("The ferry left Lull."), patcher)
    packed = model(torch.cat((a, b), dim=1), torch.cat((sa[:, :-1], sb), dim=1))[:, a.shape[1] :]
    torch.testing.assert_close(packed, model(b, sb), atol=1e-5, rtol=0)
    short = torch.full_like(b, PAD)
    short[:, : a.shape[1]] = a
    short[:, a.shape[1]] = EOS
    starts = torch.zeros_like(sb)
    starts[:, : sa.shape[1]] = sa
    both = model(torch.cat((short, b)), torch.cat((starts, sb)))
    torch.testing.assert_close(both[:1, : a.shape[1]], model(a, sa), atol=1e-5, rtol=0)
    torch.testing.assert_close(both[1:], model(b, sb), atol=1e-5, rtol=0)


@torch.no_grad()
def test_spacebyte_adds_its_latent_blocks_at_the_last_bytes_of_patches_and_nowhere_else():
    model = KINDS["spacebyte"][0].build(0)
    ids, starts = ready(byte_ids(TEXT), Space())
    seen = []
    hook = model.latent.register_forward_hook(lambda module, args, out: seen.append((args[0].stream, out.stream)))
    decoded = []
    also = model.decoder.register_forward_pre_hook(lambda module, args: decoded.append(args[0].stream))
    model(ids, starts)
    hook.remove(), also.remove()
    x = run(model.encoder, model.embed(ids), torch.ones_like(ids))
    places = starts[0, 1:].nonzero()[:, 0]
    assert places[0] == 0 and bytes(ids[0, places[1:]].sub(4).tolist()) == b"    , ."
    (into, out), entered = seen[0], decoded[0]
    assert not into[..., :16].any() and torch.equal(into[0, :, 16:], x[0, places])
    expected = x.clone()
    expected[0, places] += out[0, :, 16:]
    torch.testing.assert_close(entered, expected, atol=1e-6, rtol=0)


@torch.no_grad()
def test_a_byte_of_megabyte_reads_its_own_patch_and_of_others_only_through_the_global_model():
    model = MegaByteConfig(latent_width=40, ffn=32, latent_ffn=64, **{**SMALL, "hash_sizes": ()}).build(0)
    ids, starts = ready(byte_ids(TEXT), Strided(4))
    torch.nn.init.zeros_(model.to_bytes.weight)
    deaf = model(ids, starts)
    other = ids.clone()
    other[0, 1:5] = byte_ids("z")[0]  # the first patch
    torch.testing.assert_close(model(other, starts)[0, 4:], deaf[0, 4:], atol=1e-6, rtol=0)
    torch.testing.assert_close(
        deaf[0, 4], deaf[0, 8], atol=1e-6, rtol=0
    )  # before a first byte nothing of the patch is known


@torch.no_grad()
def test_a_patch_of_megabyte_is_its_bytes_side_by_side_and_each_byte_gets_its_own_slice():
    config = KINDS["megabyte"][0]
    model = config.build(0)
    ids, starts = ready(byte_ids(TEXT), Strided(4.5))
    x, slots = model.norm_bytes(model.embed(ids)), model.slots(ids, starts)
    assert slots[0, :12].tolist() == [0, 0, 1, 2, 3, 4, 0, 1, 2, 3, 0, 1]
    p = model.patches(x, slots, starts)[0]
    torch.testing.assert_close(p[1], model.to_slot(x[0, 1:6]).flatten())
    torch.testing.assert_close(p[2], torch.cat((model.to_slot(x[0, 6:10]).flatten(), torch.zeros(8))))
    entered, made = [], []
    hooks = [
        model.decoder.register_forward_pre_hook(lambda module, args: entered.append(args[0].stream)),
        model.latent.register_forward_hook(lambda module, args, out: made.append(out.stream)),
    ]
    model(ids, starts)
    for hook in hooks:
        hook.remove()
    slices = model.norm_patches(made[0][0]).unflatten(-1, (5, -1))  # patches, slots
    torch.testing.assert_close(
        entered[0][0, 7], x[0, 7] + model.to_bytes(slices[1, 2])
    )  # predicts byte 8: slot 2 of patch 2
    torch.testing.assert_close(entered[0][0, 5], model.first.weight[0] + model.to_bytes(slices[1, 0]))


@torch.no_grad()
def test_a_byte_of_megabyte_is_as_loud_as_its_slice():
    model = MegaByteConfig().build(0)
    ids, starts = ready(byte_ids(TEXT), Strided(4.5))
    entered = []
    hook = model.decoder.register_forward_pre_hook(lambda module, args: entered.append(args[0].stream))
    model(ids, starts)
    hook.remove()
    bytes_alone = model.norm_bytes(model.embed(ids))[~starts[:, 1:]]
    slices_alone = entered[0][~starts[:, 1:]] - bytes_alone
    assert 0.5 < float(bytes_alone.std() / slices_alone.std()) < 2


def test_what_cannot_be_is_refused():
    model = KINDS["megabyte"][0].build(0)
    with pytest.raises(BadInput, match="at most 5"):
        model(*ready(byte_ids(TEXT), Strided(6)))
    with pytest.raises(BadInput, match="a multiple of the slots"):
        MegaByteConfig(latent_width=121)
    with pytest.raises(BadInput, match="both start a patch"):
        ids, starts = ready(byte_ids(TEXT), Space())
        KINDS["spacebyte"][0].build(0)(ids, starts & (torch.arange(starts.shape[1]) != 1))


@pytest.mark.parametrize("name", ["spacebyte", "megabyte"])
def test_costs_agree_with_a_counted_pass(name):
    length, size = 240, 4
    config = {"spacebyte": SpaceByteConfig(), "megabyte": MegaByteConfig()}[name]
    starts = torch.zeros(1, length + 1, dtype=torch.bool)
    starts[:, ::size] = True
    starts[:, 1] = True
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        config.build(0)(torch.randint(4, 260, (1, length)), starts)
    counted = counter.get_flop_counts()["Global"]
    # Left out: attention, which reads what is masked too, and choosing a patch by a matrix of zeros and ones.
    chosen = sum(value for op, value in counted.items() if "bmm" in str(op))
    matrices = (sum(value for op, value in counted.items() if "attention" not in str(op)) - chosen) / length
    near = size if name == "megabyte" else config.window
    size = length / {"spacebyte": 61, "megabyte": 62}[name]  # begin and byte to come have a patch, or a step, too
    local = config.depth if name == "megabyte" else config.encoder + config.decoder
    seen = config.latent * 2 * config.latent_width * (length / size + 1) / size + local * 2 * config.width * (near + 1)
    told = cost_of_megabyte(config, size, length) if name == "megabyte" else cost(config, size, length).total
    assert matrices == pytest.approx(told - seen, rel=0.01)


def test_spacebyte_spends_on_a_block_what_cross_attention_would_cost():
    assert SpaceByteConfig().as_dict() == BLTConfig(cross=False, latent=3).as_dict()
