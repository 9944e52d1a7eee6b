"""Where the parts of a causal language model are, by one set of names for all families.

`anatomy_of(model).tree()` prints the addresses; `view(model, "layers.3.mlp.down[12, 7]")` reads and writes a weight;
`record(model, ids, ["layers.3"])` returns activations; `fingerprint(model)` tells whether anything changed.
What a family of `transformers` calls its parts stands in `families.py`, and nowhere else.
"""

from labkit.zoo import module_of

from .address import Address
from .families import family_of
from .fingerprint import fingerprint, fingerprint_parts, hooks_of
from .locks import in_eval_mode, model_lock
from .parts import Anatomy, BlockParts, SublayerParts, anatomy_of, view
from .patterns import attention_weights
from .removal import remove
from .sites import Site, observe, record, site_of, sites, stream_of, tokens, tokens_before, with_stream
from .skips import Skip, cache_in
from .view import View

__all__ = [
    "Address",
    "Anatomy",
    "BlockParts",
    "Site",
    "Skip",
    "SublayerParts",
    "View",
    "anatomy_of",
    "attention_weights",
    "cache_in",
    "family_of",
    "fingerprint",
    "fingerprint_parts",
    "hooks_of",
    "in_eval_mode",
    "model_lock",
    "module_of",
    "observe",
    "record",
    "remove",
    "site_of",
    "sites",
    "stream_of",
    "tokens",
    "tokens_before",
    "view",
    "with_stream",
]
