from selfspec import hookimpl


@hookimpl
def selfspec_card(context: object, config: object) -> None: ...
