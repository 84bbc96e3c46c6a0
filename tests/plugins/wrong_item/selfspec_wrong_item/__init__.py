from selfspec import Seed, hookimpl


@hookimpl
def selfspec_seeds() -> list[object]:
    return [Seed(id="s1", instruction="Add 1 and 1.", output="2"), {"id": "s2"}]
