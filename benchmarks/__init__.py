"""Our speed beside what a user would pick instead, measured in one run: `python -m benchmarks NAME`."""
