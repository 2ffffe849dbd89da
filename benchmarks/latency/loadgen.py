"""MLPerf's LoadGen: the only file that imports it."""

import tempfile
import time
from array import array
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import mlperf_loadgen as lg

LIBRARY = 1024  # samples that LoadGen draws from, at random with its fixed seed
KEPT = 1_000_000  # durations of single calls that are kept for their distribution
CHUNK = 1024  # samples of an Offline query that are read, and answered, at once


class Rules(NamedTuple):
    """The shortest run."""

    seconds: float
    queries: int  # of SingleStream
    samples: int  # of Offline


# MLPerf Inference Rules, section "Scenarios": 600 seconds; at least 1,024 queries, and 24,576 samples of Offline.
OFFICIAL = Rules(600, 1024, 24_576)


def short(seconds: float) -> Rules:
    """Return settings for a shorter run."""
    return Rules(seconds, 64, 1024)


def single_stream(call: Callable[[int], Any], expected_s: float, rules: Rules) -> dict[str, Any]:
    """Run one query after the other; call(i) reads sample i of `LIBRARY`.

    expected_s: about what a call takes. Returns latencies in microseconds by percentile, whether LoadGen calls the
    result valid, and `quantiles_us`, 101 of them, as the calls themselves took.
    """
    took = array("Q")

    def issue(queries: Sequence[Any]) -> None:
        for query in queries:
            began = time.perf_counter_ns()
            call(query.index)
            ended = time.perf_counter_ns()
            lg.QuerySamplesComplete([lg.QuerySampleResponse(query.id, 0, 0)])
            if len(took) < KEPT:
                took.append(ended - began)

    settings = lg.TestSettings()
    settings.scenario = lg.TestScenario.SingleStream
    settings.min_query_count = rules.queries
    settings.single_stream_expected_latency_ns = max(1, round(expected_s * 1e9))
    summary = _run(issue, settings, rules)
    ordered = sorted(took)
    return {
        "p50_us": int(summary["50.00 percentile latency (ns)"]) / 1000,
        "p90_us": int(summary["90.00 percentile latency (ns)"]) / 1000,
        "p99_us": int(summary["99.00 percentile latency (ns)"]) / 1000,
        "valid": summary["Result is"] == "VALID",
        "quantiles_us": [ordered[round(at * (len(ordered) - 1) / 100)] / 1000 for at in range(101)],
    }


def offline(call: Callable[[list[int]], Any], expected_per_s: float, rules: Rules) -> dict[str, Any]:
    """Run all samples in one query; call(indices) reads some of `LIBRARY`, a chunk at a time.

    Returns samples a second, and whether LoadGen calls the result valid.
    """

    def issue(queries: Sequence[Any]) -> None:
        for at in range(0, len(queries), CHUNK):
            part = queries[at : at + CHUNK]
            call([query.index for query in part])
            lg.QuerySamplesComplete([lg.QuerySampleResponse(query.id, 0, 0) for query in part])

    settings = lg.TestSettings()
    settings.scenario = lg.TestScenario.Offline
    settings.min_query_count = 1
    settings.offline_expected_qps = max(expected_per_s, rules.samples / rules.seconds)
    summary = _run(issue, settings, rules)
    return {"samples_per_s": float(summary["Samples per second"]), "valid": summary["Result is"] == "VALID"}


def _run(issue: Callable[[Sequence[Any]], None], settings: Any, rules: Rules) -> dict[str, str]:
    """Run one test and return the lines `key : value` of LoadGen's summary."""
    settings.mode = lg.TestMode.PerformanceOnly
    settings.min_duration_ms = round(rules.seconds * 1000)
    with tempfile.TemporaryDirectory() as folder:
        output = lg.LogOutputSettings()
        output.outdir = folder
        log = lg.LogSettings()
        log.log_output, log.enable_trace = output, False
        system = lg.ConstructSUT(issue, lambda: None)
        library = lg.ConstructQSL(LIBRARY, LIBRARY, lambda _: None, lambda _: None)
        try:
            lg.StartTestWithLogSettings(system, library, settings, log)
        finally:
            lg.DestroyQSL(library)
            lg.DestroySUT(system)
        lines = Path(folder, "mlperf_log_summary.txt").read_text(encoding="utf-8").splitlines()
    pairs = (line.partition(":") for line in lines)
    return {key.strip(): value.strip() for key, _, value in pairs}
