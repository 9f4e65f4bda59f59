"""Ignore files of other tools: one module per format; its name is the FORMAT in `FORMAT:FILE`."""
