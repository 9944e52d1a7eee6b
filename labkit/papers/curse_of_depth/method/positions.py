"""Where the factor ℓ^-p may stand in a block: one list for the edit, its panel, the trained models and their tests."""

__all__ = ["POSITIONS", "TRAINED_POSITIONS"]

# after-norm is the paper's; attention and mlp: after the norm of that branch alone.
POSITIONS = ("after-norm", "before-norm", "after-branch", "attention", "mlp")

# No switch finds a plain norm after the residual sum; a model can be trained with the factor there.
TRAINED_POSITIONS = (*POSITIONS, "after-residual")
