"""How a task is put to a model when it is trained or tested.

``none`` is the bare text that base models see, ``alpaca`` what specialised models are
trained on.

>>> TEMPLATES["none"].prompt("Translate.", "bonjour")
'Translate.\\nbonjour\\n'
"""

from __future__ import annotations

from dataclasses import dataclass

from selfspec.errors import ConfigError, did_you_mean


@dataclass(frozen=True, slots=True)
class Template:
    """Two texts: with and without an input."""

    name: str
    with_input: str
    without_input: str
    stop: tuple[str, ...] = ()
    """Strings that end an answer when the model does not end it itself."""

    def prompt(self, instruction: str, text: str = "") -> str:
        """Return what stands before the response."""
        form = self.with_input if text.strip() else self.without_input
        return form.format(instruction=instruction.strip(), input=text.strip())


TEMPLATES = {
    t.name: t
    for t in (
        Template("none", "{instruction}\n{input}\n", "{instruction}\n", stop=("\n\n",)),
        # The wording of Stanford Alpaca, which the paper trains on.
        Template(
            "alpaca",
            "Below is an instruction that describes a task, paired with an input that provides further context. "
            "Write a response that appropriately completes the request.\n\n"
            "### Instruction:\n{instruction}\n\n### Input:\n{input}\n\n### Response:\n",
            "Below is an instruction that describes a task. "
            "Write a response that appropriately completes the request.\n\n"
            "### Instruction:\n{instruction}\n\n### Response:\n",
            stop=("\n###",),
        ),
    )
}


def template(name: str) -> Template:
    """Look a template up by name. Raises :class:`ConfigError`."""
    if name not in TEMPLATES:
        raise ConfigError(f"no template {name!r}.{did_you_mean(name, TEMPLATES)} Known: {', '.join(TEMPLATES)}.")
    return TEMPLATES[name]
