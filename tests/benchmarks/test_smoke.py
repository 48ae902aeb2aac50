"""The benchmark runs, on Triton and the gateway alone and for a moment; its figures are not judged."""

from pathlib import Path

from rich.console import Console

from . import gateway, report


async def test_the_benchmark_runs():
    result = await gateway.run(
        workers=[1],
        with_peers=False,
        cache=Path(),
        in_flight=[1, 4],
        rounds=2,
        warm_up_seconds=0.1,
        seconds=0.3,
        channels=2,
    )
    assert list(result["targets"]) == ["Triton", "Segue, 1 worker"]
    for name, cells in result["targets"].items():
        for in_flight in ("1", "4"):
            values = cells[in_flight]
            assert len(values["rounds"]) == 2
            assert values["per_second"]["median"] > 0
            assert values["throughput_ratio"]["min"] <= values["throughput_ratio"]["max"]
            assert values["cpu_ms"].keys() == {"Triton": {"triton", "client"}}.get(name, {"server", "triton", "client"})
    assert result["targets"]["Triton"]["4"]["throughput_ratio"]["median"] == 1
    Console(quiet=True).print(report.table(result["targets"], 4, gateway.BASE))
