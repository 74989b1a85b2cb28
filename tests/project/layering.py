#!/usr/bin/env python3
"""Includes obey the one-way rule: each layer sees only the layers that it is allowed to."""

import sources

# Folder prefix -> folders that it may include from; the longest prefix counts.
ALLOWED = {
    "kernels": {"kernels"},
    "proto": {"proto"},
    "server/engine": {"kernels", "server/engine"},
    "server/rpc": {"kernels", "server/engine", "server/rpc", "proto"},
    "server": {"kernels", "server", "proto"},
    "client": {"kernels", "client", "proto"},
    "client/include": {"kernels", "client/include"},
    "client/cpp": {"kernels", "client/include", "client/cpp", "proto"},
    "client/python": {"kernels", "client/include", "client/python"},
    "tests": {"kernels", "server", "client", "tests", "proto"},
    "tests/kernels": {"kernels", "tests"},
    "tests/engine": {"kernels", "server/engine", "tests"},
}

# Folder prefix -> starts of system headers that its files must not name, and why.
FORBIDDEN = {
    "kernels": {
        "grpc": "no transport", "google/": "no proto", "spdlog/": "no logging",
        "iostream": "no logging", "thread": "kernels start no threads",
        "future": "kernels start no threads",
    },
    "server/engine": {
        "grpc": "no transport", "google/": "no proto", "spdlog/": "no logging",
        "iostream": "no logging", "prometheus/": "no metrics library",
    },
}


OURS = {"kernels", "server", "client", "tests", "proto"}


def folder_of(name):
    """The path behind an include: kvsift/v1 is generated, the rest of kvsift is the client's."""
    if name.startswith("kvsift/v1/"):
        return "proto/" + name
    return "client/include/" + name if name.startswith("kvsift/") else name


def is_under(path, folder):
    return path == folder or path.startswith(folder + "/")


def layer_of(path):
    return max((folder for folder in ALLOWED if is_under(path, folder)), key=len)


def check(path, text):
    """Problems of one file."""
    problems = []
    layer = layer_of(path)
    for is_quoted, name in sources.includes(text):
        name = folder_of(name)
        ours = name.split("/")[0] in OURS
        if is_quoted and "/" not in name:
            problems.append(f'{path}: "{name}": name our headers from the root')
        if ours and not any(is_under(name, folder) for folder in ALLOWED[layer]):
            problems.append(f'{path}: {layer} must not include "{name}"')
        for folder, starts in FORBIDDEN.items():
            for start, why in starts.items():
                if is_under(path, folder) and name.startswith(start):
                    problems.append(f"{path}: <{name}>: {why}")
    return problems


def self_check():
    assert check("kernels/a.cc", '#include "server/engine/engine.h"\n')
    assert check("kernels/a.cc", "#include <thread>\n")
    assert check("server/engine/a.h", '#include "kvsift/v1/store.pb.h"\n')
    assert check("server/engine/a.h", "#include <grpcpp/grpcpp.h>\n")
    assert check("client/cpp/a.cc", '#include "server/engine/engine.h"\n')
    assert check("client/include/kvsift/a.h", '#include "kvsift/v1/store.pb.h"\n')
    assert not check("server/rpc/a.cc", '#include "kvsift/v1/store.pb.h"\n#include <thread>\n')


self_check()
files = sources.code_files(".h", ".cc")
found = [problem for file in files for problem in check(str(file), sources.read(file))]
sources.finish("layering", found, len(files))
