"""`make bench`: run every benchmark in a process of its own and render docs/benchmarks.md with its plots.

`--quick` is for trying the report, `--only NAME` refreshes one; results stay in docs/benchmarks/*.json, so a page can be
rendered again without measuring (`--render`).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from datetime import datetime, timezone
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt

from tests.benchmarks.__main__ import BENCHMARKS
from tests.servers.presence import ROOT

PAGE = ROOT / "docs" / "benchmarks.md"
FOLDER = ROOT / "docs" / "benchmarks"
OURS, FLOOR = "#0b6e8f", "#b8c4cc"

INTRODUCTION = """# Benchmarks

Each figure stands beside its floor: the least code that could do the same job, measured in turn with ours (A B A B) in the
same run on the same machine. The **ratio** is ours against the floor, turned so that 1.0 is the floor and higher is better.
A ratio travels between machines better than a figure does. `make bench` measures again and writes this page;
`python -m tests.benchmarks NAME` prints one of them as JSON.
"""

FINDINGS = {
    "api": """Where the processor time of a request went, by profile in one process (bare FastAPI application 0.04 ms without its server, which
adds 0.14 to both): who am I 0.55 ms, of which FastAPI worked out three dependencies for the user and one for a connection that it
did not need (0.25) and the connection itself (0.12); a list 1.7 to 2.1 ms, of which a statement 0.5, models and JSON the rest. Now the
user is one dependency, who am I takes no connection (0.19 ms), and who asks the same while nothing is committed shares one answer:
0.085 ms from middleware to middleware, of which the border 0.040, compression 0.012 and limits 0.007, and 0.15 ms for a
look at the store's version, which those who wait share. `cpu ms read anew` is what a reading costs that nobody shares, `cpu ms
commits` what a request costs while another process commits ten times a second. A client that is alone pays the look for itself.
On a quiet machine, below, the lists reach 0.53 to 0.58 of the bare application (bar 0.5), who am I 0.495, and the p95 at 200 requests/s is
2.8 ms (bar 30). That is while nothing is committed; read anew, everything at a site still costs 2.7 ms and a list 1.2. At thirteen
times its load the same machine gave 0.33 in all, because a request then finds every cache cold.

Requests that take longer than they compute wait for a core. Measured by hand on 2 cores: with load 2 to 4 the p95 at
200 requests/s was 10 to 27 ms, and the event loop's thread stood ready without a core for at most 1 ms of a request that computed
2.5 ms. With six busy loops beside it (load 9) it stood so for 26 ms, and the p95 was 737 ms at 40 requests/s and 10 s at 100
and 200, while the bare application stayed at 26 to 64 ms: it needs a sixth of the time, and a scheduler serves at once whoever
needs less than the share it has, but lets the requests of whoever needs more queue without end. Each statement adds two such
waits, PostgreSQL's and the one of the API for its answer, and the newest values of a site need seven.

Looked for and not found: a wait for the pool (p95 0.3 ms), a callback that computes for 20 ms (the slow ones computed for at most
2 ms), a pause of the garbage collector above 7 ms, a step of 40 ms as of delayed acknowledgements, scheduled tasks that hold the
event loop (on a small farm). Once the first seconds after a start had a p99 of 226 ms at 40 requests/s; later starts had 12 and
27 ms. Tried without gain: the statements of a site's newest values in one pipeline of the driver (the same latency, up to a tenth
more processor time). `with_a_core` are the turns in which the server waited for a core for at most a tenth of the time.""",
    "classify": """What the API adds was never the picture (multipart 0.13 ms and SHA-256 0.06 ms for its 106 kB) but what stands around it. Every
prediction that was written ended what was remembered of callers, so that each picture asked the store for its sender anew (0.6 to
1 ms); its row took BEGIN, INSERT and COMMIT through SQLAlchemy (1.2 ms). Now a row is one statement that commits by itself, and
callers stay known: 6.4 ms became 4.5, measured in one process in turn with the runtime (1.37 of the runtime alone became 1.25). On a quiet machine the API
added 4.1 ms to the 17.0 of fish-detector 1.2.0: 1.24 of the runtime alone, after 1.34 (bar 1.25, met by a hair); below, it is 1.24 with 1.3.0 as well
(median of the rounds' ratios; 23.7 and 18.8 ms are the medians of each). Of the 4.5 FastAPI's form fields take 0.7 to 1.1 ms, because it looks
up the kind of each of seven fields for every request; the rest is the way of an answer between two threads that share one
interpreter, the row, and the loops of tasks and live values (5 ms a second). Tried without gain: OpenCV with one thread.""",
    "load": """Measured beside many other programs (load 57 on 2 cores), so only the processor time and what was refused tell of the
server; what people waited tells of the machine: twenty users ask slowly, and most of their time they wait for a core. All users are one
account and sign in at the same moment, which is dear on purpose (a password hash each, two at a time) and is a seventh of these
requests, so the ratio is far below that of the reading endpoints ([api](#api)). Of eleven such logins four were once refused with
429, since an attempt counted as a failure while it waited in line; now none of forty is. The classifier is a tiny one.""",
    "edge_pipeline": """The first three rounds had the machine for themselves; from the fourth on others did too, so the figures at overload are
those of a box without processor time. Measured again alone: at overload (150 frames/s wanted, 62 processed) p99 age 395 ms (bar 500), counts exact, fairness 0.99;
beside a dead camera the five others kept 60 of 60 frames each (bar: less than 2 % lost). One after the other in one thread our steps cost less than the loop's (16.5 CPU-ms against
17.0: packets decode cheaper, and brightness is halved before colours are mixed). In the pipeline a frame costs 2 ms more: drawing 0.70
instead of 0.39 and decoding 1.6 instead of 1.4, because each begins with what another core has just written; reading the answer 0.2,
waiting and waking 0.2, the camera's state and its queue 0.1, the worker's own message 0.2. Drawing in the planes' own size would save
0.1. The price buys a model that can be killed while the cameras go on.""",
    "fleet_live": """The ratio is of a look at the repository that brings nothing new: 394 bytes (bar 1 KB) and 3.7 ms by the clock (bar 5), of
which 2.7 are processor time; the floor is a bare GET of the same document. All thousand clients, broker,
bridge, ingest, database and API shared the two cores. A wish is told as reported after 1.4 s (p99, bar 10); until all run the new
model takes 25 s, because one process does the work of a thousand boxes, 25 ms for each.""",
    "rollout_sim": """All bars are met with a thousand devices and with ten thousand: a good model finished in every seed whatever befell the fleet, crashes and bricks
stopped within the canary, silent quality loss harmed nobody (bar 1 %). The simulation asserts at every swap that the hash was approved
for that device. A seed costs 0.03 to 0.5 s of processor time, after 0.1 to more than 60: heartbeats are gone through in
rounds, and the rest was the exact binomial tail, which overflowed for fleets above a thousand besides. Before the first wave took forty
devices, two seeds of twenty let the crash and the brick pass a canary of 17 and 18 in which one device had fallen ill. Forty cost: a
loud fault harms up to 1.7 % of a thousand devices, all of them canaries. A seed of ten thousand takes about ten seconds.""",
}
"""What a reader of the figures would wonder about."""


def main(arguments: list[str] | None = None) -> int:
    """Measure what was asked for, then render everything that has a result."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.report", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few rounds: is it alive")
    parser.add_argument(
        "--only", choices=sorted(BENCHMARKS), action="append", help="measure only this one (repeatable)"
    )
    parser.add_argument("--render", action="store_true", help="measure nothing, render the stored results")
    chosen = parser.parse_args(arguments)
    FOLDER.mkdir(exist_ok=True)
    failed = [] if chosen.render else [n for n in chosen.only or BENCHMARKS if not _measure(n, quick=chosen.quick)]
    results = [json.loads(path.read_text()) for name in BENCHMARKS if (path := FOLDER / f"{name}.json").exists()]
    for outcome in results:
        _plot(outcome)
    PAGE.write_text(render(results))
    print(f"{PAGE.relative_to(ROOT)}: {len(results)} results" + (f"; failed: {', '.join(failed)}" if failed else ""))
    return 1 if failed else 0


def render(results: list[dict[str, Any]]) -> str:
    """The page of these results."""
    lines = [INTRODUCTION, "| benchmark | ours | floor | ratio | bar | measured |", "|---|---|---|---|---|---|"]
    lines += [
        f"| [{r['name']}](#{r['name']}) | {_figure(r['value'])} {r['unit']} | {_figure(r['floor'])} {r['unit']} | {r['ratio']:.2f} "
        f"| {r.get('bar', '')} | {r['measured_at'][:10]}{', quick' if r.get('quick') else ''} |"
        for r in results
    ]
    for r in results:
        machine = r["machine"]
        lines += [
            "",
            f"## {r['name']}",
            "",
            f"{BENCHMARKS[r['name']]}.",
            "",
            *((FINDINGS[r["name"]], "") if r["name"] in FINDINGS else ()),
            f"![{r['name']}: ours and the floor, round by round](benchmarks/{r['name']}.svg)",
            "",
            f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gb']:g} GB, {machine['system']}, "
            f"Python {machine['python']}, load {machine['load_1m']:g} at the end; {len(r['runs'])} rounds.",
        ]
        lines += _details(r.get("details", {}))
    return "\n".join(lines) + "\n"


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:g}"


def _details(details: dict[str, Any]) -> list[str]:
    if not details:
        return []
    rows = []
    for name, value in details.items():
        shown = ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else value
        rows.append(f"| {name} | {shown} |")
    return ["", "| figure | value |", "|---|---|", *rows]


def _measure(name: str, *, quick: bool) -> bool:
    print(f"{name} ...", flush=True)
    command = [sys.executable, "-m", "tests.benchmarks", name, *(["--quick"] if quick else [])]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        print(f"{name} failed with {done.returncode}", file=sys.stderr)
        return False
    outcome = json.loads(done.stdout) | {"measured_at": datetime.now(timezone.utc).isoformat(), "quick": quick}
    (FOLDER / f"{name}.json").write_text(json.dumps(outcome, indent=2) + "\n")
    print(f"{name}: {outcome['value']:g} {outcome['unit']}, ratio {outcome['ratio']:.2f}", flush=True)
    return True


def _plot(outcome: dict[str, Any]) -> None:
    """Bars of every round, ours beside the floor."""
    mpl.rcParams["svg.hashsalt"] = "shoal"  # the same figures give the same file
    runs = outcome["runs"]
    figure, axes = plt.subplots(figsize=(6, 2.8), layout="constrained")
    places = range(len(runs))
    axes.bar([p - 0.2 for p in places], [r["floor"] for r in runs], 0.38, color=FLOOR, label="floor")
    axes.bar([p + 0.2 for p in places], [r["ours"] for r in runs], 0.38, color=OURS, label="ours")
    axes.set_xticks(list(places), [str(p + 1) for p in places])
    axes.set_xlabel("round")
    axes.set_ylabel(outcome["unit"])
    axes.set_title(f"{outcome['name']}: ratio {outcome['ratio']:.2f}", loc="left", fontsize=11)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False, ncols=2, loc="lower right", bbox_to_anchor=(1.0, 1.0), fontsize=9)
    figure.savefig(FOLDER / f"{outcome['name']}.svg", metadata={"Date": None})
    plt.close(figure)


if __name__ == "__main__":
    sys.exit(main())
