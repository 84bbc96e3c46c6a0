from selfspec import hookimpl


@hookimpl
def selfspec_card() -> dict[str, str]:
    return {"name": "wrong_type"}
