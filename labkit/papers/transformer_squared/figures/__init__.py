"""How this paper's results are drawn."""
