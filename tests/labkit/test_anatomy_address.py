"""The grammar of addresses: everything it can say is read back, everything else is refused by name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labkit.anatomy import Address
from labkit.anatomy.address import ENDS, LAYER_PARTS
from labkit.base.errors import BadInput, UnknownName

ranges = st.tuples(st.integers(0, 99), st.integers(1, 99)).map(lambda pair: (pair[0], pair[0] + pair[1]))
axes = st.none() | st.integers(0, 9999) | ranges
places = st.sampled_from([(part, None) for part in ENDS]) | st.tuples(st.sampled_from(LAYER_PARTS), st.integers(0, 99))


@given(places, st.booleans(), st.lists(axes, max_size=2))
def test_an_address_is_read_back_from_what_it_prints(place, bias, index):
    address = Address(*place, bias, tuple(index))
    assert Address.parse(str(address)) == address
    assert Address.parse(str(address).replace(",", " , ")) == address
    assert hash(address) == hash(Address.parse(str(address)))


def test_the_forms_of_the_documentation():
    assert Address.parse("layers.3.mlp.down[12, 7]") == Address("mlp.down", 3, index=(12, 7))
    assert Address.parse("layers.3.mlp.down[12, :]").index == (12, None)
    assert Address.parse("layers.3.attn.q.bias[8:16]") == Address("attn.q", 3, True, ((8, 16),))
    assert str(Address.parse("final_norm[5]").whole) == "final_norm"


@pytest.mark.parametrize(
    "text",
    ["layers.0.mlp.down[", "layers.0.mlp.down[]", "layers.0.mlp.down[-1, 0]", "layers.0.mlp.down[1, 2, 3]",
     "layers.0.mlp.down[1.5]", "embed[3:3]", "embed]2[", "", None, 7],
)  # fmt: skip
def test_what_is_not_an_address_is_refused(text):
    with pytest.raises(BadInput):
        Address.parse(text)


@pytest.mark.parametrize(
    ("text", "near"),
    [
        ("layers.3.mlp.dwn", "layers.3.mlp.down"),
        ("layers.3.att.q", "layers.3.attn.q"),
        ("layer.3.attn.q", "layers.0.attn.q"),
        ("emmbed", "embed"),
        ("layers.x.attn.q", "layers.0.attn.q"),
    ],
)
def test_a_misspelt_name_is_answered_with_the_nearest(text, near):
    with pytest.raises(UnknownName, match=f"did you mean(?s:.*){near}"):
        Address.parse(text)
