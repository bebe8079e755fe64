"""Sonde: raw data in, a trained, honestly judged, sealed model out."""
