"""The reading probes: questions about held-out passages, answered greedily, with the measure each kind asks for.

``answer_probes(model, tokenizer, held, pairs)`` gives yes/no accuracy, exact blanks, names F1, the share of answers
in the asked form, and the share of items that parse when the model goes on with a task list.
"""

from __future__ import annotations

import random
import re
from typing import Any

import torch
from tokenizers import Tokenizer

from .layouts import ENGINE, Item, bare
from .library import Library
from .lists import entry, header, placed
from .questions import make

Pairs = list[dict[str, Any]]
STEPS = 40  # tokens of an answer
ITEM = re.compile(r"(\d+)\. Instruction: (\S[^\n]{8,})\n\1\. Input: (\S[\s\S]*)")


@torch.no_grad()
def complete(
    model: Any, tokenizer: Tokenizer, prompts: list[str], steps: int, sample: random.Random | None = None
) -> list[str]:
    """Left-padded batch decoding; greedy, or top-p 0.98 at temperature 1 when a generator is given."""
    rows = [tokenizer.encode(p).ids[-1400:] for p in prompts]
    longest = max(map(len, rows))
    ids = torch.tensor([[1] * (longest - len(r)) + r for r in rows], device=model.device)
    settings: dict[str, Any] = {"do_sample": False}
    if sample is not None:
        torch.manual_seed(sample.randrange(2**31))
        settings = {"do_sample": True, "top_p": 0.98, "top_k": 0, "temperature": 1.0}
    mask = (
        (torch.arange(longest)[None] >= torch.tensor([longest - len(r) for r in rows])[:, None]).long().to(ids.device)
    )
    out = model.generate(ids, attention_mask=mask, max_new_tokens=steps, eos_token_id=0, pad_token_id=1, **settings)
    return [_cut(row[longest:].tolist(), tokenizer) for row in out]


def _cut(ids: list[int], tokenizer: Tokenizer) -> str:
    """Up to end-of-text; an answer that did not end keeps a mark that no text has."""
    ended = 0 in ids
    kept = ids[: ids.index(0)] if ended else ids
    return str(tokenizer.decode(kept)).strip() + ("" if ended else " \ufffe")


def questions(held: Library, kind: str, count: int, rng: random.Random) -> list[Item]:
    """Items of one kind from held-out text; the model never saw the documents."""
    found: list[Item] = []
    for _ in range(count * 40):
        item = make(held.passage(rng, longest=90), rng, kind)
        if item and (kind != "listing" or item.kind == "list_names") and item.response not in ("none", "None"):
            found.append(item)
        if len(found) == count:
            break
    return found


def ask(model: Any, tokenizer: Tokenizer, items: list[Item], layout: Any) -> list[str]:
    """Answers to the items, 16 at a time."""
    answers: list[str] = []
    for start in range(0, len(items), 16):
        prompts = [layout(item) for item in items[start : start + 16]]
        answers += complete(model, tokenizer, prompts, STEPS)
    return answers


def plain(text: str) -> str:
    """For comparison: lower case, no closing mark."""
    return text.replace("\ufffe", "").strip().rstrip(".").lower()


def list_f1(guess: str, truth: str) -> float:
    """F1 of two lists, order aside."""
    mine, theirs = ({plain(x) for x in re.split(r"[,;\n]+ ?", t) if x.strip()} for t in (guess, truth))
    both = len(mine & theirs)
    return 2 * both / (len(mine) + len(theirs)) if both else 0.0


def in_form(item: Item, answer: str) -> bool:
    """Whether the answer ended and has the asked form: an option, a number, a list from the text, or words of it."""
    if "\ufffe" in answer or not answer.strip():
        return False
    if item.kind in ("mentioned", "altered", "same_text"):
        return plain(answer) in ("yes", "no", "true", "false", "include", "exclude") and plain(answer) in plain(
            item.instruction + " yes no"
        )
    if item.kind == "topic":
        return answer.strip() in item.instruction
    if item.kind == "how_many":
        return bool(re.fullmatch(r"[\d.,]+", answer.strip()))
    if item.kind == "choice" and "letter" in item.instruction:
        return answer.strip() in list("ABCD")
    if item.kind == "typed":
        return bool(re.fullmatch(r"([^<>]+ <[^<>]+>(, )?)+", answer.strip()))
    return len(answer.split()) <= max(12, 3 * len(item.response.split()))


MEASURED = (
    "mentioned",
    "blank",
    "listing",
    "typed",
    "topic",
    "how_many",
    "choice",
    "altered",
    "copied",
    "stands_for",
    "beside",
)


def answer_probes(model: Any, tokenizer: Tokenizer, held: Library, count: int = 48, seed: int = 5) -> dict[str, float]:
    """Share right (F1 for lists) of each kind over the engine's three layouts, and the share in form."""
    figures: dict[str, float] = {}
    formed: list[bool] = []
    for kind in MEASURED:
        items = questions(held, kind, count, random.Random(f"{seed}{kind}"))
        scores = []
        for number, layout in enumerate(ENGINE):
            part = items[number :: len(ENGINE)]
            for item, answer in zip(part, ask(model, tokenizer, part, layout), strict=True):
                formed.append(in_form(item, answer))
                scores.append(
                    list_f1(answer, item.response)
                    if kind in ("listing", "typed")
                    else float(plain(answer) == plain(item.response))
                )
        figures[kind] = round(sum(scores) / max(1, len(scores)), 3)
    figures["in_form"] = round(sum(formed) / len(formed), 3)
    return figures


def list_prompt(held: Library, domain: str, rng: random.Random) -> str:
    """A list prompt with three items, open at the fourth."""
    rows: list[str] = []
    while len(rows) < 3:
        item = make(held.passage(rng, domain, 60), rng)
        if item and len(item.given().split()) <= 100:
            rows.append(entry(len(rows) + 1, item.instruction, placed(item, rng)))
    name = {"biomedical": "biomedicine", "sports": "sports", "finance": "finance"}.get(domain, domain)
    return header(name, rng) + "".join(rows) + "4. Instruction:"


def parsed_items(text: str) -> tuple[int, int]:
    """Items begun and items that parse, the first being number 4."""
    body = re.split(r"\n###(?:\n|$)", "4. Instruction: " + text.replace("\ufffe", "").strip())
    whole = [part.strip() for part in body[:-1] if part.strip()]
    return len(whole), sum(bool(ITEM.fullmatch(part)) for part in whole)


def list_probe(model: Any, tokenizer: Tokenizer, held: Library, count: int = 6, seed: int = 9) -> dict[str, Any]:
    """Share of generated list items that parse, and one unedited sample a domain."""
    rng = random.Random(seed)
    begun = good = 0
    samples = []
    for domain in ("biomedical", "finance", "sports"):
        prompts = [list_prompt(held, domain, rng) for _ in range(count)]
        texts = complete(model, tokenizer, prompts, 300, rng)
        for text in texts:
            here, parse = parsed_items(text)
            begun, good = begun + here, good + parse
        samples.append({"domain": domain, "text": "4. Instruction: " + texts[0].replace("\ufffe", "...")})
    return {"list_items": begun, "list_parsed": round(good / max(1, begun), 3), "samples": samples}


def show(model: Any, tokenizer: Tokenizer, held: Library, count: int = 6, seed: int = 3) -> list[dict[str, str]]:
    """A few unedited answers, to be read by a person."""
    rng = random.Random(seed)
    items = [q for kind in MEASURED for q in questions(held, kind, 1, rng)][:count]
    return [
        {"prompt": bare(i), "right": i.response, "answer": a}
        for i, a in zip(items, ask(model, tokenizer, items, bare), strict=True)
    ]
