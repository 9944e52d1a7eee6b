"""Byte Latent Transformer: bytes in patches cut where the next byte is hard to foresee (Pagnoni et al. 2024)."""

from labkit.base.papers import Paper

PAPER = Paper(
    number="05",
    slug="byte_latent_transformer",
    lesson="05_byte_latent_transformer",
    title="Byte Latent Transformer: Patches Scale Better Than Tokens",
    authors=(
        "Artidoro Pagnoni, Ram Pasunuru, Pedro Rodriguez, John Nguyen, Benjamin Muller, Margaret Li, Chunting Zhou, "
        "Lili Yu, Jason Weston, Luke Zettlemoyer, Gargi Ghosh, Mike Lewis, Ari Holtzman, Srinivasan Iyer"
    ),
    year=2024,
    arxiv="2412.09871",
    code="https://github.com/facebookresearch/blt",
    configs={"byte-window": "method.blocks"},
    tokenizers={"bytes": "task.tokenizer"},
)
