"""Native llama.cpp on one thread: a request a line in, its times a line out.

PyPI llama-cpp-python 0.3.36. Usage: native_llama.py MODEL.gguf
Request: {"prompt": tokens, "decode": tokens, "seed": n}; answer: {"prompt": tokens a second, "decode": tokens a second}.
"""

import json
import random
import sys
import time

from llama_cpp import Llama


def main() -> None:
    model = Llama(sys.argv[1], n_ctx=1024, n_threads=1, n_threads_batch=1, n_batch=512, verbose=False)
    for line in sys.stdin:
        request = json.loads(line)
        numbers = random.Random(request["seed"])
        ids = [numbers.randrange(1000, 40000) for _ in range(request["prompt"] + request["decode"])]
        prompt, answer = ids[: request["prompt"]], ids[request["prompt"] :]
        model.reset()
        started = time.perf_counter()
        model.eval(prompt)
        filled = time.perf_counter()
        for token in answer:
            model.eval([token])
        ended = time.perf_counter()
        times = {"prompt": len(prompt) / (filled - started), "decode": len(answer) / (ended - filled)}
        print(json.dumps(times), flush=True)


main()
