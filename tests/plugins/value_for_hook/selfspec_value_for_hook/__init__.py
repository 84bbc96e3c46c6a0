selfspec_tasks: list[object] = []
