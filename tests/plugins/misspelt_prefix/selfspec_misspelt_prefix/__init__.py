from selfspec import hookimpl


@hookimpl
def selfspce_card() -> None: ...
