"""Many edits, one model, one text: each recomputed only from what it touches, kept in a small file, replayed
without torch.

Names are imported when first used: `Sweep.load(path)` and everything a loaded sweep answers need no torch.
"""

from labkit.base.lazy import lazy_names

__all__, __getattr__, __dir__ = lazy_names(
    __name__,
    {
        "result": ("Point", "Sweep"),
        "run": ("sweep",),
        "in_progress": ("Step",),
        "pruning": ("EffectiveDepth", "effective_depth", "pruning_curve"),
        "leave_one_out": ("LeaveOneOut", "score_agreement"),
        "scalars": ("zeroing_agreement",),
        "standard_proof": ("Proof", "check"),
        "plans": ("every_block", "every_sublayer", "weights"),
    },
)
