#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/result.h"

namespace dl::format {

// Limits of a record (data model); each has a test at the limit and one past it.
inline constexpr size_t kMaxRecordBytes = 64 * 1024;
inline constexpr size_t kMaxParents = 64;
inline constexpr size_t kMaxEnds = 512;
inline constexpr size_t kMaxKeyBytes = 1024;
inline constexpr size_t kMaxValueBytes = 16 * 1024;

enum class RecordKind : uint8_t { kObject = 1, kMarker = 2, kPurge = 3, kAttributes = 4 };
enum class ClockTrust : uint8_t { kUnknown = 0, kSynced = 1 };
enum class ChecksumKind : uint8_t { kCrc32 = 1, kCrc32c = 2, kCrc64Nvme = 3, kSha1 = 4, kSha256 = 5 };

struct Checksum {
  ChecksumKind kind = ChecksumKind::kCrc32;
  Bytes value;             // raw, big-endian
  bool composite = false;  // of the parts' checksums
  uint32_t parts = 0;
  bool operator==(const Checksum&) const = default;
};
struct Header {
  std::string name, value;
  bool operator==(const Header&) const = default;
};
struct PartRun {
  uint64_t size = 0;
  uint32_t count = 0;
  bool operator==(const PartRun&) const = default;
};
struct ObjectFields {
  uint64_t size = 0;
  Sha256 body_hash;
  std::string etag;
  std::vector<Checksum> checksums;
  std::vector<Header> headers;        // content headers, lower-case names
  std::vector<Header> user_metadata;  // without x-amz-meta-
  std::vector<PartRun> part_runs;     // empty: a single body
  std::string storage_class;          // empty: STANDARD
  bool operator==(const ObjectFields&) const = default;
};
template <class T>
struct Attribute {
  T value{};
  std::vector<RecordHash> seen;  // setters that the writer's node showed
  bool operator==(const Attribute&) const = default;
};
struct Retention {
  uint64_t until_millis = 0;
  bool compliance = false;
  bool operator==(const Retention&) const = default;
};
struct AttributeFields {
  std::optional<Attribute<std::vector<Header>>> tags;
  std::optional<Attribute<Retention>> retention;
  std::optional<Attribute<bool>> hold;
  std::optional<Attribute<Bytes>> acl;
  bool empty() const { return !tags && !retention && !hold && !acl; }
  bool operator==(const AttributeFields&) const = default;
};

// One write of one key, as its writer saw the world. Immutable; its identity is the SHA-256 of its encoded bytes.
struct Record {
  RecordKind kind = RecordKind::kObject;
  BucketId space;
  NodeId origin;
  uint64_t oseq = 0;
  std::optional<RecordHash> previous;
  Bytes key;
  std::vector<RecordHash> parents;
  std::vector<RecordHash> ends;
  std::optional<RecordHash> target;
  bool guard = false;
  Hlc hlc;
  ClockTrust clock_trust = ClockTrust::kUnknown;
  std::string principal;
  uint64_t policy_revision = 0;
  bool null = false;
  bool settles = false;            // for people; no rule reads it
  bool bypass_governance = false;  // purge: may end a version under governance retention
  bool unlisted = false;           // marker of a bucket that was never versioned: no listing shows it
  std::optional<ObjectFields> object;
  AttributeFields attributes;
  std::optional<Bytes> value;
  Bytes body_envelope;  // not empty: the record is held
  bool operator==(const Record&) const = default;
};

// The part list of a multipart body. body_hash is SHA-256 over (8-byte big-endian size, SHA-256) of each part.
struct BodyManifest {
  struct Part {
    uint64_t size = 0;
    Sha256 sha256;
    bool operator==(const Part&) const = default;
  };
  std::vector<Part> parts;
  bool operator==(const BodyManifest&) const = default;
};

// Errors: kTooLarge past a limit above; kInvalid for a record that decode_record would refuse.
Result<Bytes> encode_record(const Record& record);
// Accepts any bytes. Errors: kCorrupt when it is no record, kTooLarge past a limit, kUnsupported for a newer format.
Result<Record> decode_record(BytesView bytes);

Bytes encode_manifest(const BodyManifest& manifest);
// Accepts any bytes. Errors: kCorrupt; kTooLarge past limits::kMaxParts parts.
Result<BodyManifest> decode_manifest(BytesView bytes);

// The device that a journal belongs to, in the first seal of that journal.
struct Incarnation {
  DeviceId device;
  NodeId node;
  NodeId previous_node;  // zero: the device's first
  bool operator==(const Incarnation&) const = default;
};
// A signature over a range of one journal (oseq), or of a home's history (csn).
struct Seal {
  BucketId space;
  NodeId origin;
  bool history = false;
  uint64_t from = 0, to = 0;  // both inclusive
  Sha256 root;      // SHA-256 chained over the record hashes (of a history: over the live set's fingerprint at `to`)
  Sha256 previous;  // of the seal before; zero for the first
  std::optional<Incarnation> incarnation;
  Bytes signature;  // over encode_seal() of the seal with an empty signature
  bool operator==(const Seal&) const = default;
};
Bytes encode_seal(const Seal& seal);
// Accepts any bytes. Errors: kCorrupt, kUnsupported.
Result<Seal> decode_seal(BytesView bytes);

}  // namespace dl::format
