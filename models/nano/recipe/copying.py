"""Dense copying: data in which the only way to be right is to look back.

A ``Sample`` is token ids with a loss weight each; what cannot be known (a random sequence's first
showing) weighs nothing. ``COPIERS`` maps names to makers ``(Words, rng, room) -> Sample``.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from tokenizers import Tokenizer

EOS = 0


@dataclass
class Sample:
    """Token ids and their loss weights, of one length."""

    ids: list[int]
    weights: list[float]

    def extend(self, ids: list[int], weight: float) -> Sample:
        """Append ids of one weight."""
        self.ids += ids
        self.weights += [weight] * len(ids)
        return self

    def end(self) -> Sample:
        """Append end-of-text."""
        return self.extend([EOS], 1.0)


class Words:
    """What copying needs: the tokenizer and a way to draw natural text."""

    def __init__(self, tokenizer: Tokenizer, draw: Callable[[random.Random], str]) -> None:
        self.tokenizer = tokenizer
        self.draw = draw

    def encode(self, text: str) -> list[int]:
        """Token ids of a text."""
        return list(self.tokenizer.encode(text).ids)

    def pick(self, rng: random.Random, count: int) -> list[str]:
        """Distinct natural words of at least four letters."""
        found: dict[str, None] = {}
        for _ in range(20):
            found |= dict.fromkeys(w.strip(".,;:()\"'") for w in self.draw(rng).split() if len(w) > 3)
            if len(found) >= count * 2:
                break
        pool = [w for w in found if len(w) > 2]
        return rng.sample(pool, min(count, len(pool)))


def repeated(words: Words, rng: random.Random, room: int) -> Sample:
    """A random sequence shown two to five times, from a vocabulary of random size."""
    size = words.tokenizer.get_vocab_size()
    shows = rng.choice((2, 2, 2, 3, 5))
    length = max(4, min(room // shows - 1, int(4 * 2 ** rng.uniform(0, 5.2))))
    pool = rng.sample(range(2, size), rng.choice((32, 200, size - 2)))
    part = [rng.choice(pool) for _ in range(length)]
    between = rng.choice(([], [], [EOS], words.encode("\n"), words.encode("\n\n")))
    sample = Sample([], []).extend(part, 0.0)
    for _ in range(shows - 1):
        sample.extend(between, 0.0).extend(part, 1.0)
    return sample.extend([EOS], 0.0)


def window(words: Words, rng: random.Random, room: int) -> Sample:
    """A natural window, something else, the window again."""
    part = words.encode(words.draw(rng))
    start = rng.randrange(max(1, len(part) - 20))
    part = part[start : start + rng.randint(12, max(13, room // 2 - 4))]
    other = words.encode(words.draw(rng))[: max(0, room - 2 * len(part) - 4)]
    other = rng.choice(([], words.encode("\n\n"), [EOS, *other, EOS]))
    return Sample([], []).extend(part, 0.5).extend(other, 0.3).extend(part, 1.0).extend([EOS], 0.0)


def look_up(words: Words, rng: random.Random, room: int) -> Sample:
    """Key and value lines in order, then some keys asked in another."""
    keys = words.pick(rng, 2 * rng.randint(3, max(4, min(24, room // 16))))
    pairs = list(zip(keys[::2], keys[1::2], strict=False))
    if rng.random() < 0.3:
        pairs = [(k, str(rng.randrange(1, 2000))) for k, _ in pairs]
    mark = rng.choice((": ", " = ", " -> ", " is ", " - "))
    sample = Sample([], []).extend(words.encode("\n".join(k + mark + v for k, v in pairs) + "\n\n"), 0.0)
    for key, value in rng.sample(pairs, len(pairs)):
        sample.extend(words.encode(key + mark.rstrip()), 0.0)
        sample.extend(words.encode((" " if mark[-1] == " " else "") + value), 1.5).extend(words.encode("\n"), 0.2)
    return sample


def relist(words: Words, rng: random.Random, room: int) -> Sample:
    """The same words with other separators: ties a word inside a line to the word that opens one."""
    found = words.pick(rng, rng.randint(4, max(5, room // 8)))
    marks = ("\n", ", ", " ", "; ", "\n- ", " | ")
    one, two = rng.sample(marks, 2)
    again = found if rng.random() < 0.7 else found[::-1]
    sample = Sample([], []).extend(words.encode(one.join(found)), 0.0).extend(words.encode("\n\n"), 0.0)
    return sample.extend(words.encode(two.join(again)), 1.0).end()


def follows(words: Words, rng: random.Random, room: int) -> Sample:
    """Which word comes after this one in the list."""
    found = words.pick(rng, rng.randint(6, max(7, room // 6)))
    if len(found) < 4:
        return repeated(words, rng, room)
    after = rng.random() < 0.6
    sample = Sample([], []).extend(words.encode(", ".join(found) + "\n"), 0.0)
    for _ in range(rng.randint(2, 8)):
        here = rng.randrange(1, len(found) - 1)
        ask = f"What comes {'after' if after else 'before'} {found[here]}?"
        sample.extend(words.encode(ask + "\n"), 0.0).extend(words.encode(found[here + (1 if after else -1)]), 1.5)
        sample.extend(words.encode("\n"), 0.2)
    return sample


COPIERS: dict[str, tuple[float, Callable[[Words, random.Random, int], Sample]]] = {
    "repeated": (3.0, repeated),
    "window": (2.0, window),
    "look_up": (2.0, look_up),
    "relist": (1.5, relist),
    "follows": (1.0, follows),
}


def copy_sample(words: Words, rng: random.Random, room: int) -> Sample:
    """One sample of a kind drawn by weight."""
    makers = list(COPIERS.values())
    maker = rng.choices([m for _, m in makers], [w for w, _ in makers])[0]
    return maker(words, rng, room)
