"""How a task is put to a model when it is trained or tested.

``none`` is the bare text that base models see, ``alpaca`` what specialised models are
trained on, ``chat`` the chat template of the model's tokenizer. Another family's template is a YAML
file with ``with_input``, ``without_input`` and, optionally, ``stop``.

>>> TEMPLATES["none"].prompt("Translate.", "bonjour")
'Translate.\\nbonjour\\n'
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

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
        # Shown through the tokenizer's own template; these texts are the user's turn.
        Template("chat", "{instruction}\n\n{input}", "{instruction}"),
    )
}


def template(name: str) -> Template:
    """Look a template up by name or read a YAML file. Raises :class:`ConfigError`."""
    if name.endswith((".yaml", ".yml")):
        return _from_file(Path(name))
    if name not in TEMPLATES:
        known = ", ".join(TEMPLATES)
        raise ConfigError(f"no template {name!r}.{did_you_mean(name, TEMPLATES)} Known: {known}, or a .yaml file.")
    return TEMPLATES[name]


def _from_file(path: Path) -> Template:
    import yaml

    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
        made = Template(path.stem, values["with_input"], values["without_input"], tuple(values.get("stop", ())))
        made.prompt("instruction", "input"), made.prompt("instruction")
    except OSError as problem:
        raise ConfigError(f"template {path}: cannot be read ({problem.strerror}). Check the name.") from None
    except (yaml.YAMLError, KeyError, TypeError, ValueError, AttributeError, IndexError) as problem:
        raise ConfigError(
            f"template {path}: {' '.join(str(problem).split())}. Give with_input (with {{instruction}} "
            "and {input}) and without_input (with {instruction}) as texts."
        ) from None
    return made
