from selfspec import hookimpl


@hookimpl
def selfspec_seed() -> None: ...
