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
    configs={"method.blocks": ("byte-window",)},
    tokenizers={"bytes": "task.tokenizer"},
    loaders={"blt": "method.storage.read_blt"},
    drawings={"figures": ("Costs", "Cuts", "Drift", "PatchSizes", "Qualities")},
    panels={"panels.cutting": ("CutTextPanel",), "panels.noise": ("NoisePanel",)},
    experiments={
        "task": ("byte_ids", "noised", "pages", "text_of", "transliterated"),
        "method.patching": ("BPE", "Delimited", "Entropy", "Space", "Strided", "TopK", "calibrated", "patches"),
        "method.entropy": ("CNN", "ByteEntropies", "NGrams", "entropy_of"),
        "method.hashing": ("FrequentEmbedding", "FrequentNGrams", "HashedEmbedding", "collisions", "hash_ids"),
        "method.blocks": ("ByteWindow", "CrossAttention"),
        "method.model": ("BLT", "BLTConfig", "Flat", "FlatConfig", "bits_per_byte", "decoder_mask", "encoder_mask"),
        "method.relatives": ("MegaByte", "MegaByteConfig", "SpaceByte", "SpaceByteConfig"),
        "method.accounting": ("Cost", "cost", "cost_of_tokens"),
        "method.generation": ("OnLine", "generate_bytes", "ready"),
        "method.official": ("as_released", "released"),
        "method.reuse": ("byteify",),
        "method.storage": ("load_blt",),
        "training.arms": ("ARMS", "FRESH", "NEAR", "patcher_of"),
        "training.choices": ("small_cnn",),
        "training.entropy": ("entropy_model", "threshold"),
        "experiments.cutting": (
            "Cuts",
            "Drift",
            "PatchSizes",
            "cut",
            "drift",
            "moved",
            "patch_sizes",
            "patchers",
            "word_starts",
        ),
        "experiments.costing": ("Costs", "costs"),
        "experiments.quality": (
            "Qualities",
            "arm_gap",
            "part_gap",
            "qualities",
            "rates_tried",
            "story_model",
            "thresholds",
        ),
        "experiments.noise": (
            "accuracy_over_seeds",
            "endings",
            "measured_noise",
            "noise_gap",
            "noise_lab",
            "spelling",
            "spelling_over_seeds",
        ),
        "exercises": ("suspects",),
    },
)
__all__, __getattr__, __dir__ = PAPER.lazily()
