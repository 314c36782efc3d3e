"""Kullback-Leibler divergences of softmaxes by PyPI `scipy` 1.17.1 (`log_softmax`, and `rel_entr` summed).

    python test/evaluate/vectors/agreement.py

- agreement.json  pairs of logits, as f32 numbers, and KL(softmax(reference), softmax(other)) in nats
"""
import json
import pathlib

import numpy as np
from scipy.special import log_softmax, rel_entr, softmax

rng = np.random.default_rng(7)


def case(name: str, reference, other) -> dict:
    p, q = (np.asarray(x, np.float32).astype(np.float64) for x in (reference, other))
    nats = float(np.sum(rel_entr(softmax(p), softmax(q))))
    by_logs = float(np.sum(softmax(p) * (log_softmax(p) - log_softmax(q))))
    # where e^x underflows rel_entr is infinite, and the logarithms are right
    nats = nats if np.isfinite(nats) else by_logs
    assert np.isclose(nats, by_logs, rtol=1e-6, atol=1e-14), (name, nats, by_logs)
    return {"name": name, "reference": p.tolist(), "other": q.tolist(), "nats": by_logs}


near = rng.normal(0, 3, 40)
cases = [
    case("random logits", rng.normal(0, 3, 40), rng.normal(0, 3, 40)),
    case("nearly equal logits", near, near + rng.normal(0, 1e-2, 40)),
    case("one peak against another", [30, 0, 0, 0], [0, 30, 0, 0]),
    case("logits beyond what e^x can hold", [1000, 998, -1000], [900, 901, -3000]),
    case("a constant added", near, np.round(near * 64) / 64 + 128),
    case("one token", [5], [-7]),
]
path = pathlib.Path(__file__).parent / "agreement.json"
path.write_text("[\n" + ",\n".join(map(json.dumps, cases)) + "\n]\n")
