"""marimo-postgres: readies the volume, then becomes Patroni."""

import json
import os
import re
import ssl
import urllib.error
import urllib.request
from enum import Enum
from http import HTTPStatus
from pathlib import Path

from . import marker
from .events import emit
from .marker import Unfinished
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
    UNFINISHED_RESTORE = "a restore that was not over"
    UNFINISHED_INITIALIZATION = "a new database that was not up yet"


def judge(unfinished: Unfinished | None, initialize: str | None, control_file: bool) -> Remains:
    """`initialize` is the annotation of Patroni's ConfigMap: the database's system identifier; empty while a member
    bootstraps the cluster; None before. `control_file`: whether PGDATA has pg_control, which every copy writes last."""
    if unfinished is None:
        return Remains.WHOLE
    if initialize:
        # The cluster has its database: either this member brought it up and was killed before it could remove the marker,
        # or it was on the way to become a replica.
        return Remains.WHOLE if control_file else Remains.UNFINISHED_REPLICA
    if unfinished is Unfinished.INITIALIZED:
        return Remains.UNFINISHED_INITIALIZATION
    # Even with pg_control there: it may be replaying, and Patroni would promote it before the end of the archive.
    return Remains.UNFINISHED_RESTORE


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


def clean_up(settings: Settings, unfinished: Unfinished) -> None:
    """Makes a volume whose member was ended half-way usable again. Killed in the middle, the next start does the rest."""
    metadata = config_map("GET").get("metadata", {})
    initialize = metadata.get("annotations", {}).get("initialize")
    remains = judge(unfinished, initialize, (settings.pgdata / "global" / "pg_control").exists())
    # A bootstrap that failed, other than one that was killed, has been told to Patroni, which took `initialize` back before
    # it put PGDATA there: what stands in the ConfigMap now is another member's.
    killed = not marker.failed(settings).exists()
    emit("remains", found=remains.value, killed=killed)
    if remains is Remains.UNFINISHED_INITIALIZATION:
        left = next(
            (place for place in (settings.pgdata, marker.failed(settings)) if (place / "PG_VERSION").exists()), None
        )
        if left is not None:
            marker.remove_tree(marker.set_aside(settings))
            left.rename(marker.set_aside(settings))
    elif remains is not Remains.WHOLE:
        marker.remove_tree(settings.pgdata)
    if killed and remains in (Remains.UNFINISHED_RESTORE, Remains.UNFINISHED_INITIALIZATION) and initialize is not None:
        # With the version that was read, so that it can't undo what another member has begun meanwhile.
        version = metadata["resourceVersion"]
        config_map("PATCH", {"metadata": {"resourceVersion": version, "annotations": {"initialize": None}}})
    if remains is not Remains.UNFINISHED_INITIALIZATION:
        marker.remove(settings)


def ready_volume(settings: Settings) -> None:
    unfinished = marker.read(settings)
    if unfinished is not None:
        clean_up(settings, unfinished)
    # Patroni keeps what a failed bootstrap left; the next attempt needs its space, and the vaults hold the original.
    marker.remove_tree(marker.failed(settings))
    (settings.volume / "spool").mkdir(mode=0o700, exist_ok=True)


def main() -> int:
    ready_volume(read_settings())
    emit("start")
    os.execvp(PATRONI[0], PATRONI)
