"""Checksums as S3 writes them (base64, big endian), computed by the tests themselves."""

import base64
import hashlib
import zlib

ALGORITHMS = ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"]


def crt():
    """awscrt.checksums, or None where the package is missing (CRC32C and CRC64NVME then can't be judged)."""
    try:
        import awscrt.checksums
    except ImportError:
        return None
    return awscrt.checksums


def is_available(algorithm):
    return algorithm not in ("CRC32C", "CRC64NVME") or crt() is not None


def raw(algorithm, data):
    if algorithm == "CRC32":
        return zlib.crc32(data).to_bytes(4, "big")
    if algorithm == "CRC32C":
        return crt().crc32c(data).to_bytes(4, "big")
    if algorithm == "CRC64NVME":
        return crt().crc64nvme(data).to_bytes(8, "big")
    return hashlib.new(algorithm.lower(), data).digest()


def encoded(algorithm, data):
    return base64.b64encode(raw(algorithm, data)).decode()


def composite(algorithm, parts):
    """Checksum of checksums with the number of parts, as multipart uploads of type COMPOSITE have."""
    joined = raw(algorithm, b"".join(raw(algorithm, part) for part in parts))
    return f"{base64.b64encode(joined).decode()}-{len(parts)}"
