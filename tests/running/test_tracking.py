import subprocess
import sys

import pytest

from compvis.running import Tracker


def test_disabled_never_imports_wandb(tmp_path):
    code = (
        "import sys; from pathlib import Path; from compvis.running import Tracker\n"
        f"t = Tracker('disabled', 'p', 'n', {{}}, Path({str(tmp_path / 'w')!r}))\n"
        "t.log_metrics({'a': 1.0}); t.log_table('t', ['a'], [[1]]); t.finish()\n"
        "assert 'wandb' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
    assert not (tmp_path / "w").exists()


def test_an_unknown_mode_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"tracking\.mode"):
        Tracker("sometimes", "p", "n", {}, tmp_path)


@pytest.mark.slow
def test_offline_keeps_metrics_tables_figures_and_parses(tmp_path):
    """In a process of its own: wandb leaves threads and warnings behind."""
    (tmp_path / "figure.png").write_bytes(_png())
    (tmp_path / "tree.json").write_text("{}")
    code = f"""
from pathlib import Path
from compvis.running import Tracker
tmp = Path({str(tmp_path)!r})
t = Tracker('offline', 'p', 'n', {{'x': 1}}, tmp / 'w')
t.log_metrics({{'error': 0.5, 'note': 'text is left out'}})
t.log_table('trials', ['a', 'b'], [[1, 2]])
t.log_figure('curve', tmp / 'figure.png')
t.log_parses('trees', [tmp / 'tree.json'])
print(t.folder)
t.finish()
"""
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, timeout=200, capture_output=True, text=True
    )
    folder = tmp_path / "w" / "wandb"
    assert str(folder) in done.stdout
    assert list(folder.rglob("*.wandb"))
    assert list(folder.rglob("*.table.json"))
    assert list(folder.rglob("*.png"))


def _png():
    import io

    from PIL import Image

    buffer = io.BytesIO()
    Image.new("L", (4, 4)).save(buffer, "png")
    return buffer.getvalue()
