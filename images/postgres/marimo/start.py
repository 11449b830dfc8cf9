"""marimo-postgres: readies the volume, then becomes Patroni."""

import json
import os
import re
import shutil
import ssl
import urllib.error
import urllib.request
from enum import Enum
from http import HTTPStatus
from pathlib import Path

from . import marker
from .events import emit, warn
from .settings import Settings, read_settings

PATRONI_CONFIGURATION = Path("/etc/patroni/patroni.yml")
PATRONI = ["patroni", str(PATRONI_CONFIGURATION)]
SCOPE = re.compile(r"^scope: *(\S+)", re.MULTILINE)
SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
API_SECONDS = 10


class Remains(Enum):
    """What a killed predecessor of this container left on the volume."""

    WHOLE = "nothing unfinished"
    UNFINISHED_REPLICA = "a replica that is not whole"
    UNFINISHED_BOOTSTRAP = "a bootstrap that was not over"


def judge(marked: bool, initialize: str | None, control_file: bool) -> Remains:
    """`initialize` is the annotation of Patroni's ConfigMap: the database's system identifier; empty while a member
    bootstraps the cluster; None before. `control_file`: whether PGDATA has pg_control, which every copy writes last."""
    if not marked:
        return Remains.WHOLE
    if initialize:
        # The cluster has its database: either this member brought it up and was killed before it could remove the marker,
        # or it was on the way to become a replica.
        return Remains.WHOLE if control_file else Remains.UNFINISHED_REPLICA
    # Even with pg_control there: it may be replaying, and Patroni would promote it before the end of the archive.
    return Remains.UNFINISHED_BOOTSTRAP


def config_map(method: str, body: object = None) -> dict:
    """Reads or patches Patroni's <scope>-config ConfigMap with the pod's own rights; {} if there is none."""
    scope = SCOPE.search(PATRONI_CONFIGURATION.read_text())
    if scope is None:
        raise ValueError(f"{PATRONI_CONFIGURATION} has no scope")
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"]
    namespace = (SERVICE_ACCOUNT / "namespace").read_text()
    request = urllib.request.Request(
        f"https://{host}:{port}/api/v1/namespaces/{namespace}/configmaps/{scope[1]}-config",
        method=method,
        data=json.dumps(body).encode() if body is not None else None,
        headers={
            "Authorization": f"Bearer {(SERVICE_ACCOUNT / 'token').read_text()}",
            "Content-Type": "application/merge-patch+json",
        },
    )
    context = ssl.create_default_context(cafile=str(SERVICE_ACCOUNT / "ca.crt"))
    try:
        with urllib.request.urlopen(request, timeout=API_SECONDS, context=context) as response:
            return json.load(response)
    except urllib.error.HTTPError as error:
        if error.code == HTTPStatus.NOT_FOUND:
            return {}
        raise


def clean_up(settings: Settings) -> None:
    """Makes a volume whose member was killed half-way usable again, by beginning anew."""
    metadata = config_map("GET").get("metadata", {})
    initialize = metadata.get("annotations", {}).get("initialize")
    remains = judge(True, initialize, (settings.pgdata / "global" / "pg_control").exists())
    emit("remains", found=remains.value)
    if remains is Remains.WHOLE:
        return marker.remove(settings)
    if settings.pgdata.exists():
        marker.empty(settings.pgdata)
    if remains is Remains.UNFINISHED_BOOTSTRAP and initialize is not None:
        # With the version that was read, so that it can't undo what another member has begun meanwhile.
        version = metadata["resourceVersion"]
        config_map("PATCH", {"metadata": {"resourceVersion": version, "annotations": {"initialize": None}}})
    # Last: killed before this, the next start does the same again.
    marker.remove(settings)


def ready_volume(settings: Settings) -> None:
    failed = settings.pgdata.with_name(settings.pgdata.name + ".failed")
    if failed.exists():
        # Patroni keeps what a failed bootstrap left; the next attempt needs its space, and the vaults hold the original.
        warn(f"removing {failed}, which a failed bootstrap left")
        shutil.rmtree(failed)
    if marker.exists(settings):
        clean_up(settings)
    (settings.volume / "spool").mkdir(mode=0o700, exist_ok=True)


def main() -> int:
    ready_volume(read_settings())
    emit("start")
    os.execvp(PATRONI[0], PATRONI)
