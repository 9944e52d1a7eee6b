"""The zoo: every model by its name, checked before it is opened.

Names are imported when first used: to list what is here needs no torch.
"""

from labkit.base.lazy import lazy_names

__all__, __getattr__, __dir__ = lazy_names(
    __name__,
    {
        "encoder": ("Encoder",),
        "finite": ("NotFinite", "tell_not_finite"),
        "handle": ("Handle", "ModelLike", "module_of"),
        "loading": ("load",),
        "manifest": ("card_of", "entries", "folder_of", "models", "record", "verify"),
        "packaged": ("about_encoder",),
        "shipping": ("card_of_run", "ship", "ship_files", "ship_model"),
    },
)
