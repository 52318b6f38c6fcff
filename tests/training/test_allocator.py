import subprocess
import sys
from pathlib import Path

import pytest

# Prints by how many MB a process is larger after it has filled and freed arrays of 150 MB in all.
GROWTH = """
import resource
import sys
from pathlib import Path
import numpy as np
from ralm.training.allocator import keep_freed_memory

def size():
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() // 10**6

if sys.argv[1] == "kept" and not keep_freed_memory():
    sys.exit(3)
before = size()
arrays = [np.ones(3 * 10**6, np.uint8) for _ in range(50)]
assert size() - before >= 150
del arrays
print(size() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="tells the size of a process on Linux")
def test_freed_arrays_stay_with_the_process() -> None:
    growth = {}
    for mode in ("default", "kept"):
        done = subprocess.run([sys.executable, "-c", GROWTH, mode], capture_output=True, text=True)
        if done.returncode == 3:
            pytest.skip("this C library has no mallopt")
        assert done.returncode == 0, done.stderr
        growth[mode] = int(done.stdout)
    assert growth["default"] < 20
    assert growth["kept"] >= 140
