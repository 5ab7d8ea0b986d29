"""rclone: Debian's 1.60, or the one that RCLONE names."""

from tests.clients.conftest import tree_contents


def at(place, name=""):
    return f"node:{place.bucket}/{place.prefix}{name}"


def test_sync_check_and_list(rclone, place, files):
    tree = files.tree("tree")
    rclone("sync", tree, at(place, "tree"))
    rclone("check", tree, at(place, "tree"))
    rclone("check", "--download", tree, at(place, "tree"))
    assert sorted(rclone("lsf", "-R", "--files-only", at(place, "tree")).stdout.splitlines()) == sorted(
        tree_contents(tree))
    assert sorted(rclone("lsf", at(place, "tree")).stdout.splitlines()) == [f"dir{i}/" for i in range(5)] + [
        "odd names/"]
    (tree / "dir0/sub0/file000.bin").write_bytes(b"changed")
    (tree / "dir1/sub1/file001.bin").unlink()
    assert rclone("check", tree, at(place, "tree"), check=False).returncode != 0
    rclone("sync", tree, at(place, "tree"))
    rclone("sync", at(place, "tree"), files.path("back"))
    assert tree_contents(files.path("back")) == tree_contents(tree)


def test_times_survive(rclone, place, files):
    tree = files.tree("tree", 3)
    rclone("copy", tree, at(place, "tree"))
    assert "0 B" in rclone("copy", "-v", tree, at(place, "tree")).stderr
    want = rclone("lsf", "-R", "--files-only", "--format", "tp", tree).stdout
    got = rclone("lsf", "-R", "--files-only", "--format", "tp", at(place, "tree")).stdout
    assert sorted(got.splitlines()) == sorted(want.splitlines())


def test_copy_at_the_server_and_delete(rclone, place, files):
    path = files.make("one", 100000)
    rclone("copyto", path, at(place, "one"))
    told = rclone("copyto", "-v", at(place, "one"), at(place, "two +ü")).stderr
    assert "Copied (server-side copy)" in told
    assert rclone("cat", at(place, "two +ü"), text=False).stdout == path.read_bytes()
    rclone("moveto", at(place, "one"), at(place, "three"))
    rclone("deletefile", at(place, "two +ü"))
    assert rclone("lsf", at(place)).stdout.splitlines() == ["three"]
    rclone("purge", at(place))
    assert rclone("lsf", at(place), check=False).stdout == ""


def test_large_file_in_parts_and_streamed(rclone, place, files):
    path = files.make("large", 12 << 20)
    rclone("copyto", "--s3-upload-cutoff", "5M", "--s3-chunk-size", "5M", path, at(place, "large"))
    rclone("rcat", at(place, "streamed"), stdin=path.read_bytes())
    for name in ("large", "streamed"):
        assert rclone("cat", at(place, name), text=False).stdout == path.read_bytes()
    assert rclone("cat", "--offset", "5242870", "--count", "20", at(place, "large"), text=False).stdout == (
        path.read_bytes()[5242870:5242890])
