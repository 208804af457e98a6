"""Imports run one way through the rooms; what may import what is the table below."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "compvis"

# Room -> rooms that it may import. `api` knows all of them.
ALLOWED: dict[str, set[str]] = {
    "geometry": set(),
    "data": set(),
    "running": set(),
    "networks": {"data"},
    "tree": {"geometry"},
    "grammar": {"geometry", "tree"},
    "render": {"geometry", "tree"},
    "likelihood": {"geometry", "tree", "grammar", "render"},
    "parsing": {"geometry", "tree", "grammar", "render", "likelihood", "data"},
    "learning": {"geometry", "tree", "grammar", "render", "likelihood", "parsing", "networks", "data"},
    "baselines": {"networks", "data"},
    "evaluation": {"geometry", "tree", "data"},
    "inspection": {"geometry", "tree", "evaluation"},
}
# Outside package -> rooms that may import it, anywhere in a file. An empty set forbids it.
RESERVED: dict[str, set[str]] = {
    "wandb": {"running"},
    "hydra": set(),
    "omegaconf": {"running"},
    "torchvision": set(),
    "timm": set(),
    "pickle": set(),
}
FILES = sorted(PACKAGE.rglob("*.py"))


def room_of(file: Path) -> str:
    relative = file.relative_to(PACKAGE)
    return relative.parts[0] if len(relative.parts) > 1 else relative.stem


def imported(file: Path) -> set[str]:
    """Dotted names of all modules that a file imports, inside functions too."""
    names = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: imports are absolute here"
            assert node.module is not None
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def rooms_imported(file: Path) -> set[str]:
    names = [name.split(".") for name in imported(file)]
    return {parts[1] for parts in names if parts[0] == "compvis" and len(parts) > 1}


def test_the_table_names_every_room_and_has_no_cycle():
    rooms = {path.name for path in PACKAGE.iterdir() if path.is_dir() and (path / "__init__.py").exists()}
    assert rooms == set(ALLOWED)
    placed: set[str] = set()
    while len(placed) < len(ALLOWED):
        free = {room for room, needs in ALLOWED.items() if needs <= placed} - placed
        assert free, f"the rooms {sorted(set(ALLOWED) - placed)} import each other in a circle"
        placed |= free


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_imports_run_one_way(file):
    room = room_of(file)
    if room in ALLOWED:
        wrong = rooms_imported(file) - ALLOWED[room] - {room, "__version__"}
        assert not wrong, f"{room} may not import {sorted(wrong)}"


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_reserved_packages_stay_where_they_belong(file):
    outside = {name.split(".")[0] for name in imported(file)}
    wrong = {name for name in outside if room_of(file) not in RESERVED.get(name, {room_of(file)})}
    assert not wrong, f"{room_of(file)} may not import {sorted(wrong)}"


@pytest.mark.parametrize("file", sorted((ROOT / "experiments").glob("*.py")), ids=lambda file: file.name)
def test_experiments_leave_tracking_to_running(file):
    outside = {name.split(".")[0] for name in imported(file)}
    assert not outside & {"wandb", "torchvision", "timm", "pickle"}


def test_a_breach_would_be_seen(tmp_path):
    file = tmp_path / "breach.py"
    file.write_text(
        "def late():\n    from compvis import learning\n    import compvis.parsing.skeleton, wandb\n"
    )
    assert rooms_imported(file) == {"learning", "parsing"}
    assert "wandb" in imported(file)
