"""The benches are too long to run here; but `tests/bench/run.py` must be able to start each of them."""

import importlib

import pytest

from tests.bench.measure import Report
from tests.bench.run import BENCHES


@pytest.mark.parametrize("name", BENCHES)
def test_a_bench_takes_what_the_runner_gives_it(name: str, capsys: pytest.CaptureFixture) -> None:
    bench = importlib.import_module(f"tests.bench.{name}")
    with pytest.raises(SystemExit) as ended:
        bench.main(Report(), ["--quick", "--help"])
    assert ended.value.code == 0
    assert "--quick" in capsys.readouterr().out
