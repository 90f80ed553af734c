"""Command line: `python -m tests.benchmarks NAME [--quick]` prints one JSON object."""

from __future__ import annotations

import argparse
import importlib
import json
import sys

import structlog

BENCHMARKS: dict[str, str] = {
    "bridge": "messages/s from MQTT to Kafka, acknowledged after delivery, against Mosquitto's own C-to-C ceiling",
    "bridge_batched": "readings/s from MQTT to Kafka with 20 in each message, against the same ceiling",
    "ingest": "rows/s into PostgreSQL through the writer, against a raw binary COPY of the same rows",
    "ingest_bare": "the same without latest values and rollups: ledger and COPY under the key alone",
    "ingest_wide": "data points/s as one row per message of a probe with ten metrics, against the same raw COPY",
    "query": "ms (95th percentile) for a 24-hour chart from 10 million readings, against the same SQL without the API",
    "ingest_live": "processor share of the ingest at 8,000 readings/s, against a bare consumer that decodes the same; a backlog",
    "alarms": "processor share of judging 8,000 readings/s on 10,000 channels with limits, against decoding the same messages",
    "alarm_journey": "ms (99th percentile) from a sensor's message to the box's alarm, then to the API and a webhook; against the broker alone",
    "api": "requests/s of read endpoints with a signed-in user, against a bare FastAPI app that returns the same bytes; p95 at 200/s",
    "load": "CPU-ms of a request by Locust's people who look, sign in and classify, against a bare FastAPI app that returns the same bytes",
    "live": "ms (99th percentile) from a commit to 200 WebSocket clients of 1,000 units at 1 Hz, against a bare broadcast; gaps",
    "dashboard": "processor share of a wall of 400 tiles at 1 Hz, against the same wall standing still; first load, phone, heap, frames",
    "chart_pan": "frames/s while a chart of 100,000 rows is moved along, against the same chart with 480",
    "edge_pipeline": "frames/s through capture, detector and observation, against a ten-line decode-resize-infer loop",
    "runtime": "CPU-ms from a 1080p JPEG to detections, against onnxruntime alone on a tensor that is ready",
    "classify": "CPU-ms from a 1080p JPEG over HTTP to an answer that is kept, against the same picture through the runtime alone",
    "tracking": "IDF1 of the tracker on a simulated school with known fish, against greedy overlap matching",
    "actuation": "ms (99th percentile) from a sensor's message to the relay's command without any uplink, against ten lines",
    "quality": "readings/s made and judged by all quality tests, against readings made unjudged; precision and recall on labelled series",
    "abnormal": "buckets/s judged against the stream's habit, against seasonal naive; precision, recall and false advice on labels",
    "drift": "daily comparisons/s of a signal with its reference, against a KS test on raw hours; false alarms and delays",
    "near_duplicates": "pictures/s described by the guard of data sets, against a difference hash; copies found, strangers matched",
    "outbox": "readings/s made durable in the outbox, against raw SQLite with the same commits; alarms, kills, backlog, a week",
    "rollout_sim": "share of a simulated fleet that a silently worse model harms, against rollouts that ask for success reports alone",
    "fleet_live": "ms of a box's warm look at the signed repository, against a bare GET of its timestamp; a fleet's update, cuts, deltas",
    "fleet_mqtt": "connections/s of simulated devices at Mosquitto, against a bare server; desired state, last wills, reconnects",
    "soak": "memory of an agent after minutes of broken uplinks and alarms, against itself before; slopes of files and threads",
    "footprint": "memory of an idle edge agent, against a bare Python process; sizes, imports and the box beside it",
}
"""Name and what it measures; the module of the same name does it."""


def main(arguments: list[str] | None = None) -> int:
    """Run one benchmark, or list them."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks",
        description="Measure one part against its floor. Prints one JSON object: name, value, unit, floor, "
        "ratio (ours against the floor; 1.0 is the floor, higher is better), machine, runs.",
        epilog="`make bench` runs all of them and renders docs/benchmarks.md.",
    )
    parser.add_argument("name", nargs="?", choices=sorted(BENCHMARKS), help="which benchmark")
    parser.add_argument("--quick", action="store_true", help="fewer rounds: is it alive, not how fast is it")
    parser.add_argument("--full", action="store_true", help="the long run too, where there is one (outbox, soak)")
    parser.add_argument("--part", help="one part alone, where a benchmark names its parts (dashboard)")
    parser.add_argument("--list", action="store_true", help="names with what each measures")
    chosen = parser.parse_args(arguments)
    if chosen.list or chosen.name is None:
        for name, meaning in BENCHMARKS.items():
            print(f"{name:<14} {meaning}")
        return 0 if chosen.list else 2
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))  # stdout is the JSON object alone
    module = importlib.import_module(f"tests.benchmarks.{chosen.name}")
    if chosen.full and not hasattr(module, "full"):
        parser.error(f"{chosen.name} has no --full")
    if chosen.part is not None:
        parts = getattr(module, "PARTS", ())
        if chosen.part not in parts:
            parser.error(f"{chosen.name} has no part {chosen.part}; it has {', '.join(parts) or 'none'}")
        print(json.dumps(module.part(chosen.part), indent=2))
        return 0
    outcome = module.run(chosen.quick)
    if chosen.full:
        outcome["full"] = module.full()
    print(json.dumps(outcome, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
