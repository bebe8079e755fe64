"""Kinds for Sonde from a package of its own."""
