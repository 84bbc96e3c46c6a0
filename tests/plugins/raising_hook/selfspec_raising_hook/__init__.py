from selfspec import hookimpl


@hookimpl
def selfspec_card() -> None:
    raise KeyError("name")
