"""Ask the issuers whether found credentials are live, safely and honestly.

`run.py` tells the story; `guard.py` decides which address may be asked at all,
`wire.py` asks, `table.py` reads the answer as the rule's probe table says,
`control.py` makes the copy that must be refused, `reread.py` finds the
credential of a report again.
"""
