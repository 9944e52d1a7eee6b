"""The panels of this paper, one file each."""
