"""A Kubernetes API server that keeps what it is given: enough for Helm to install, upgrade, test and uninstall a chart.

It checks objects strictly against the schemas of one Kubernetes version and says at once that pods are done. It proves
what Helm does, in which order, and what `lookup` finds; it has no admission, no defaults, no scheduling and no real
server-side apply (an applied object replaces the one before it).
"""

import base64
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import kubernetes_validate
import yaml

VERSION = "1.33"

# (group, version) -> {plural: kind}
KINDS = {
    ("", "v1"): {
        "configmaps": "ConfigMap",
        "events": "Event",
        "persistentvolumeclaims": "PersistentVolumeClaim",
        "pods": "Pod",
        "secrets": "Secret",
        "serviceaccounts": "ServiceAccount",
        "services": "Service",
    },
    ("apps", "v1"): {"deployments": "Deployment", "replicasets": "ReplicaSet", "statefulsets": "StatefulSet"},
}
VERBS = ["create", "delete", "get", "list", "patch", "update", "watch"]
OBJECT = re.compile(
    r"/(?:api|apis/(?P<group>[^/]+))/(?P<version>[^/]+)/namespaces/(?P<namespace>[^/]+)/(?P<plural>[^/]+)(?:/(?P<name>[^/]+))?"
)


class Refused(Exception):
    """An answer that is an error: an HTTP status and Kubernetes's name for it."""

    def __init__(self, code: int, reason: str, message: str):
        super().__init__(message)
        self.status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason, "message": message}


def group_version(group: str, version: str) -> str:
    return f"{group}/{version}" if group else version


def discovery(path: str) -> dict | None:
    """The documents in which a client finds out what the server can do."""
    root = {(f"/apis/{group}" if group else "/api") + f"/{version}": (group, version) for group, version in KINDS}
    if path == "/version":
        return {"major": "1", "minor": VERSION.split(".")[1], "gitVersion": f"v{VERSION}.0"}
    if path == "/api":
        return {"kind": "APIVersions", "versions": ["v1"]}
    if path == "/apis":
        versions = [{"groupVersion": group_version(*key), "version": key[1]} for key in KINDS if key[0]]
        groups = [{"name": v["groupVersion"].split("/")[0], "versions": [v], "preferredVersion": v} for v in versions]
        return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}
    if path == "/openapi/v3":
        return {"paths": {at.removeprefix("/"): {"serverRelativeURL": f"/openapi/v3{at}"} for at in root}}
    if (at := path.removeprefix("/openapi/v3")) != path and at in root:
        return openapi(at, *root[at])
    if path in root:
        resources = [
            {"name": plural, "singularName": kind.lower(), "kind": kind, "namespaced": True, "verbs": VERBS}
            for plural, kind in KINDS[root[path]].items()
        ]
        return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version(*root[path]), "resources": resources}
    return None


def openapi(at: str, group: str, version: str) -> dict:
    """Says of each kind that PATCH takes `fieldValidation`, which is what clients look for here."""
    parameter = {"name": "fieldValidation", "in": "query", "schema": {"type": "string"}}
    paths = {
        f"{at}/namespaces/{{namespace}}/{plural}/{{name}}": {
            "patch": {
                "parameters": [parameter],
                "responses": {},
                "x-kubernetes-action": "patch",
                "x-kubernetes-group-version-kind": {"group": group, "version": version, "kind": kind},
            }
        }
        for plural, kind in KINDS[group, version].items()
    }
    return {"openapi": "3.0.0", "info": {"title": "fake", "version": VERSION}, "paths": paths}


