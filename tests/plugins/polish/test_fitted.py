import numpy as np
import pytest
from segue.plugins.polish import fitted


def test_weights_are_read_as_they_were_written(tmp_path):
    fitted.save({"weight": np.arange(3.0), "bias": np.ones(1)}, tmp_path / "x.safetensors")
    rows = fitted.load(tmp_path / "x.safetensors", {"weight": 3, "bias": 1})
    assert rows["weight"].tolist() == [0, 1, 2]
    assert rows["bias"].dtype == np.float32


@pytest.mark.parametrize("widths", [{"weight": 4}, {"weight": 3, "bias": 1}])
def test_weights_of_other_code_are_refused(tmp_path, widths):
    fitted.save({"weight": np.arange(3.0)}, tmp_path / "x.safetensors")
    with pytest.raises(ValueError, match="holds no"):
        fitted.load(tmp_path / "x.safetensors", widths)
