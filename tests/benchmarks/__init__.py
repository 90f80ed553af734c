"""Benchmarks against a floor: ours and the least that could do the job, in turn, in the same run on the same machine.

A benchmark is a module with `run(quick: bool) -> dict[str, Any]` that returns `harness.result(...)`.
"""
