"""Lookahead Live: step-level speculative reasoning on real models, watched live."""

__version__ = "0.1.0"
