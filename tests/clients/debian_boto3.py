"""Run by Debian's Python with Debian's boto3 (test_debian_boto3.py): an old SDK's way with one object after the other.
Takes bucket, prefix, endpoint and region; keys and CA come from the environment. Prints the version at the end."""

import io
import random
import sys
import urllib.request
import ssl
import os

import boto3
import boto3.s3.transfer
import botocore.config

bucket, prefix, endpoint, region = sys.argv[1:]
s3 = boto3.client("s3", endpoint_url=endpoint, region_name=region, config=botocore.config.Config(
    signature_version="s3v4", s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}))

body = random.Random(1).randbytes(100000)
where = {"Bucket": bucket, "Key": prefix + "one + ü"}
s3.put_object(**where, Body=body, Metadata={"a": "b"}, ContentType="x/y")
got = s3.get_object(**where)
assert got["Body"].read() == body and got["Metadata"] == {"a": "b"} and got["ContentType"] == "x/y"
assert s3.get_object(**where, Range="bytes=7-9")["Body"].read() == body[7:10]
for algorithm in ("CRC32", "SHA1", "SHA256"):
    put = s3.put_object(**where, Body=body, ChecksumAlgorithm=algorithm)
    got = s3.get_object(**where, ChecksumMode="ENABLED")
    assert got["Body"].read() == body and got["Checksum" + algorithm] == put["Checksum" + algorithm]

large = random.Random(2).randbytes((12 << 20) + 5)
s3.upload_fileobj(io.BytesIO(large), bucket, prefix + "large", Config=boto3.s3.transfer.TransferConfig(
    multipart_threshold=5 << 20, multipart_chunksize=5 << 20))
back = io.BytesIO()
s3.download_fileobj(bucket, prefix + "large", back)
assert back.getvalue() == large
s3.copy_object(Bucket=bucket, Key=prefix + "copy", CopySource={"Bucket": bucket, "Key": prefix + "large"})
assert s3.head_object(Bucket=bucket, Key=prefix + "copy")["ContentLength"] == len(large)

pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix, PaginationConfig={"PageSize": 2})
keys = [row["Key"] for page in pages for row in page["Contents"]]
assert keys == [prefix + name for name in ("copy", "large", "one + ü")], keys

context = ssl.create_default_context(cafile=os.environ["AWS_CA_BUNDLE"])
address = s3.generate_presigned_url("get_object", Params=where)
assert urllib.request.urlopen(address, context=context).read() == body

answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key} for key in keys]})
assert len(answer["Deleted"]) == 3 and "Errors" not in answer
assert s3.list_objects(Bucket=bucket, Prefix=prefix).get("Contents") is None
print(boto3.__version__)
