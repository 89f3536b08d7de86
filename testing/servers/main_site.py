"""Binance's main site on loopback, for whole processes: a proxy that answers for it under a certificate of its own."""

import ssl
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from testing.servers.market_data import FakeBinance
from testing.servers.prefect_server import free_port

#: The sites of the spot market and of futures.
HOSTS = ("api.binance.com", "fapi.binance.com")


class MainSite:
    """A proxy for a `with` block that leads nowhere but to the fake; whatever else is asked for is refused."""

    def __init__(self, binance: FakeBinance, folder: Path) -> None:
        self._binance = binance
        self._port = free_port()
        self._certificate = folder / "site.pem"
        _write_certificate(self._certificate)
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(self._certificate)

    @property
    def environment(self) -> dict[str, str]:
        """Return how a process finds it: as anybody's company proxy."""
        proxy, direct = f"http://127.0.0.1:{self._port}", "127.0.0.1,localhost"
        names = {"HTTPS_PROXY": proxy, "https_proxy": proxy, "NO_PROXY": direct, "no_proxy": direct}
        return {**names, "REQUESTS_CA_BUNDLE": str(self._certificate)}

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def open(self) -> None:
        """Answer from now on."""
        site, binance = self, self._binance

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_CONNECT(self) -> None:
                if self.path not in [f"{host}:443" for host in HOSTS]:
                    self.send_error(403, f"{self.path} is not served here")
                    return
                self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                self.connection = site._tls.wrap_socket(self.connection, server_side=True)
                # What comes now was meant for the site itself.
                self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", 0)
                self.close_connection = False

            def do_GET(self) -> None:
                binance.serve(self)

            def finish(self) -> None:
                super().finish()
                self.connection.close()

            def log_message(self, format: str, *arguments: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Refuse every connection, as if the network were gone."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=5)


def _write_certificate(path: Path) -> None:
    """Write a key and a certificate of the host, signed with it and valid at any time."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOSTS[0])])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime(2000, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2100, 1, 1, tzinfo=UTC))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host) for host in HOSTS]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    written = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(written + certificate.public_bytes(serialization.Encoding.PEM))
