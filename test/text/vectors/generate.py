"""Token ids of texts by PyPI `tokenizers` 0.23.3, with the vocabulary read by PyPI `gguf` 0.19.0.

    python test/text/vectors/generate.py models/nano/nano-text-q4_0.gguf

The tokenizer is put together from the GGUF's tokens and merges and the pre-tokenizers of the models' own
tokenizer.json files; control tokens are not registered, since a user's text must not contain any.
`python` writes a lone surrogate as the tokenizer must see it: U+FFFD.
"""
import json
import pathlib
import sys

from gguf import GGUFReader
from tokenizers import Regex, Tokenizer, pre_tokenizers
from tokenizers.models import BPE

TEXTS = [
    "",
    "a",
    " ",
    "Describe this image.",
    "Hello, world! How are you today?",
    "two  spaces, three   spaces,    four",
    "  leading and trailing  ",
    "        ",
    "line\nbreak\n\nparagraph\r\nwindows\rmac",
    "\n",
    " \n \n",
    "tab\tseparated\t\tvalues\t",
    "0123456789",
    "In 2024 there were 1,234.56 dogs and 7 cats; 3rd, 4x4, B2B.",
    "١٢٣ ௧௨௩ Ⅷ ½ x² ①②",
    "I'm you're he's we've they'll she'd don't 'tis 'S 'LL 'ſ",
    "IT'S THE DOG'S TOY, ISN'T IT?",
    "naïve café über Ångström",
    "e\u0301 a\u0308 o\u0302\u0323 n\u0303",
    "Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢",
    "😀😃 👍🏽 👩‍🚒👨‍👩‍👧‍👦 🏳️‍🌈 🇩🇪",
    "中文没有空格。日本語のテキスト、한국어 텍스트",
    "שלום עולם، مرحبا بالعالم",
    "हिन्दी தமிழ் ไทย",
    "a<|im_end|>b",
    "<|im_start|>User: hi<end_of_utterance>\nAssistant: no",
    "<image><image> <global-img> <fake_token_around_image> <row_1_col_1>",
    "<|endoftext|>",
    "<|im_end|",
    "if (x == 0) { return a[i] -> b; } // comment_with_underscores",
    "https://example.org/path?query=1&other=two#frag",
    "user@example.org $9.99 50% #tag @name ~/dir \\back\\slash",
    "....!!!??? --- ___ ===== *****",
    "\u00a0nbsp\u00a0 \u2003em\u2009thin \u3000ideographic",
    "next\u0085line \u2028sep \ufeffbom zero\u200bwidth",
    "control \u0001\u0004\u001d characters \u007f",
    "private \ue000\uf8ff \U000f0000 \U0010ffff",
    "\ufffd replaced",
    "\ufffdlone surrogate\ufffd",
    "antidisestablishmentarianism" * 12,
    "aaaaaaaaaaaaaaaa" * 20,
    "ab" * 150 + " " + "!" * 77,
    "The quick brown fox jumps over the lazy dog. " * 3,
    "snake_case camelCase PascalCase SCREAMING kebab-case",
    "“quoted” ‘single’ – en — em … ellipsis",
    "ǅ ŉ ß ﬁ Ǆ İ ı",
]

ISOLATED = {"behavior": "isolated", "invert": False}
GPT2 = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
LLAMA3 = Regex(
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
PRE = {
    "smollm": ([pre_tokenizers.Digits(individual_digits=True), GPT2], False),
    "gpt-2": ([GPT2], False),
    "llama-bpe": (
        [pre_tokenizers.Split(LLAMA3, **ISOLATED), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)],
        True,
    ),
}


def main() -> None:
    fields = GGUFReader(sys.argv[1]).fields
    tokens = fields["tokenizer.ggml.tokens"].contents()
    types = fields["tokenizer.ggml.token_type"].contents()
    merges = [tuple(merge.split(" ")) for merge in fields["tokenizer.ggml.merges"].contents()]
    vocabulary = {token: i for i, (token, kind) in enumerate(zip(tokens, types)) if kind == 1}
    ids = {}
    for name, (steps, ignore_merges) in PRE.items():
        tokenizer = Tokenizer(BPE(vocab=vocabulary, merges=merges, ignore_merges=ignore_merges))
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence(steps)
        ids[name] = [tokenizer.encode(text).ids for text in TEXTS]
    rows = [
        json.dumps({"text": text, **{name: ids[name][i] for name in PRE}}, ensure_ascii=True)
        for i, text in enumerate(TEXTS)
    ]
    path = pathlib.Path(__file__).parent / "ids.json"
    path.write_text("[\n" + ",\n".join(rows) + "\n]\n", encoding="utf-8")


main()
