"""One folder a paper: its method, experiments, claims, figures, panels, exercises and recipes.

`labkit.base.papers` finds them by scanning this package; each folder's `__init__` holds `PAPER`, torch-free. A paper
imports the spine only, never another paper.
"""
