"""A model that algorithms share is loaded once, and the time a load may take counts from its turn."""

import asyncio

import pytest
from segue.plugin_api import Analyzer, message_model
from segue.plugin_api.errors import AlgorithmUnavailable, FailedPrecondition
from segue.plugin_api.store import ModelStore
from segue.server import fleet as fleet_module
from segue.server import triton as triton_module
from segue.server.desired import DesiredFile
from segue.server.fleet import LOADING, READY, UNLOADED, Fleet
from segue.server.plugins import LoadedPlugin
from segue.server.served import ServedModel
from segue.server.settings import Settings
from segue.v1 import analyze_pb2
from tritonclient.grpc import service_pb2, service_pb2_grpc

from .fake_triton import connected

SHARED, OWN = (message_model(name, "nowhere:Model", trained=False) for name in ("shared", "own"))


class TritonThatNeedsTime:
    """Takes its time to load a model, dies when told to, and keeps what it was told to load."""

    def __init__(self):
        self.loaded, self.died, self.fails = [], asyncio.Event(), 0

    async def load(self, model, seconds):
        self.loaded.append(model)
        await asyncio.sleep(0.05)
        if self.fails:
            self.fails -= 1
            raise AlgorithmUnavailable(f"model {model} failed to load")

    async def lost(self):
        await self.died.wait()
        self.died.clear()

    async def live(self, seconds):
        return True

    async def unload(self, model, seconds):
        pass


def analyzer(name, *models):
    class Ear(Analyzer):
        version, summary = "1", ""

        async def analyze(self, request, call):
            return analyze_pb2.AnalyzeResponse()

        def probe(self):
            return analyze_pb2.AnalyzeRequest()

        def check_probe(self, response):
            pass

    Ear.name, Ear.models = name, models
    return Ear()


@pytest.fixture
async def fleet(tmp_path):
    algorithms = [analyzer("a", SHARED), analyzer("b", OWN, SHARED), analyzer("c", SHARED)]
    settings = Settings(store=tmp_path / "store", probe_seconds=0.1)
    store = ModelStore(settings.store)
    store.root.mkdir()
    plugin = LoadedPlugin("test", "1", algorithms=algorithms)
    made = Fleet(settings, [plugin], TritonThatNeedsTime(), store, tmp_path / "models", DesiredFile(store.root))
    await made.start()
    yield made
    await made.stop()


async def until(condition):
    """Wait until something holds; how soon is the machine's business."""
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.01)


def states(fleet):
    return {served.state for served in fleet.algorithms.values()}


@pytest.mark.parametrize("broken", ["shared/1/card.json", "shared/serving.json"])
async def test_a_model_whose_files_can_not_be_read_is_in_the_catalog_all_the_same(tmp_path, broken):
    store = ModelStore(tmp_path)
    model = ServedModel(SHARED, None, store)
    (tmp_path / "shared" / "1").mkdir(parents=True)
    (tmp_path / broken).write_text("{bad")
    assert list(model.describe(card=True).versions) == [1]
    with pytest.raises(FailedPrecondition, match="can't be read"):
        model.provenance(store.serving(SHARED))


async def test_a_model_that_algorithms_share_is_loaded_once_and_once_more_when_triton_was_away(fleet):
    triton = fleet._triton
    await fleet.settled(60.0)
    assert states(fleet) == {READY}
    assert sorted(triton.loaded) == ["own", "shared"]

    triton.died.set()
    await until(lambda: len(triton.loaded) == 4 and states(fleet) == {READY})
    await asyncio.sleep(0.5)
    assert sorted(triton.loaded) == ["own", "own", "shared", "shared"]


async def test_an_algorithm_that_fails_has_its_own_models_loaded_anew(fleet):
    await fleet.settled(60.0)
    failing = fleet.algorithms["b"]
    failing.algorithm.check_probe = lambda response: 1 / 0
    failing.wake.set()
    await until(lambda: fleet._triton.loaded.count("own") > 1)
    assert fleet._triton.loaded.count("shared") == 1


