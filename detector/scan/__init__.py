"""One scan: targets are divided into shares, workers examine them, sightings become findings.

`pipeline.scan` is the whole story; every other module here is one of its steps.
"""
