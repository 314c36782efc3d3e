"""Jensen-Shannon divergences by PyPI `scipy` 1.17.1 (`scipy.spatial.distance.jensenshannon`, whose square it is).

    python test/lazy/vectors/generate.py

- divergence.json  `pairs`: probability vectors and their divergence in nats; `attention`: rows of a softmax as f32
                   numbers, [layers][heads][positions], the divergence of adjacent layers as mean over heads, and the
                   same of the visual positions (scipy divides by their sum)
"""
import json
import pathlib

import numpy as np
from scipy.spatial.distance import jensenshannon
from scipy.special import softmax

rng = np.random.default_rng(6)


def jsd(p, q) -> float:
    return float(jensenshannon(p, q)) ** 2


def pair(name: str, p, q) -> dict:
    return {"name": name, "p": list(map(float, p)), "q": list(map(float, q)), "nats": jsd(p, q)}


near = rng.normal(0, 2, 12)
pairs = [
    pair("two random ones", softmax(rng.normal(0, 2, 9)), softmax(rng.normal(0, 2, 9))),
    pair("peaked and flat", softmax(rng.normal(0, 20, 30)), np.full(30, 1 / 30)),
    pair("zeros in one, in the other, in both", [0.5, 0.5, 0, 0], [0, 0.25, 0.75, 0]),
    pair("nothing in common", [1, 0], [0, 1]),
    pair("equal", [0.25, 0.75], [0.25, 0.75]),
    pair("nearly equal", softmax(near), softmax(near + 1e-3 * rng.normal(size=12))),
    pair("a sum of 1.0005", [0.5, 0.5005], [0.3, 0.7]),
    pair("very small weights", [1e-300, 1 - 1e-12, 1e-12], [1e-12, 1 - 1e-9, 1e-9]),
]

layers, heads, positions = 4, 3, 11
visual = [2, 3, 4, 5, 8]
rows = softmax(rng.normal(0, 1.5, (layers, heads, positions)), axis=-1).astype(np.float32)
wide = rows.astype(np.float64)


def profile(part) -> list:
    return [float(np.mean([jsd(part[layer - 1, h], part[layer, h]) for h in range(heads)])) for layer in range(1, layers)]


attention = {
    **{"layers": layers, "heads": heads, "positions": positions, "visual": visual},
    "weights": wide.reshape(-1).tolist(),
    "profile": {"all": profile(wide), "visual": profile(wide[:, :, visual])},
}
path = pathlib.Path(__file__).parent / "divergence.json"
body = ",\n".join(json.dumps(p) for p in pairs)
path.write_text(f'{{"pairs": [\n{body}\n],\n"attention": {json.dumps(attention)}}}\n')
