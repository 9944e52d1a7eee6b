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
    edits={"method.edits": ("cut_routes", "forget_past", "set_route", "set_router", "set_shares")},
    configs={
        "method.config": ("lime", "lime-v1"),
        "method.baselines": ("value-residual", "dense-former", "hyper-connections"),
    },
    drawings={"figures": ("ByLayer", "EdgeCosts", "Ladder", "LearningCurves", "Pruning", "RoutingMap")},
    panels={"panels.ladder": ("LadderPanel",), "panels.routes": ("RoutesPanel",)},
    experiments={
        "method.router": ("AverageRouter", "ChannelRouter", "Router", "SameHeadRouter", "readable_layers"),
        "method.attention": ("HiddenMixture", "LayerMixAttention", "RoutedAttention"),
        "method.config": ("LIMe", "LIMeOfStates", "router_parameters"),
        "method.baselines": ("DenseFormer", "HyperConnections", "ValueResidual"),
        "method.edits": ("CutRoutes", "ForgetPast", "SetRoute", "SetRouter", "SetShares", "routers_of"),
        "experiments.accounting": ("Bill", "bill", "step_seconds"),
        "experiments.capture": ("Captured", "capture"),
        "experiments.circuits": ("Circuit", "circuits"),
        "experiments.collapse": ("ByLayer", "cloud", "matrix_entropy", "near_tokens", "separability", "value_entropy"),
        "experiments.language": ("LanguagePairs", "language_pairs"),
        "experiments.ladder": ("Ladder", "LearningCurves", "Rung", "ladder", "learning_curves"),
        "experiments.reading": ("Solved", "read_working", "solve", "unseen"),
        "experiments.routing": (
            "EdgeCosts",
            "Pruning",
            "RoutingMap",
            "edge_costs",
            "entry_costs",
            "prune",
            "routing_map",
        ),
    },
    tokenizers={"brackets": "task.tokenizer"},
)
__all__, __getattr__, __dir__ = PAPER.lazily()
