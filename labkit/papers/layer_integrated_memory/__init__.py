"""Layer-Integrated Memory (arXiv 2502.09245): keys and values from all earlier layers. Lesson: 09."""

from labkit.base.papers import Paper

PAPER = Paper(
    number="09",
    slug="layer_integrated_memory",
    lesson="09_layer_integrated_memory",
    title="You Do Not Fully Utilize Transformer's Representation Capacity",
    authors="Gleb Gerasimov, Yaroslav Aksenov, Nikita Balagansky, Viacheslav Sinii, Daniil Gavrilov",
    year=2025,
    arxiv="2502.09245",
    code="https://github.com/corl-team/lime",
    edits={
        "cut_routes": "method",
        "forget_past": "method",
        "set_route": "method",
        "set_router": "method",
        "set_shares": "method",
    },
    configs={
        "lime": "method",
        "lime-v1": "method",
        "value-residual": "method",
        "dense-former": "method",
        "hyper-connections": "method",
    },
    tokenizers={"brackets": "task.tokenizer"},
)
