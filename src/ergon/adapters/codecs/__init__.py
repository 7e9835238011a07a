"""Codecs: turn values that JSON cannot carry into bytes and back."""
