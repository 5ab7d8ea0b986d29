"""A container image of Debian's static busybox, as an OCI layout directory."""

import hashlib
import io
import json
import os
import platform
import tarfile

BUSYBOX = "/bin/busybox"
NEEDED = (BUSYBOX, "/usr/bin/crun", "/usr/bin/conmon")
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def missing_for_containers():
    """What this machine lacks to run a container; empty when nothing."""
    missing = [path for path in NEEDED if not os.path.exists(path)]
    return missing if os.geteuid() == 0 else missing + ["root"]


def make_layer():
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name in ("bin", "tmp", "in", "out", "etc", "proc", "dev", "sys"):
            folder = tarfile.TarInfo(name)
            folder.type, folder.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(folder)
        tar.add(BUSYBOX, "bin/busybox")
        for applet in ("sh", "cat", "sleep", "wc", "echo", "sha256sum"):
            link = tarfile.TarInfo(f"bin/{applet}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
    return out.getvalue()


def write_layout(directory):
    """Writes the layout below `directory` (made here) and returns it."""
    blobs = directory / "blobs" / "sha256"
    blobs.mkdir(parents=True)

    def blob(content, media_type):
        digest = hashlib.sha256(content).hexdigest()
        (blobs / digest).write_bytes(content)
        return {"mediaType": f"application/vnd.oci.image.{media_type}", "digest": f"sha256:{digest}", "size": len(content)}

    architecture = ARCHITECTURES.get(platform.machine(), platform.machine())
    layer = blob(make_layer(), "layer.v1.tar")
    config = blob(json.dumps({
        "architecture": architecture, "os": "linux", "config": {"Env": ["PATH=/bin"], "Cmd": ["/bin/sh"]},
        "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]}}).encode(), "config.v1+json")
    manifest = blob(json.dumps({"schemaVersion": 2, "config": config, "layers": [layer]}).encode(), "manifest.v1+json")
    manifest["platform"] = {"os": "linux", "architecture": architecture}
    (directory / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [manifest]}))
    (directory / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    return directory
