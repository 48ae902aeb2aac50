"""Builds the gateway: everything is made here, once, and passed in."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import ipaddress
import logging
import shutil
import tempfile
from pathlib import Path
from typing import Any, Final

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from prometheus_client import start_http_server
from segue.plugin_api.errors import SegueError
from segue.plugin_api.store import ModelStore
from segue.server.admin import AdminServicer
from segue.server.answers import Answers
from segue.server.calls import Calls
from segue.server.catalog import CatalogServicer
from segue.server.database import open_database
from segue.server.desired import DesiredFile
from segue.server.envelope import Envelope
from segue.server.fleet import Fleet
from segue.server.health import Health
from segue.server.leftovers import SCRATCH_PREFIX
from segue.server.listener_key import open_listener_key
from segue.server.listening import ListeningService
from segue.server.plays import PlayStore
from segue.server.plugins import load_plugins
from segue.server.routing import Router
from segue.server.servicers import MusicServicer
from segue.server.settings import Settings
from segue.server.triton import Triton
from segue.server.tritonserver import TritonServer
from segue.v1 import (
    admin_pb2,
    admin_pb2_grpc,
    catalog_pb2,
    catalog_pb2_grpc,
    listening_pb2,
    listening_pb2_grpc,
    music_service_pb2,
    music_service_pb2_grpc,
)
from sqlalchemy import URL

log = logging.getLogger(__name__)

WHY_NOT_STARTED: Final = (RuntimeError, OSError, ValueError, SegueError)
"""What ``App.start`` raises where the text is all that an operator needs."""

_SWEEP_SECONDS: Final = 60.0


class App:
    """A gateway, with its embedded Triton unless the settings name another.

    Parameters
    ----------
    settings
        The server's settings.
    repository
        Folder of the model repository of ``settings.triton``, where this process may write it.
    manage
        Load and heal models; of several gateway processes before one Triton, one does.
    """

    def __init__(self, settings: Settings, *, repository: Path | None = None, manage: bool = True) -> None:
        self.settings = settings
        self._manage = manage
        self._repository = repository
        self._cleanup = contextlib.AsyncExitStack()
        # Unless switched off, a second server on a taken port starts and silently shares its calls.
        self._shared = ("grpc.so_reuseport", int(settings.workers > 1))
        self.address = settings.address

    async def start(self) -> None:
        """Start serving; algorithms become ready in the background.

        Raises
        ------
        NoEmbeddedTriton
            If the embedded Triton is wanted and can't run here.
        RuntimeError
            If the address can't be listened at.
        """
        try:
            await self._start()
        except BaseException:
            await self._cleanup.aclose()
            raise

    async def _start(self) -> None:
        settings = self.settings
        self.envelope = Envelope(settings, admin_open=_is_loopback(settings.address))
        self._server = grpc.aio.server(interceptors=[self.envelope], options=self._options())
        alone = settings.workers == 1
        if alone:
            self._listen()
        self._plugins = load_plugins(settings.plugins)
        triton = Triton(settings.triton or await self._start_triton(), settings.max_message_bytes)
        self._cleanup.push_async_callback(triton.close)
        store = ModelStore(settings.store)
        desired = DesiredFile(settings.store)
        self.fleet = Fleet(settings, self._plugins, triton, store, self._repository, desired, manage=self._manage)
        router = Router(settings, self.fleet, desired)
        plays, answers = await self._open_database()
        self._health = Health()
        self.fleet.on_change = self._health.update
        for served in self.fleet.algorithms.values():
            self._health.update(served)
        self._health.publish()
        self._serve(
            MusicServicer(Calls(router, self.fleet, plays, answers)),
            CatalogServicer(self.fleet, router, self._plugins),
            ListeningService(plays),
            AdminServicer(self.fleet, router, store, desired, self.drain),
        )
        await self.fleet.start()
        self._cleanup.push_async_callback(self.fleet.stop)
        if not alone:
            # The kernel spreads connections over all that listen: a worker joins once it can answer.
            await self.fleet.settled(settings.load_timeout_seconds)
            self._listen()
        await self._server.start()
        self._cleanup.push_async_callback(self._server.stop, settings.stop_seconds)
        await self._serve_health()
        if settings.metrics_address:
            host, _, port = settings.metrics_address.rpartition(":")
            try:
                start_http_server(int(port), addr=host.strip("[]"))
            except OSError as error:
                raise RuntimeError(f"can't serve metrics at {settings.metrics_address}: {error.strerror}") from error
        # What exists now lives as long as the server. A full collection that walks it stops every call for 0.1-0.3 s.
        gc.collect()
        gc.freeze()
        log.info("serving", extra={"address": self.address})

    async def _open_database(self) -> tuple[PlayStore, Answers]:
        settings = self.settings
        folder = settings.store.parent
        folder.mkdir(parents=True, exist_ok=True)
        # Made of its parts: in a text, a ? or # in the folder's name would end the path.
        url = settings.database_url or URL.create("sqlite", database=str(folder / "plays.db"))
        database = await open_database(url)
        self._cleanup.push_async_callback(database.close)
        key = await open_listener_key(settings.listener_key_file or folder / "listener.key", database)
        answers = Answers(database, key, ttl_seconds=settings.answers_ttl_seconds, max_bytes=settings.answers_max_bytes)
        sweeper = asyncio.create_task(_sweep(answers))
        self._cleanup.callback(sweeper.cancel)
        return PlayStore(database, key), answers

    def _serve(
        self, music: MusicServicer, catalog: CatalogServicer, listening: ListeningService, admin: AdminServicer
    ) -> None:
        music_service_pb2_grpc.add_MusicServiceServicer_to_server(music, self._server)
        catalog_pb2_grpc.add_CatalogServiceServicer_to_server(catalog, self._server)
        listening_pb2_grpc.add_ListeningServiceServicer_to_server(listening, self._server)
        admin_pb2_grpc.add_AdminServiceServicer_to_server(admin, self._server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health.servicer, self._server)
        own = (music_service_pb2, catalog_pb2, listening_pb2, admin_pb2, health_pb2)
        names = [service.full_name for module in own for service in module.DESCRIPTOR.services_by_name.values()]
        reflection.enable_server_reflection([*names, reflection.SERVICE_NAME], self._server)

    async def _serve_health(self) -> None:
        if not self.settings.health_address:
            return
        server = grpc.aio.server(options=[self._shared])
        health_pb2_grpc.add_HealthServicer_to_server(self._health.servicer, server)
        try:
            server.add_insecure_port(self.settings.health_address)
        except RuntimeError as error:
            raise RuntimeError(
                f"can't serve health at {self.settings.health_address}: is another server there?"
            ) from error
        await server.start()
        self._cleanup.push_async_callback(server.stop, None)

    def drain(self) -> int:
        """Report NOT_SERVING and refuse new calls from now on; return the number of calls under way."""
        self._health.drain()
        self.envelope.draining = True
        return self.envelope.in_flight

    async def stop(self) -> None:
        """Drain, finish the calls under way, and stop everything that was started, the last first."""
        self._health.drain()
        await asyncio.sleep(self.settings.drain_seconds)
        self.envelope.draining = True
        await self._cleanup.aclose()

    async def _start_triton(self) -> str:
        scratch = Path(tempfile.mkdtemp(prefix=SCRATCH_PREFIX))
        self._cleanup.push_async_callback(asyncio.to_thread, shutil.rmtree, scratch, ignore_errors=True)
        self._repository = scratch / "models"
        self._repository.mkdir()
        settings = self.settings
        server = TritonServer(self._repository, scratch, settings.stall_seconds, settings.load_timeout_seconds)
        self._cleanup.push_async_callback(server.stop)
        await server.start()
        return server.address

    def _options(self) -> list[tuple[str, Any]]:
        settings = self.settings
        options = [
            ("grpc.max_receive_message_length", settings.max_message_bytes),
            ("grpc.max_send_message_length", settings.max_message_bytes),
            ("grpc.max_concurrent_streams", settings.max_in_flight),
            self._shared,
            ("grpc.server_handshake_timeout_ms", int(1000 * settings.keepalive_seconds)),
            ("grpc.keepalive_time_ms", int(1000 * settings.keepalive_seconds)),
            ("grpc.http2.ping_timeout_ms", int(1000 * settings.keepalive_seconds / 3)),
            ("grpc.http2.max_pings_without_data", 0),
            ("grpc.http2.min_recv_ping_interval_without_data_ms", 10_000),
            ("grpc.keepalive_permit_without_calls", 1),
        ]
        if settings.max_connection_age_seconds:
            options.append(("grpc.max_connection_age_ms", 1000 * settings.max_connection_age_seconds))
            options.append(("grpc.max_connection_age_grace_ms", int(1000 * settings.deadline_seconds)))
        return options

    def _listen(self) -> None:
        settings = self.settings
        if bool(settings.tls_certificate) != bool(settings.tls_key):
            raise RuntimeError("TLS needs both SEGUE_TLS_CERTIFICATE and SEGUE_TLS_KEY")
        with contextlib.suppress(RuntimeError):
            if settings.tls_certificate and settings.tls_key:
                credentials = grpc.ssl_server_credentials(
                    [(settings.tls_key.read_bytes(), settings.tls_certificate.read_bytes())],
                    settings.tls_client_ca.read_bytes() if settings.tls_client_ca else None,
                    require_client_auth=settings.tls_client_ca is not None,
                )
                port = self._server.add_secure_port(settings.address, credentials)
            else:
                port = self._server.add_insecure_port(settings.address)
            if port:
                self.address = f"{settings.address.rpartition(':')[0]}:{port}"
                return
        if settings.tls_certificate:
            raise RuntimeError(
                f"can't listen at {settings.address}: is another server there, or are {settings.tls_certificate.name} "
                "and the key no PEM files that belong together?"
            )
        raise RuntimeError(f"can't listen at {settings.address}: is another server there? Try --address HOST:PORT")


async def _sweep(answers: Answers) -> None:
    """Delete kept answers that have expired, for ever."""
    while True:
        await asyncio.sleep(_SWEEP_SECONDS)
        try:
            await answers.sweep()
        except SegueError as error:
            log.warning("kept answers could not be swept: %s", error)


def _is_loopback(address: str) -> bool:
    host = address.rpartition(":")[0].strip("[]")
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
