"""Experiments: each a function to a frozen result with `.table()`, shared by lesson, panels and claims."""
