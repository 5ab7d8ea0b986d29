"""boto3: listings in both versions, with pages, delimiters and encoded keys."""

import pytest

NAMES = sorted(["a", "a b", "a+b", "a/1", "a/2", "a/ü/1", "b/", "b/x%20y", "b/x+y", "b/&<>", "c\n", "z"],
               key=lambda name: name.encode())


@pytest.fixture
def filled(s3, place):
    for name in NAMES:
        s3.put_object(Bucket=place.bucket, Key=place.key(name), Body=name.encode())
    return place


def collect(s3, operation, place, rows="Contents", **arguments):
    """(keys, common prefixes) of all pages, below the place."""
    keys, prefixes = [], []
    arguments.setdefault("Prefix", place.prefix)
    for page in s3.get_paginator(operation).paginate(Bucket=place.bucket, **arguments):
        keys += [row["Key"][len(place.prefix):] for row in page.get(rows, [])]
        prefixes += [row["Prefix"][len(place.prefix):] for row in page.get("CommonPrefixes", [])]
    return keys, prefixes


OPERATIONS = [("list_objects", "Contents"), ("list_objects_v2", "Contents"), ("list_object_versions", "Versions")]


@pytest.mark.parametrize("operation,rows", OPERATIONS)
@pytest.mark.parametrize("page", [1, 3, 1000])
def test_every_key_once_and_in_byte_order(s3, filled, operation, rows, page):
    keys, prefixes = collect(s3, operation, filled, rows, PaginationConfig={"PageSize": page})
    assert keys == NAMES and prefixes == []


@pytest.mark.parametrize("operation,rows", OPERATIONS)
@pytest.mark.parametrize("page", [1, 2, 1000])
def test_delimiter_folds_folders(s3, filled, operation, rows, page):
    config = {"PageSize": page}
    keys, prefixes = collect(s3, operation, filled, rows, Delimiter="/", PaginationConfig=config)
    assert (keys, prefixes) == ([name for name in NAMES if "/" not in name], ["a/", "b/"])
    keys, prefixes = collect(s3, operation, filled, rows, Delimiter="/", Prefix=filled.key("a/"),
                             PaginationConfig=config)
    assert (keys, prefixes) == (["a/1", "a/2"], ["a/ü/"])
    keys, prefixes = collect(s3, operation, filled, rows, Delimiter="/", Prefix=filled.key("b/"),
                             PaginationConfig=config)
    assert (keys, prefixes) == (["b/", "b/&<>", "b/x%20y", "b/x+y"], [])
    keys, prefixes = collect(s3, operation, filled, rows, Delimiter=" b", PaginationConfig=config)
    assert (keys, prefixes) == ([name for name in NAMES if name != "a b"], ["a b"])


def test_keys_only_after_a_given_one(s3, filled):
    keys, _ = collect(s3, "list_objects_v2", filled, StartAfter=filled.key("a/2"))
    assert keys == [name for name in NAMES if name.encode() > b"a/2"]
    answer = s3.list_objects(Bucket=filled.bucket, Prefix=filled.prefix, Marker=filled.key("a/2"))
    assert [row["Key"][len(filled.prefix):] for row in answer["Contents"]] == keys


def test_counts_and_truncation_are_told(s3, filled):
    answer = s3.list_objects_v2(Bucket=filled.bucket, Prefix=filled.prefix, Delimiter="/", MaxKeys=2)
    assert answer["IsTruncated"] and answer["KeyCount"] == 2 and answer["MaxKeys"] == 2
    assert answer["NextContinuationToken"]
    answer = s3.list_objects_v2(Bucket=filled.bucket, Prefix=filled.prefix, MaxKeys=len(NAMES))
    assert not answer["IsTruncated"] and answer["KeyCount"] == len(NAMES)
    answer = s3.list_objects_v2(Bucket=filled.bucket, Prefix=filled.prefix, MaxKeys=0)
    assert answer["KeyCount"] == 0 and "Contents" not in answer and not answer["IsTruncated"]
    assert "Owner" in s3.list_objects_v2(Bucket=filled.bucket, Prefix=filled.prefix, FetchOwner=True)["Contents"][0]


def test_a_listing_is_at_most_1000_long(s3, place):
    for number in range(1003):
        s3.put_object(Bucket=place.bucket, Key=place.key(f"{number:05}"), Body=b"")
    answer = s3.list_objects_v2(Bucket=place.bucket, Prefix=place.prefix, MaxKeys=5000)
    assert answer["KeyCount"] == 1000 and answer["IsTruncated"]
    keys, _ = collect(s3, "list_objects_v2", place)
    assert keys == [f"{number:05}" for number in range(1003)]


def test_listing_nothing(s3, place):
    answer = s3.list_objects_v2(Bucket=place.bucket, Prefix=place.key("nothing here"))
    assert answer["KeyCount"] == 0 and not answer["IsTruncated"] and "Contents" not in answer


@pytest.mark.own_bucket
def test_a_write_is_in_the_next_listing(s3, own_bucket):
    for number in range(20):
        s3.put_object(Bucket=own_bucket, Key=f"{number:02}", Body=b"")
        assert s3.list_objects_v2(Bucket=own_bucket)["KeyCount"] == number + 1
    for number in range(20):
        s3.delete_object(Bucket=own_bucket, Key=f"{number:02}")
        assert s3.list_objects_v2(Bucket=own_bucket)["KeyCount"] == 19 - number