class Objects:
    """What the server holds: {(plural, namespace, name): object}."""

    def __init__(self):
        self.lock = threading.RLock()
        self._held: dict[tuple[str, str, str], dict] = {}
        self._revision = 0

    def of(self, plural: str, namespace: str) -> dict[str, dict]:
        """The objects of one kind by name."""
        return {key[2]: held for key, held in self._held.items() if key[:2] == (plural, namespace)}

    def get(self, key: tuple[str, str, str]) -> dict:
        if key not in self._held:
            raise Refused(404, "NotFound", f'{key[0]} "{key[2]}" not found')
        return self._held[key]

    def put(self, key: tuple[str, str, str], given: dict, dry_run: bool) -> dict:
        try:
            kubernetes_validate.validate(given, VERSION, strict=True)
        except kubernetes_validate.ValidationError as error:
            raise Refused(422, "Invalid", f"{key[0]} {key[2]}: {error.message}") from None
        self._revision += 1
        metadata = {**given["metadata"], "namespace": key[1], "uid": f"{key[0]}-{key[2]}", "resourceVersion": str(self._revision)}
        stored = {**given, "metadata": metadata}
        if stored.get("stringData"):
            stored = with_data(stored)
        if stored["kind"] == "Pod":
            stored["status"] = {"phase": "Succeeded"}
        if not dry_run:
            self._held[key] = stored
        return stored

    def delete(self, key: tuple[str, str, str]) -> dict:
        self.get(key)
        del self._held[key]
        return {"kind": "Status", "apiVersion": "v1", "status": "Success"}


def with_data(secret: dict) -> dict:
    """A Secret as servers store it: `stringData` goes into `data`, and is never read back."""
    encoded = {key: base64.b64encode(text.encode()).decode() for key, text in secret["stringData"].items()}
    stored = {**secret, "data": {**secret.get("data", {}), **encoded}}
    del stored["stringData"]
    return stored


class FakeCluster:
    """The server on a loopback port, as a context manager. `objects` is what it holds, `kubeconfig` points to it."""

    def __init__(self):
        self.objects = Objects()
        objects = self.objects

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def serve(self):
                length = int(self.headers.get("Content-Length") or 0)
                # JSON is YAML, so both kinds of body are read alike.
                body = yaml.safe_load(self.rfile.read(length)) if length else None
                try:
                    code, answer = 200, handle(objects, self.command, urlsplit(self.path), body)
                except Refused as refused:
                    code, answer = refused.status["code"], refused.status
                payload = json.dumps(answer).encode()
                self.send_response(code)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(payload)))
                self.end_headers()
                self.wfile.write(payload)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = serve

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        address = f"http://127.0.0.1:{self._server.server_address[1]}"
        self.kubeconfig = json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [{"name": "fake", "cluster": {"server": address}}],
                "users": [{"name": "fake", "user": {}}],
                "contexts": [{"name": "fake", "context": {"cluster": "fake", "user": "fake"}}],
                "current-context": "fake",
            }
        )

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()


def handle(objects: Objects, method: str, url, body: dict | None) -> dict:
    """Answers one request."""
    if method == "GET" and (found := discovery(url.path)) is not None:
        return found
    match = OBJECT.fullmatch(url.path)
    if not match or (match["group"] or "", match["version"]) not in KINDS:
        raise Refused(404, "NotFound", url.path)
    query = parse_qs(url.query)
    kinds = KINDS[match["group"] or "", match["version"]]
    name = match["name"] or (body or {}).get("metadata", {}).get("name")
    key = (match["plural"], match["namespace"], name)
    with objects.lock:
        if method == "GET" and match["name"]:
            return objects.get(key)
        if method == "GET":
            # Clients fall back from watching to asking again.
            if "watch" in query:
                raise Refused(422, "Invalid", "no watches here")
            items = [held for held in objects.of(*key[:2]).values() if selected(held, query)]
            kind = kinds[match["plural"]]
            return {"kind": f"{kind}List", "apiVersion": group_version(match["group"] or "", match["version"]), "metadata": {}, "items": items}
        if method == "DELETE":
            return objects.delete(key)
        if method == "POST" and name in objects.of(*key[:2]):
            raise Refused(409, "AlreadyExists", name)
        return objects.put(key, body, "dryRun" in query)


def selected(held: dict, query: dict) -> bool:
    """Whether an object is meant by a list's `fieldSelector` on its name."""
    wanted = [part.removeprefix("metadata.name=") for part in query.get("fieldSelector", []) if part.startswith("metadata.name=")]
    return all(held["metadata"]["name"] == name for name in wanted)
