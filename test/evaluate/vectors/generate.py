"""CIDEr-D and BLEU-4 of small made-up captions, worked out from the papers with nothing but the standard library.

    python test/evaluate/vectors/generate.py

CIDEr-D: Vedantam, Zitnick, Parikh 2015, equations 1 to 3 and section 5. BLEU: Papineni et al. 2002, sections 2.1 to 2.3.
Everything in fractions and logarithms over explicit lists, so that it shares no idea of data structure with the library.
"""
import json
import math
import pathlib
from fractions import Fraction

PUNCTUATION = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"

CASES = [
    {
        "name": "three pictures, two references each",
        "candidates": ["A dog runs on the grass.", "Two men ride red bikes", "A child in a blue shirt"],
        "references": [
            ["A brown dog runs through the grass.", "The dog runs on the grass quickly"],
            ["Two men are riding their bikes", "Men ride red bikes down the road"],
            ["A girl in a blue shirt smiles", "A young child wears a shirt"],
        ],
    },
    {
        "name": "the captions are references",
        "candidates": ["a cat sits on a mat", "the sun sets over the sea"],
        "references": [["a cat sits on a mat"], ["the sun sets over the sea", "a red sun over water"]],
    },
    {
        "name": "punctuation, case and a hyphen",
        "candidates": ["The T-shirt's RED, isn't it?", "Well... a well-known dog!"],
        "references": [["the t shirt s red isn t it"], ["a well known dog (a poodle)", "a known dog"]],
    },
    {
        "name": "repeated words are clipped",
        "candidates": ["the the the the the cat sat on the mat", "a dog a dog a dog a dog"],
        "references": [["the cat sat on the mat", "there is a cat on the mat"], ["a dog chases a dog", "dogs"]],
    },
    {
        "name": "short and long captions",
        "candidates": ["a man rides a horse on the beach at sunset in summer", "dog on a rug by the fire", "a boy on a swing"],
        "references": [
            ["a man rides a horse on the beach", "horse"],
            ["a dog lies on a rug by the fire in the old house", "a dog on a rug by the fire place now"],
            ["a boy on a swing", "a boy plays"],
        ],
    },
    {
        "name": "nothing in common",
        "candidates": ["one two three four five", "six seven eight nine ten"],
        "references": [["alpha beta gamma delta"], ["epsilon zeta eta theta", "iota"]],
    },
]


def words(text):
    return "".join(" " if c in PUNCTUATION else c for c in text.lower()).split()


def grams(sentence, n):
    return [tuple(sentence[i : i + n]) for i in range(len(sentence) - n + 1)]


def cider_d(candidates, references):
    candidates = [words(c) for c in candidates]
    references = [[words(r) for r in group] for group in references]
    pictures = len(references)

    def tf_idf(sentence, n):
        every = grams(sentence, n)
        axis = sorted(set(every))
        values = []
        for gram in axis:
            having = sum(any(gram in grams(r, n) for r in group) for group in references)
            values.append(every.count(gram) * math.log(pictures / max(1, having)))
        return dict(zip(axis, values))

    def length(vector):
        return math.sqrt(sum(v * v for v in vector.values()))

    scores = []
    for candidate, group in zip(candidates, references):
        by_n = []
        for n in (1, 2, 3, 4):
            g_c = tf_idf(candidate, n)
            total = 0.0
            for reference in group:
                g_s = tf_idf(reference, n)
                if length(g_c) == 0 or length(g_s) == 0:
                    continue
                clipped = sum(min(g_c[k], g_s[k]) * g_s[k] for k in g_c if k in g_s)
                gauss = math.exp(-((len(candidate) - len(reference)) ** 2) / (2 * 6**2))
                total += gauss * clipped / (length(g_c) * length(g_s))
            by_n.append(10 / len(group) * total)
        scores.append(sum(by_n) / 4)
    return 100 * sum(scores) / len(scores)


def bleu_4(candidates, references):
    candidates = [words(c) for c in candidates]
    references = [[words(r) for r in group] for group in references]
    precisions = []
    for n in (1, 2, 3, 4):
        clipped = total = 0
        for candidate, group in zip(candidates, references):
            every = grams(candidate, n)
            total += len(every)
            for gram in set(every):
                clipped += min(every.count(gram), max(grams(r, n).count(gram) for r in group))
        precisions.append(Fraction(clipped, total) if total else Fraction(0))
    if 0 in precisions:
        return 0.0
    c = sum(len(candidate) for candidate in candidates)
    r = sum(
        min((abs(len(ref) - len(candidate)), len(ref)) for ref in group)[1]
        for candidate, group in zip(candidates, references)
    )
    penalty = 1.0 if c > r else math.exp(1 - r / c)
    return 100 * penalty * math.prod(float(p) for p in precisions) ** 0.25


def main():
    rows = [
        {**case, "ciderD": cider_d(case["candidates"], case["references"]), "bleu4": bleu_4(case["candidates"], case["references"])}
        for case in CASES
    ]
    path = pathlib.Path(__file__).parent / "captions.json"
    path.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


main()
