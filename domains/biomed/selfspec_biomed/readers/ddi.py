"""DDI corpus 2013: does this sentence say that these two drugs interact?

A sentence of ``DDICorpus/Train/DrugBank/Abarelix_ddi.xml`` inside ``ddi/DDICorpus-2013_Train.zip``::

    <sentence id="DDI-DrugBank.d1.s0" text="Aspirin may increase the effect of warfarin.">
      <entity id="DDI-DrugBank.d1.s0.e0" charOffset="0-6" type="brand" text="Aspirin"/> ...
      <pair id="DDI-DrugBank.d1.s0.p0" e1="DDI-DrugBank.d1.s0.e0" e2="DDI-DrugBank.d1.s0.e1" ddi="true"/>
    </sentence>

One example per ``<pair>``; a document without pairs (drug NER task) yields nothing. Every fifth document, in
the sorted order of their paths, is ``dev``. Two mentions of one drug in a sentence may give equal inputs with
different labels: so the corpus is, and so it stays.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from xml.etree import ElementTree

from selfspec.datafiles import AGAIN, Items, archive, every_fifth, folder, original, words
from selfspec.errors import DataError
from selfspec.types import Example

FILES = {"train": "DDICorpus-2013_Train.zip", "dev": "DDICorpus-2013_Train.zip", "test": "DDICorpus-2013_Test.zip"}


def read(root: Path, split: str) -> Items:
    """Yield one example per drug pair."""
    path = original(folder(root, "biomed", "ddi"), FILES[split])
    documents = [(name, data) for name, data in archive(path).items() if name.endswith(".xml")]
    if not documents:
        raise DataError(f"{path}: no .xml file inside, expected one per document. {AGAIN}")
    for name, data in every_fifth(documents, split):
        yield from _document(data, PurePosixPath(name).stem, f"{path}:{name}")


def _document(data: bytes, name: str, where: str) -> Items:
    try:
        root = ElementTree.fromstring(data)
    except ElementTree.ParseError as problem:
        raise DataError(f"{where}:{problem.position[0]}: not XML ({problem}), expected a <document>. {AGAIN}") from None
    except (LookupError, ValueError) as problem:  # the declaration names an encoding that Python lacks
        raise DataError(f"{where}:1: wrong encoding ({problem}), expected UTF-8. {AGAIN}") from None
    for number, sentence in enumerate(root.iter("sentence"), 1):
        place = f"{where}#{sentence.get('id', number)}"
        drugs = {_attribute(e, "id", place): _attribute(e, "text", place) for e in sentence.iter("entity")}
        for pair in sentence.iter("pair"):
            yield _example(pair, _attribute(sentence, "text", place), drugs, name, place)


def _example(pair: ElementTree.Element, text: str, drugs: dict[str, str], name: str, place: str) -> Example:
    identity = _attribute(pair, "id", place)
    first, second = (_drug(pair, end, drugs, place) for end in ("e1", "e2"))
    label = _attribute(pair, "ddi", place)
    if label not in ("true", "false"):
        raise DataError(f"{place}: <pair {identity}> has ddi={label!r}, expected true or false. {AGAIN}")
    prompt = f"Context: {words(text)}\nDrug_1: {words(first)}\nDrug_2: {words(second)}"
    return Example(id=f"{name}#{identity}", input=prompt, references=(label,))


def _drug(pair: ElementTree.Element, end: str, drugs: dict[str, str], place: str) -> str:
    name = _attribute(pair, end, place)
    if name not in drugs:
        found = f"<pair {pair.get('id')}> has {end}={name!r}"
        raise DataError(f"{place}: {found}, expected the id of an entity of its sentence. {AGAIN}")
    return drugs[name]


def _attribute(element: ElementTree.Element, name: str, place: str) -> str:
    if (value := element.get(name)) is None:
        raise DataError(f"{place}: a <{element.tag}> without the attribute {name!r}, expected one. {AGAIN}")
    return value
