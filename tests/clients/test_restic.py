"""restic 0.14: a backup that can be restored."""

import json

from tests.clients.conftest import tree_contents


def test_backup_check_and_restore(restic, files):
    tree = files.tree("tree")
    files.make("tree/large.bin", 9 << 20)
    restic("init")
    restic("backup", "--tag", "first", tree)
    (tree / "dir0/sub0/file000.bin").write_bytes(b"second version")
    (tree / "dir1/sub1/file001.bin").unlink()
    restic("backup", "--tag", "second", tree)
    restic("check", "--read-data")
    snapshots = json.loads(restic("snapshots", "--json").stdout)
    assert [row["tags"] for row in snapshots] == [["first"], ["second"]]
    told = restic("diff", snapshots[0]["id"], snapshots[1]["id"]).stdout
    assert "file001.bin" in told and "file000.bin" in told
    restic("restore", "latest", "--target", files.path("back"))
    assert tree_contents(files.path("back") / str(tree)[1:]) == tree_contents(tree)
    restic("forget", "--keep-last", "1", "--prune")
    restic("check")
    restic("restore", "latest", "--target", files.path("again"))
    assert tree_contents(files.path("again") / str(tree)[1:]) == tree_contents(tree)


def test_wrong_password_is_refused(restic):
    restic("init")
    restic.env["RESTIC_PASSWORD"] = "another"
    refused = restic("snapshots", check=False)
    assert refused.returncode != 0 and "wrong password" in refused.stderr
