"""What users import, what they call, and that the light client stays light."""

import inspect
import subprocess
import sys

import segue.client
from segue.client import AsyncClient, Client
from segue.v1 import admin_pb2, catalog_pb2, listening_pb2, music_service_pb2

METHODS = {
    **{"Recommend": "recommend", "Generate": "generate", "GenerateStream": "generate_stream", "Transfer": "transfer"},
    "TransferStream": "transfer_stream",
    **{"Analyze": "analyze", "ListAlgorithms": "algorithms", "GetAlgorithm": "algorithm", "ListPlugins": "plugins"},
    **{"RecordPlays": "record_plays", "StreamPlays": "stream_plays", "ListPlays": "list_plays"},
    **{"BatchRecommend": "batch_recommend", "ExportListener": "export_listener"},
    **{"EraseListener": "erase_listener", "LoadAlgorithm": "load", "UnloadAlgorithm": "unload"},
    **{"ReloadAlgorithm": "reload", "PromoteModel": "promote", "RollBackModel": "roll_back"},
    **{"SetTraffic": "set_traffic", "GetTraffic": "get_traffic", "Drain": "drain"},
}


def test_everything_public_is_listed():
    names = {
        name for name, value in vars(segue.client).items() if not name.startswith("_") and not inspect.ismodule(value)
    }
    assert names == set(segue.client.__all__)


def test_every_rpc_has_a_method_in_both_clients():
    files = (music_service_pb2, catalog_pb2, listening_pb2, admin_pb2)
    services = [service for file in files for service in file.DESCRIPTOR.services_by_name.values()]
    assert {method.name for service in services for method in service.methods} == set(METHODS)
    for name in METHODS.values():
        for client in (Client, AsyncClient):
            method = getattr(client, name)
            assert method.__doc__, name
            assert "timeout" in inspect.signature(method).parameters, name


def test_both_clients_take_the_same():
    for name in METHODS.values():
        both = [inspect.signature(getattr(client, name)).parameters for client in (Client, AsyncClient)]
        assert list(both[0]) == list(both[1]), name


def test_every_field_of_a_request_can_be_set():
    """A keyword for each field; those under another name are listed here."""
    renamed = {
        "Recommend": {"filter"},
        "Generate": set(),
        "Transfer": set(),
        "Analyze": set(),
    }
    for method in music_service_pb2.DESCRIPTOR.services_by_name["MusicService"].methods:
        if method.name in renamed:
            keywords = set(inspect.signature(getattr(Client, METHODS[method.name])).parameters)
            assert {field.name for field in method.input_type.fields} - renamed[method.name] <= keywords


def test_the_light_client_imports_nothing_heavy():
    heavy = (
        "numpy",
        "symusic",
        "matplotlib",
        "pretty_midi",
        "torch",
        "tritonclient",
        "segue.server",
        "segue.plugin_api",
    )
    code = f"import sys, segue.client.cli, segue.client.media; print([m for m in {heavy} if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
