"""Who bootstraps the cluster: one member at a time, by its name in Patroni's ConfigMap.

Patroni notes there that somebody bootstraps (the annotation `initialize` is empty), but not who. A member that is ended
meanwhile, by kill -9 as well as by a rolling update, leaves that note for ever, and all members wait for it; and whoever
fails to bootstrap deletes the note, also when it is another's. So the note only says that somebody may try. What keeps two
members apart is a claim of our own: a member that bootstraps writes its name there, and only where no other name stands;
it is removed when the attempt has failed, when the database runs, or by the next life of the same member.
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
from datetime import datetime, timezone
from http import HTTPStatus
from pathlib import Path

from .events import emit, warn

PATRONI_CONFIGURATION = Path("/etc/patroni/patroni.yml")
SCOPE = re.compile(r"^scope: *(\S+)", re.MULTILINE)
SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
API_SECONDS = 10
API_AGAIN_SECONDS = 2.0
# What an API server that starts or is overloaded says: rights not loaded yet, too many requests. 5xx belong to it too.
PASSING = (HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS)

INITIALIZE = "initialize"
HOLDER = "marimo-erp.com/bootstrapped-by"

# Patroni starts marimo-bootstrap, which claims first of all, within the second; a node without CPU may take a few more.
CLAIMING_SECONDS = 20.0
LOOK_AGAIN_SECONDS = 0.5
# Patroni's leader renews its key every few seconds (`loop_wait`); a leader that has not for so long is none.
LEADER_SECONDS = 60.0


class Unavailable(Exception):
    """The Kubernetes API doesn't answer now."""


class Held(Exception):
    """This member may not bootstrap; the message says why."""


@dataclass(frozen=True)
class Claim:
    """`initialize`: the database's system identifier; empty while a member bootstraps; None before. `holder`: the member that
    bootstraps. `version`: the ConfigMap's, for a change that must not undo another's."""

    initialize: str | None
    holder: str | None
    version: str | None


def is_contested() -> bool:
    """Whether other members may bootstrap too. Without Kubernetes, as in tests of the image alone, nobody competes."""
    return "KUBERNETES_SERVICE_HOST" in os.environ


def member() -> str:
    """The pod's name. Not from PATRONI_NAME: Patroni keeps its own variables from what it starts."""
    return socket.gethostname()


def namespace() -> str:
    return (SERVICE_ACCOUNT / "namespace").read_text()


def request(method: str, resource: str, body: object = None) -> dict:
    """Reads or patches an object of the namespace with the pod's own rights; {} if it is not there. Raises Unavailable."""
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"]
    message = urllib.request.Request(
        f"https://{host}:{port}/api/v1/namespaces/{namespace()}/{resource}",
        method=method,
        data=json.dumps(body).encode() if body is not None else None,
        headers={
            "Authorization": f"Bearer {(SERVICE_ACCOUNT / 'token').read_text()}",
            "Content-Type": "application/merge-patch+json",
        },
    )
    context = ssl.create_default_context(cafile=str(SERVICE_ACCOUNT / "ca.crt"))
    try:
        with urllib.request.urlopen(message, timeout=API_SECONDS, context=context) as response:
            return json.load(response)
    except urllib.error.HTTPError as error:
        if error.code == HTTPStatus.NOT_FOUND:
            return {}
        if error.code in PASSING or error.code >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise Unavailable(str(error)) from error
        raise
    except OSError as error:
        raise Unavailable(str(error)) from error


def config_map(part: str) -> str:
    """Path of one of Patroni's ConfigMaps, whose names begin with its scope."""
    scope = SCOPE.search(PATRONI_CONFIGURATION.read_text())
    if scope is None:
        raise ValueError(f"{PATRONI_CONFIGURATION} has no scope")
    return f"configmaps/{scope[1]}-{part}"


def look() -> Claim:
    """Raises Unavailable."""
    metadata = request("GET", config_map("config")).get("metadata", {})
    annotations = metadata.get("annotations", {})
    return Claim(annotations.get(INITIALIZE), annotations.get(HOLDER), metadata.get("resourceVersion"))


