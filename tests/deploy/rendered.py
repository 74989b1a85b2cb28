"""Manifests as kubectl renders them."""

import pathlib
import re
import shutil
import subprocess

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
KUBERNETES = ROOT / "deploy/kubernetes"
MINOR_MIN = 27  # the first whose kustomize knows everything that is used here


def folders():
    """Folders that one applies, ascending: kustomizations that are no component."""
    found = []
    for path in sorted(KUBERNETES.rglob("kustomization.yaml")):
        if yaml.safe_load(path.read_text(encoding="utf-8"))["kind"] == "Kustomization":
            found.append(path.parent)
    return found


def why_not():
    """Why nothing can be rendered here, or None."""
    if shutil.which("kubectl") is None:
        return "kubectl is absent"
    text = subprocess.run(
        ["kubectl", "version", "--client"], capture_output=True, text=True, check=False
    ).stdout
    version = re.search(r"v1\.(\d+)", text)
    if version is None or int(version.group(1)) < MINOR_MIN:
        return f"kubectl is older than 1.{MINOR_MIN}: {text.strip()}"
    return None


def render(folder):
    """Objects that `kubectl apply -k folder` would apply."""
    done = subprocess.run(
        ["kubectl", "kustomize", str(folder)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise ValueError(f"{folder.relative_to(ROOT)}: {done.stderr.strip()}")
    return [found for found in yaml.safe_load_all(done.stdout) if found]


def name_of(item):
    """Kind and name, for messages."""
    return f"{item['kind']}/{item['metadata']['name']}"


def pod_spec(item):
    """The pod's spec of a workload, or None."""
    template = item.get("spec", {}).get("template")
    return template.get("spec") if isinstance(template, dict) else None


def containers(spec):
    """All containers of a pod's spec: those that end first, those that stay, sidecars."""
    return spec.get("initContainers", []) + spec.get("containers", [])
