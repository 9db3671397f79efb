"""A port is a Protocol of at most five methods: small enough that a new store is an afternoon's reading."""

import ast

from tests.shape import sources

MOST = 5


def faults(source: str, module: str) -> list[str]:
    """Protocols with more than MOST methods, and classes with behaviour that are no Protocols."""
    found: list[str] = []
    for node in ast.parse(source).body:
        if not isinstance(node, ast.ClassDef):
            continue
        methods = [part.name for part in node.body if isinstance(part, ast.FunctionDef)]
        is_protocol = any(isinstance(base, ast.Name) and base.id == "Protocol" for base in node.bases)
        if is_protocol and len(methods) > MOST:
            found.append(f"{module}: {node.name} has {len(methods)} methods; {MOST} at the most")
        if methods and not is_protocol:
            found.append(f"{module}: {node.name} does something; ports only say what is wanted")
    return found


def test_every_port_is_small() -> None:
    ports = {name: path.read_text() for name, path in sources().items() if name.startswith("leftfold.ports.")}
    assert sum(text.count("(Protocol)") for text in ports.values()) >= 8
    assert [fault for name, text in ports.items() for fault in faults(text, name)] == []


def test_a_port_that_grew_is_found() -> None:
    methods = "\n".join(f"    def m{i}(self) -> None: ..." for i in range(6))
    assert faults(f"class Store(Protocol):\n{methods}", "x") == ["x: Store has 6 methods; 5 at the most"]


def test_a_port_that_works_is_found() -> None:
    assert faults("class Clock:\n    def now(self) -> int: return 1", "x") == [
        "x: Clock does something; ports only say what is wanted"
    ]
