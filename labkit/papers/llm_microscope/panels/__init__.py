"""Panels of lesson 10: the microscope over a sentence, and the text that is stripped."""
