"""What pods of kvsift keep to beyond being valid: restricted, probed, with options that exist."""

import re

from rendered import containers, name_of, pod_spec

OPTION = re.compile(r"--[a-z][a-z0-9-]+")


def restriction_problems(item):
    """Where a workload would not pass the restricted Pod Security Standard, or asks for no resources."""
    spec = pod_spec(item)
    where = name_of(item)
    problems = []
    pod = spec.get("securityContext", {})
    if pod.get("runAsNonRoot") is not True or not pod.get("runAsUser"):
        problems.append(f"{where}: runs as root")
    if pod.get("seccompProfile", {}).get("type") != "RuntimeDefault":
        problems.append(f"{where}: no seccomp profile")
    if spec.get("automountServiceAccountToken") is not False and spec.get("serviceAccountName"):
        problems.append(f"{where}: has a token of its account")
    for container in containers(spec):
        own = container.get("securityContext", {})
        if (
            own.get("allowPrivilegeEscalation") is not False
            or own.get("capabilities", {}).get("drop") != ["ALL"]
            or own.get("readOnlyRootFilesystem") is not True
        ):
            problems.append(f"{where}: container {container['name']} is not restricted")
        resources = container.get("resources", {})
        if "memory" not in resources.get("limits", {}) or "cpu" not in resources.get(
            "requests", {}
        ):
            problems.append(f"{where}: container {container['name']} has no requests or limits")
    return problems


def volume_problems(item, config_maps):
    """Mounts without a volume, volumes of configuration that is not there."""
    spec = pod_spec(item)
    where = name_of(item)
    volumes = {volume["name"]: volume for volume in spec.get("volumes", [])}
    problems = []
    for container in containers(spec):
        for mount in container.get("volumeMounts", []):
            if mount["name"] not in volumes:
                problems.append(f"{where}: nothing to mount as {mount['name']}")
    for volume in volumes.values():
        wanted = volume.get("configMap", {}).get("name")
        if wanted and wanted not in config_maps:
            problems.append(f"{where}: no ConfigMap {wanted}")
    return problems


def server_arguments(container):
    """The command line of a container's kvsift-server, or None."""
    for variable in container.get("env", []):
        if variable["name"] == "KVSIFT_ARGUMENTS":
            return variable["value"].split()
    if "command" not in container and container["image"].startswith("localhost/kvsift:"):
        return container.get("args", [])
    return None


def server_problems(item, options):
    """Options that kvsift-server does not have or has twice, probes that ask nobody."""
    problems = []
    for container in containers(pod_spec(item)):
        where = f"{name_of(item)}: {container['name']}"
        arguments = server_arguments(container)
        if arguments is None:
            continue
        given = [OPTION.match(argument).group() for argument in arguments]
        problems += [
            f"{where}: kvsift-server has no {option}" for option in given if option not in options
        ]
        problems += [
            f"{where}: {option} twice"
            for option in set(given) - {"--listen"}
            if given.count(option) > 1
        ]
        if "--memory" not in given:
            problems.append(f"{where}: no --memory, so that nobody sees what the limit must hold")
        for probe in ("startupProbe", "livenessProbe"):
            if container.get(probe, {}).get("grpc", {}).get("port") != 7602:
                problems.append(f"{where}: no {probe}")
    return problems


def load_problems(item, options):
    """Options that kvsift-load does not have."""
    problems = []
    for container in containers(pod_spec(item)):
        if "/opt/kvsift/bin/kvsift-load" in container.get("command", []):
            for argument in container.get("args", []):
                option = OPTION.match(argument).group()
                if option not in options:
                    problems.append(f"{name_of(item)}: kvsift-load has no {option}")
    return problems
