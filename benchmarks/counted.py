"""The process whose instructions are counted: `python -m benchmarks.counted MODEL SUBJECT...`.

Before and after each of two runs of different lengths it calls `getpgid`, which nothing else does and which makes
callgrind write its counts: see `instructions`.
"""

import gc
import os
import sys
from collections.abc import Callable
from typing import Any

SHORT, LONG, WARM = 10, 60, 30  # calls; the first ones let Python specialise its code
WHOLE = ":whole"  # at the end of a subject's name: from an encoded image


def main(model: str, names: list[str]) -> None:
    """Run each subject."""
    import cv2

    from benchmarks.latency.subjects import SUBJECTS
    from edge_runtime.bundles.bundle import load_bundle
    from edge_runtime.normalise import normalise
    from edge_runtime.synthetic.digits import draw_digit

    bundle = load_bundle(model)
    digit = normalise(draw_digit(7, seed=1))
    encoded = cv2.imencode(".png", digit)[1].tobytes()
    gc.disable()  # its collections would fall into one run or the other
    for name in names:
        subject = SUBJECTS[name.removesuffix(WHOLE)].open(bundle, None)
        call: Callable[[Any], Any]
        what: Any
        call, what = (subject.read, encoded) if name.endswith(WHOLE) else (subject.one, subject.prepare(digit[None])[0])
        for _ in range(WARM):
            call(what)
        os.getpgid(0)
        for _ in range(SHORT):
            call(what)
        os.getpgid(0)
        for _ in range(LONG):
            call(what)
        os.getpgid(0)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
