"""Parse trees as indented text, for terminals and logs."""

from torch import Tensor

from compvis.tree.node import Node
from compvis.tree.parse_tree import ParseTree


def render_text(tree: ParseTree, digits: int = 2, longest: int = 6) -> str:
    """The tree as text, one node a line, with its symbol, its choice and its values.

    Tensors of more than ``longest`` numbers are shown by shape and root mean square.
    """
    title = tree.name if tree.label is None else f"{tree.name} = {tree.label}"
    lines = [_line(title, tree.root, digits, longest)]
    _children(tree.root, "", lines, digits, longest)
    return "\n".join(lines)


def _children(node: Node, margin: str, lines: list[str], digits: int, longest: int) -> None:
    for index, (name, child) in enumerate(node.children.items()):
        last = index == len(node.children) - 1
        lines.append(margin + ("└─ " if last else "├─ ") + _line(name, child, digits, longest))
        _children(child, margin + ("   " if last else "│  "), lines, digits, longest)


def _line(name: str, node: Node, digits: int, longest: int) -> str:
    words = [name, f"<{node.symbol}>"]
    if node.choice is not None:
        words.append(f"choice {node.choice}")
    words += [f"{key}={_show(value, digits, longest)}" for key, value in node.values.items()]
    return "  ".join(words)


def _show(value: Tensor, digits: int, longest: int) -> str:
    if not value.is_floating_point():
        return str(value.tolist())
    if value.numel() > longest:
        shape = "x".join(str(size) for size in value.shape)
        return f"({shape}, rms {value.detach().square().mean().sqrt().item():.{digits}f})"
    numbers = [f"{number:.{digits}f}" for number in value.detach().flatten().tolist()]
    return numbers[0] if value.ndim == 0 else "[" + " ".join(numbers) + "]"
