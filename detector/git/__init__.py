"""Reading git repositories without obeying them."""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # numpy is for columns here: threads for matrices cost a start, idle
