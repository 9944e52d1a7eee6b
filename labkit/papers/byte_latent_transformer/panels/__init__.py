"""Panels: cut your own text by a threshold; noise for bytes and for tokens."""
