"""One thread for every test, whatever else the machine does.

Nothing of compvis may be imported here: this file is read before the type checker is put into the imports,
and modules that are loaded already stay unchecked (tests/test_types.py).
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("MPLBACKEND", "Agg")
