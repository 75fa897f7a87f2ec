"""What a gateway is given: its certificate and key, the authority, and a page that says how to use them; as a ZIP."""

from __future__ import annotations

import io
import tempfile
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from certs.store import write_private
from settings import Settings
from sql.errors import Refused

# More than any bundle takes.
ROOM = 32 * 1024
KEY, CERTIFICATE, AUTHORITY, README = "gateway.key", "gateway.crt", "ca.crt", "README.txt"


@dataclass(frozen=True)
class Bundle:
    """One gateway's identity, in PEM; `key` is None where the key never left the gateway."""

    mac: str
    serial: str
    not_after: datetime
    certificate: bytes
    authority: bytes
    key: bytes | None
    readme: str

    def files(self) -> Iterable[tuple[str, bytes]]:
        """Give name and content of each file."""
        if self.key is not None:
            yield KEY, self.key
        yield from ((CERTIFICATE, self.certificate), (AUTHORITY, self.authority), (README, self.readme.encode()))


def folder_name(mac: str) -> str:
    """Give a MAC as a name that every file system takes."""
    return mac.replace(":", "-")


def zip_bytes(bundle: Bundle) -> bytes:
    """Pack one bundle, files at the top."""
    return pack((name, content) for name, content in bundle.files())


def pack(files: Iterable[tuple[str, bytes]]) -> bytes:
    """Pack files into a ZIP; keys keep their mode when unpacked."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files:
            archive.writestr(entry(name), content)
    return buffer.getvalue()


def entry(name: str) -> zipfile.ZipInfo:
    """Describe one file of a ZIP: a key is for its owner's eyes."""
    info = zipfile.ZipInfo(name, date_time=(2026, 1, 1, 0, 0, 0))
    info.external_attr = (0o600 if name.endswith(".key") else 0o644) << 16
    info.compress_type = zipfile.ZIP_DEFLATED
    return info


def check_target(path: Path) -> None:
    """Refuse a target that cannot be written or would be written over: what is lost there, nobody has a copy of."""
    if path.exists():
        raise Refused(f"{path} exists already and may hold a key that is nowhere else: move it away, or choose another --out")
    if not path.parent.is_dir():
        raise Refused(f"the folder {path.parent} does not exist")
    try:
        with tempfile.TemporaryFile(dir=path.parent) as room:  # before anything is issued that nobody would receive
            room.write(bytes(ROOM))
            room.flush()
    except OSError as error:
        raise Refused(f"{path} cannot be written: {error.strerror}") from error


def write_target(path: Path, content: bytes) -> None:
    """Write the ZIP, readable by its owner alone."""
    try:
        write_private(path, content)
    except OSError as error:
        raise Refused(f"{path} cannot be written: {error.strerror}") from error


def readme(settings: Settings, mac: str, serial: str, not_after: datetime, host: str, own_key: bool) -> str:
    """Write the page that goes with a bundle, in the language of the installation."""
    template = _PORTUGUESE if settings.locale == "pt-BR" else _ENGLISH
    topic = f"{settings.mqtt_root}/{mac}"
    key_line = template["own_key" if own_key else "key"]
    return template["page"].format(
        mac=mac, serial=serial, until=f"{not_after:%Y-%m-%d}", host=host, port=settings.mqtt_port, topic=topic, key=key_line
    )


_COMMAND = """\
mosquitto_pub -h {host} -p {port} --cafile ca.crt --cert gateway.crt --key gateway.key \\
    -V mqttv5 -q 1 -t {topic}/telemetry -d \\
    -m "{{\\"gateway_mac\\": \\"{mac}\\", \\"timestamp\\": \\"$(date -u +%Y-%m-%dT%H:%M:%SZ)\\", \\"leituras\\": [{{\\"dispositivo_codigo\\": \\"D01\\", \\"valor\\": 123.45, \\"unidade\\": \\"kWh\\"}}]}}"
"""

_PORTUGUESE = {
    "key": "gateway.key   a chave privada. Não há outra cópia: guarde-a no gateway e em nenhum outro lugar.",
    "own_key": "              a chave privada ficou no gateway: use-a no lugar de gateway.key.",
    "page": """\
TDS: identidade do gateway {mac}
Número de série {serial}, válida até {until}

Arquivos
  {key}
  gateway.crt   o certificado do gateway, seguido do certificado que o assinou. Envie os dois.
  ca.crt        a autoridade. Com ela o gateway reconhece o broker.

Conexão
  Endereço      {host}, porta {port}; MQTT 3.1.1 ou 5
  TLS           1.2 ou 1.3, com certificado de cliente
  Usuário       nenhum; não há senha. O broker usa {mac} como identificador do cliente.
  Publicar      {topic}/telemetry   QoS 1, sem retain
                {topic}/status      por exemplo como última vontade, sem retain
  Assinar       {topic}/commands/#

Para testar, nesta pasta:

"""
    + _COMMAND,
}
_ENGLISH = {
    "key": "gateway.key   the private key. There is no other copy: keep it on the gateway and nowhere else.",
    "own_key": "              the private key stayed on the gateway: use it in the place of gateway.key.",
    "page": """\
TDS: identity of the gateway {mac}
Serial {serial}, valid until {until}

Files
  {key}
  gateway.crt   the gateway's certificate, followed by the certificate that signed it. Send both.
  ca.crt        the authority. By it the gateway knows the broker.

Connection
  Address       {host}, port {port}; MQTT 3.1.1 or 5
  TLS           1.2 or 1.3, with the client certificate
  User          none, and no password. The broker takes {mac} as the client id.
  Publish       {topic}/telemetry   QoS 1, without retain
                {topic}/status      as last will, say, without retain
  Subscribe     {topic}/commands/#

To try it, in this folder:

"""
    + _COMMAND,
}