async def test_what_an_operator_loads_in_vain_is_tried_again_at_once(fleet, monkeypatch):
    monkeypatch.setattr(fleet_module, "_PROBE_SHARE", 1e9)
    monkeypatch.setattr(fleet_module, "_LONGEST_PAUSE", 1e9)
    await fleet.settled(60.0)
    served = fleet.algorithms["b"]
    await fleet.unload(served)
    assert served.state == UNLOADED
    fleet._triton.fails = 1
    with pytest.raises(AlgorithmUnavailable):
        await fleet.load(served)
    assert served.state == LOADING
    await until(lambda: served.state == READY)


async def test_what_can_not_be_loaded_anew_serves_on_also_where_it_is_probed_meanwhile(fleet):
    await fleet.settled(60.0)
    fleet._triton.fails = 99
    loading = asyncio.create_task(fleet.load(fleet.algorithms["b"]))
    await until(lambda: fleet._triton.loaded.count("own") == 2)
    for served in fleet.algorithms.values():
        served.wake.set()
    with pytest.raises(AlgorithmUnavailable):
        await loading
    for _ in range(20):
        await asyncio.sleep(0.02)
        assert states(fleet) == {READY}


class TritonWithABadVersion(TritonThatNeedsTime):
    """Can't load version 2 of a model."""

    def __init__(self, store):
        super().__init__()
        self.store, self.serving = store, set()

    async def load(self, model, seconds):
        await asyncio.sleep(0.02)
        if self.store.serving(OWN) == 2:
            raise AlgorithmUnavailable("version 2 is broken")
        self.serving.add(model)

    async def unload(self, model, seconds):
        await asyncio.sleep(0.02)
        self.serving.discard(model)


async def test_what_fails_can_be_rolled_back_while_it_is_being_healed(tmp_path):
    store = ModelStore(tmp_path / "store")
    for version in ("1", "2"):
        (store.root / "own" / version).mkdir(parents=True)
    store.promote(OWN, 2)
    triton, ear = TritonWithABadVersion(store), analyzer("a", OWN)

    async def analyze(request, call):
        if "own" not in triton.serving:
            raise AlgorithmUnavailable("model own is not loaded")
        return analyze_pb2.AnalyzeResponse()

    ear.analyze = analyze
    settings = Settings(store=store.root)
    plugin = LoadedPlugin("test", "1", algorithms=[ear])
    fleet = Fleet(settings, [plugin], triton, store, tmp_path / "models", DesiredFile(store.root))
    served, model = fleet.algorithms["a"], fleet.models["own"]
    await fleet.start()
    try:
        for _ in range(3):  # from the second failure on, its model is unloaded before it is loaded anew
            await asyncio.sleep(0.2)
            served.wake.set()
        await fleet.switch(model, lambda: store.roll_back(OWN))
        assert (served.state, store.serving(OWN)) == (READY, 1)
        with pytest.raises(FailedPrecondition, match=r"version 2 of model own does not serve: .*; version 1 goes on"):
            await fleet.switch(model, lambda: store.promote(OWN, 2))
    finally:
        await fleet.stop()


class SlowTriton(service_pb2_grpc.GRPCInferenceServiceServicer):
    def __init__(self):
        self.under_way = self.most = 0

    async def RepositoryModelLoad(self, request, context):
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            await asyncio.sleep(30.0 if request.model_name == "endless" else 0.4)
        finally:
            self.under_way -= 1
        return service_pb2.RepositoryModelLoadResponse()


@pytest.fixture
async def slow_triton(monkeypatch):
    monkeypatch.setattr(triton_module, "LOADS_AT_ONCE", 2)
    servicer = SlowTriton()
    async with connected(servicer) as triton:
        yield triton, servicer


async def test_the_time_of_a_load_counts_from_its_turn(slow_triton):
    triton, servicer = slow_triton
    # Four turns of .4 s: the last ends long after what one load may take.
    await asyncio.gather(*(triton.load(f"model-{number}", 1.2) for number in range(8)))
    assert servicer.most == 2


async def test_a_load_without_an_end_is_given_up_and_makes_room(slow_triton):
    triton, _ = slow_triton
    loads = [triton.load("endless", 0.5), triton.load("endless", 0.5), triton.load("model", 5.0)]
    first, second, third = await asyncio.gather(*loads, return_exceptions=True)
    assert isinstance(first, AlgorithmUnavailable)
    assert str(second.message) == "model endless did not load within 0.5 s"
    assert third is None
