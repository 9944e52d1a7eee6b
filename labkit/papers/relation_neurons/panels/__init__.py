"""The panels of lesson 11: switch relations off, and the confound lab."""
