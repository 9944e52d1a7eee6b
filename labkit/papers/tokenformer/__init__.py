"""TokenFormer: Rethinking Transformer Scaling with Tokenized Model Parameters (Wang et al. 2024)."""

from labkit.base.papers import Paper

__all__ = ["PAPER"]

PAPER = Paper(
    number="03",
    slug="tokenformer",
    lesson="03_tokenformer",
    title="TokenFormer: Rethinking Transformer Scaling with Tokenized Model Parameters",
    authors=(
        "Haiyang Wang, Yue Fan, Muhammad Ferjad Naeem, Yongqin Xian, Jan Eric Lenssen, Liwei Wang, "
        "Federico Tombari, Bernt Schiele"
    ),
    year=2024,
    arxiv="2410.23168",
    code="https://github.com/Haiyang-W/TokenFormer",
    configs={"tokenformer": "method", "tokenformer-baseline": "method"},
    edits={"mask-tokens": "method"},
    tokenizers={"island-words": "task.tokenizer"},
)
