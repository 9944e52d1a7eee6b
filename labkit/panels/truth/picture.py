"""The picture of the truth panel."""
