from store import Store


def report(store: Store) -> str:
    lines = [f"{name}: {count}" for name, count in sorted(store.items.items())]
    return "\n".join(lines)
