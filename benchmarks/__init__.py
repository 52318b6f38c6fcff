"""Our speed next to that of tools that one would pick instead, measured in one run: `python -m benchmarks NAME`."""
