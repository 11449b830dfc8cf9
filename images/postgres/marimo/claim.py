"""Which member holds Patroni's right to bootstrap the cluster.

Patroni notes in its ConfigMap that somebody bootstraps (the annotation `initialize` is empty), but not who. A member that
is ended meanwhile, by kill -9 as well as by a rolling update, leaves that note for ever, and all members wait for it. So the
one that bootstraps writes its name beside it, and a member that starts takes back what its predecessor has left.
"""

import json
import os
import re
import socket
import ssl
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from .events import emit, warn

PATRONI_CONFIGURATION = Path("/etc/patroni/patroni.yml")
SCOPE = re.compile(r"^scope: *(\S+)", re.MULTILINE)
SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
API_SECONDS = 10
API_AGAIN_SECONDS = 2.0

INITIALIZE = "initialize"
HOLDER = "marimo-erp.com/bootstrapped-by"

# Patroni starts marimo-bootstrap, which signs first of all, within the second; a node without CPU may take a few more.
SIGNING_SECONDS = 20.0
LOOK_AGAIN_SECONDS = 0.5


class Withdrawn(Exception):
    """Another member took the right to bootstrap back before this one had signed for it."""


@dataclass(frozen=True)
class Claim:
    """`initialize`: the database's system identifier; empty while a member bootstraps; None before. `holder`: who signed
    last. `version`: the ConfigMap's, for a change that must not undo another's."""

    initialize: str | None
    holder: str | None
    version: str | None


def member() -> str:
    """The pod's name. Not from PATRONI_NAME: Patroni keeps its own variables from what it starts."""
    return socket.gethostname()


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


def read() -> Claim:
    """Waits for the Kubernetes API where it does not answer, as Patroni does: a crash would only add its back-off."""
    while True:
        try:
            metadata = config_map("GET").get("metadata", {})
            break
        except urllib.error.HTTPError:
            raise
        except OSError as error:
            warn(f"WARNING claim: the Kubernetes API does not answer ({error}); the database waits for it.")
            time.sleep(API_AGAIN_SECONDS)
    annotations = metadata.get("annotations", {})
    return Claim(annotations.get(INITIALIZE), annotations.get(HOLDER), metadata.get("resourceVersion"))


def change(claim: Claim, annotations: dict[str, str | None]) -> bool:
    """Changes annotations; False if the ConfigMap is not the one that was read any more."""
    try:
        config_map("PATCH", {"metadata": {"resourceVersion": claim.version, "annotations": annotations}})
    except urllib.error.HTTPError as error:
        if error.code == HTTPStatus.CONFLICT:
            return False
        raise
    return True


def sign() -> None:
    """Writes this member's name beside the right that Patroni has just taken.

    Raises Withdrawn if it is not there any more; nothing may be written anywhere then.
    """
    while (claim := read()).initialize == "":
        if change(claim, {HOLDER: member()}):
            return
    raise Withdrawn(f"the right to bootstrap was taken back ({INITIALIZE} is {claim.initialize})")


def left_behind(claim: Claim, member: str, waited: float) -> bool | None:
    """Whether the right to bootstrap is `member`'s own, from a life that has ended; None if that can't be told yet.

    Without a name its holder is about to sign, or was ended just before it could."""
    if claim.initialize != "" or claim.holder not in (None, member):
        return False
    return True if claim.holder == member or waited >= SIGNING_SECONDS else None


def take_back() -> None:
    """Frees the right to bootstrap if this member's predecessor held it."""
    began = time.monotonic()
    while (left := left_behind(claim := read(), member(), time.monotonic() - began)) is not False:
        if left and change(claim, {INITIALIZE: None, HOLDER: None}):
            emit("bootstrap-taken-back", holder=claim.holder)
            return
        time.sleep(LOOK_AGAIN_SECONDS)