def shared_settings() -> dict:
    """Patroni's settings that all members share; waits for the Kubernetes API."""
    while True:
        try:
            annotations = request("GET", config_map("config")).get("metadata", {}).get("annotations", {})
            return json.loads(annotations.get("config", "{}"))
        except Unavailable as error:
            wait_for_api(error)


def wait_for_api(error: Unavailable) -> None:
    warn(f"WARNING claim: the Kubernetes API does not answer as it should ({error}); this member waits for it.")
    time.sleep(API_AGAIN_SECONDS)


def read() -> Claim:
    """Waits for the Kubernetes API where it does not answer, as Patroni does: a crash would only add its back-off."""
    while True:
        try:
            return look()
        except Unavailable as error:
            wait_for_api(error)


def change(claim: Claim, annotations: dict[str, str | None]) -> bool:
    """Changes annotations; False, to be followed by another reading, if the ConfigMap is not the one that was read any more
    or the API did not answer."""
    try:
        body = {"metadata": {"resourceVersion": claim.version, "annotations": annotations}}
        request("PATCH", config_map("config"), body)
    except Unavailable as error:
        # Its answer may be lost and the change be made, so what comes next must read again.
        wait_for_api(error)
        return False
    except urllib.error.HTTPError as error:
        if error.code == HTTPStatus.CONFLICT:
            return False
        raise
    return True


def obstacle(claim: Claim, name: str) -> str | None:
    """Why member `name` may not bootstrap; None if it may."""
    if claim.initialize:
        return f"the cluster has its database (system identifier {claim.initialize})"
    if claim.holder not in (None, name):
        return f"{claim.holder} bootstraps the cluster"
    return None


def take() -> None:
    """Claims the bootstrap for this member. Raises Held."""
    while (claim := read()).holder != member():
        why = obstacle(claim, member())
        if why is not None:
            raise Held(why)
        change(claim, {HOLDER: member()})


def take_in_turn() -> None:
    """Claims the bootstrap as soon as no other member holds it; not at all once the cluster has its database."""
    said = ""
    while True:
        try:
            take()
            return
        except Held as error:
            if read().initialize:
                return
            if said != (said := str(error)):
                warn(f"claim: {said}, so this member waits.")
        time.sleep(LOOK_AGAIN_SECONDS)


def give_up() -> None:
    """Removes this member's claim."""
    while (claim := read()).holder == member():
        change(claim, {HOLDER: None})


def left_behind(claim: Claim, name: str, waited: float) -> bool | None:
    """Whether `name`, which has just started, or a member that was ended before it could claim, has left something behind.

    None if that can't be told yet: without a name somebody is about to claim."""
    if claim.holder == name:
        return True
    if claim.initialize != "" or claim.holder is not None:
        return False
    return True if waited >= CLAIMING_SECONDS else None


def take_back() -> None:
    """Removes what this member's predecessor has left; Patroni's note too, so that somebody tries again."""
    began = time.monotonic()
    while (left := left_behind(claim := read(), member(), time.monotonic() - began)) is not False:
        note = {INITIALIZE: None} if claim.initialize == "" else {}
        if left and change(claim, {HOLDER: None, **note}):
            emit("claim-taken-back", holder=claim.holder, initialize=claim.initialize)
            return
        time.sleep(LOOK_AGAIN_SECONDS)


def somebody_leads(now: datetime) -> bool:
    """Raises Unavailable."""
    annotations = request("GET", config_map("leader")).get("metadata", {}).get("annotations", {})
    if not annotations.get("leader") or "renewTime" not in annotations:
        return False
    return (now - datetime.fromisoformat(annotations["renewTime"])).total_seconds() < LEADER_SECONDS


def nobody_helps() -> bool:
    """Whether a member without a database waits in vain: nobody leads, and nobody can bootstrap. Raises Unavailable."""
    if somebody_leads(datetime.now(timezone.utc)):
        return False
    claim = look()
    if claim.initialize:
        return True
    return claim.holder not in (None, member()) and not request("GET", f"pods/{claim.holder}")
