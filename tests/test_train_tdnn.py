"""The school of the streaming minds: its networks, and the way from lessons to a machine."""

import importlib.util
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="students need PyTorch, of the extra 'train'")

from neurobot.controllers.samples import as_samples  # noqa: E402
from neurobot.controllers.tdnn import BeamsController, ColumnsController  # noqa: E402
from neurobot.envs.settings import Settings  # noqa: E402
from neurobot.imitate import school  # noqa: E402
from neurobot.imitate.student import as_columns  # noqa: E402
from neurobot.quantize.export import export_float  # noqa: E402
from neurobot.quantize.networks.steering import COLUMNS  # noqa: E402
from neurobot.quantize.networks.streaming import BEAMS, beams_net, columns_net  # noqa: E402
from neurobot.tdnn import direct, files, read_network  # noqa: E402

SCRIPT = Path(__file__).parent.parent / "scripts" / "train_tdnn.py"
NETWORKS = {"range": beams_net, "camera": columns_net}


@pytest.mark.parametrize("name", NETWORKS)
def test_what_is_trained_on_pictures_is_what_runs_on_samples(name: str) -> None:
    sensor = Settings()
    rows, columns = (1, sensor.beams) if name == "range" else (36, sensor.camera_columns)
    assert columns == (BEAMS if name == "range" else COLUMNS)
    torch.manual_seed(0)
    model = NETWORKS[name]().eval()
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (5, rows, columns), dtype=np.uint8)
    net = read_network(export_float(model, (1, columns, rows)))
    assert net.input_shape == (1, columns, rows)
    with torch.no_grad():
        wanted = model(as_columns(pictures)).numpy()
    assert wanted.shape == (5, 77)
    # Sums of float32 numbers against those of float64.
    np.testing.assert_allclose(direct.evaluate(net, as_samples(pictures)), wanted, atol=1e-5)


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The script, with next to nothing to learn."""
    spec = importlib.util.spec_from_file_location("train_tdnn", SCRIPT)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    tiny: dict[str, Any] = {"epochs": 1, "lr": 0.02, "batch": 16}
    for key, value in {
        "ROUNDS": (48, 32),
        "EXAM": 32,
        "CALIBRATION": 40,
        "FULL": tiny,
        "PRUNED": tiny,
    }.items():
        assert hasattr(module, key)
        monkeypatch.setattr(module, key, value)
    monkeypatch.setattr(school, "SCENARIOS", ("forest", "corridor"))
    monkeypatch.setattr(school, "SHARES", (0.75, 0.25))
    return module


def test_a_school_ends_with_machines_and_writes_the_same_again(
    script: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = tmp_path / "weights"
    weights.mkdir()
    words = [str(SCRIPT), "--out", str(tmp_path / "out"), "--weights", str(weights)]
    monkeypatch.setattr(sys, "argv", words)
    script.main()
    first = {path.name: path.read_bytes() for path in weights.iterdir()}
    said = capsys.readouterr().out
    assert set(first) == {"tdnn-range.npz", "tdnn-camera.npz"}
    for step in ("full precision", "pruned", "compress", "delay", "fan-in"):
        assert f"range, {step}: good choices " in said
    kept = {path.name for path in (tmp_path / "out" / "seed-0" / "range").iterdir()}
    lessons = {"lessons-0.npz", "lessons-1.npz", "exam.npz"}
    assert kept == {*lessons, "fp32-0.pt", "fp32-1.pt", "pruned-0.pt", "pruned-1.pt"}
    # By hand: 40 and 384 x 0.6 x 0.8, 1152 x 0.6 x 0.8, 27,648 x 0.1 x 0.5, 4928 x 0.3 x 0.6.
    beams = files.load(weights / "tdnn-range.npz")
    most = {"conv1": 40, "conv2": 184, "conv3": 553, "dense1": 1382, "dense2": 887}
    for layer in beams.layers:
        # A weight whose code is 0 is gone as well.
        assert 0.9 * most[layer.name] < layer.fan_ins.sum() <= most[layer.name]

    def never(*_: Any, **__: Any) -> None:
        raise AssertionError("it drove again")

    monkeypatch.setattr(school, "drive", never)
    script.main()
    assert {path.name: path.read_bytes() for path in weights.iterdir()} == first
    assert capsys.readouterr().out == said
    for kind, name in ((BeamsController, "range"), (ColumnsController, "camera")):
        machine = kind(str(weights / f"tdnn-{name}.npz")).machine
        assert machine.net.notes["command"] == f"python scripts/train_tdnn.py {name} --seed 0"


def test_unknown_names_end_in_a_sentence(
    script: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), "sonar"])
    with pytest.raises(SystemExit):
        script.main()
    assert "unknown 'sonar'; known: range, camera" in capsys.readouterr().err
