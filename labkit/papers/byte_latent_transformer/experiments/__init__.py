"""The lesson's experiments: each a function to a frozen result with `.table()`; the lesson, panels and claims share them."""
