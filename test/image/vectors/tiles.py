"""Tiling of many picture sizes. The functions are written from the description of transformers' Idefics3ImageProcessor
(longest edge, then whole tiles, then the overview); where transformers is installed it is asked too. python tiles.py"""
import json, math, random, sys

def longest_edge(w, h, edge):
    if w >= h:
        nw, nh = edge, int(edge / (w / h)); nh += nh % 2
    else:
        nh, nw = edge, int(edge * (w / h)); nw += nw % 2
    return max(nw, 1), max(nh, 1)

def whole_tiles(w, h, t):
    if w >= h:
        nw = math.ceil(w / t) * t; nh = math.ceil(int(nw / (w / h)) / t) * t
    else:
        nh = math.ceil(h / t) * t; nw = math.ceil(int(nh * (w / h)) / t) * t
    return nw, nh

try:
    from transformers.models.idefics3 import image_processing_pil_idefics3 as hub
    hub_size = lambda w, h, edge: tuple(reversed(hub._resize_output_size_rescale_to_max_len(h, w, max_len=edge)))
except Exception as e:
    hub, hub_size = None, None
    print("transformers is not here:", e)

random.seed(1); out = []
sizes = [(1, 1), (512, 512), (640, 480), (480, 640), (4000, 3000), (3000, 4000), (8000, 6000), (224, 224), (8192, 9), (9, 8192), (2048, 2047)]
sizes += [(random.randint(1, 5000), random.randint(1, 5000)) for _ in range(60)]
for w, h in sizes:
    a = longest_edge(w, h, 2048)
    if hub_size: assert a == hub_size(w, h, 2048), (w, h, a, hub_size(w, h, 2048))
    b = whole_tiles(*a, 512)
    out.append(dict(width=w, height=h, columns=max(1, b[0] // 512), rows=max(1, b[1] // 512)))
json.dump(dict(tile=512, longestEdge=2048, sizes=out), open(sys.path[0] + "/tiles.json", "w"))
print(len(out), "sizes, transformers asked:", hub_size is not None)
