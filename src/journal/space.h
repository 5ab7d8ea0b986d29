#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "format/record.h"
#include "journal/attributes.h"
#include "journal/rules.h"
#include "storage/blob_store.h"
#include "storage/partition.h"

// What the rest of the program reads and writes of a space's versions. All functions work on a View or a Batch and do
// no other I/O; those that take a Batch are called inside a step. Other nodes' records come in through
// journal/receive.h and journal/follow.h.
namespace dl::journal {

// Fixed facts of a space at this node. Lives as long as the node holds the space.
struct Space {
  BucketId bucket;
  NodeId self;                                // the origin of what this node writes
  bool home = false;                          // this node commits
  Bytes id_key;                               // 32 bytes: version-id = first 16 of HMAC-SHA-256(id_key, record hash)
  const storage::BlobStore* blobs = nullptr;  // where bodies of this partition lie; not null
  Rules rules = {};                           // all of them; tests switch one off
};

// The time of a write, taken once outside the step.
struct Moment {
  WallTime wall;
  format::ClockTrust trust = format::ClockTrust::kUnknown;
};

enum class Versioning : uint8_t { kUnversioned, kEnabled, kSuspended };

// A write as its caller means it; append() fills in what is only known where it is written (oseq, parents, ends,
// stamp).
struct Draft {
  format::RecordKind kind = format::RecordKind::kObject;
  Bytes key;
  Versioning versioning = Versioning::kUnversioned;  // object and marker: null unless kEnabled
  std::string principal;
  uint64_t policy_revision = 0;
  bool guard = false;  // a condition was checked in this step
  // Instead of "the current version": for resolve and x-demilune-parents. Empty optional: the current.
  std::optional<std::vector<RecordHash>> parents;
  bool settles = false;              // without `parents`: current and all conflict heads
  bool bypass_governance = false;    // purge: the principal may end a version under governance retention
  std::optional<RecordHash> target;  // purge, attributes
  format::ObjectFields object;       // object
  format::AttributeFields
      attributes;              // object: its first ones (seen is empty); attributes: seen is filled in by append
  std::optional<Bytes> value;  // control and projection spaces
  std::vector<storage::BlobPiece> body;  // object: where its bytes lie here; already attached or shared under the
                                         // record's owner by append itself (the pieces' blobs must exist in this batch)
  std::optional<storage::WrittenBody> fresh;     // bytes just written: append attaches them with the record as owner
  std::optional<format::BodyManifest> manifest;  // multipart: the part list that body_hash is taken over
};
// An object's body is `body`, or `fresh`, or (size 0, or a value) nothing.

struct Written {
  RecordHash hash;
  VersionId version;
  bool null = false;
  Hlc hlc;
  bool wrote = true;  // false: nothing to do (DELETE of an absent key in a bucket that was never versioned)
};

// Appends to this node's journal. At the home it is committed in the same step; elsewhere the view shows it at once.
// Errors: kTooLarge (record, parents, ends: resolve first), kDenied (purge of a locked version), kNotFound (target).
Result<Written> append(storage::Batch& batch, const Space& space, Draft draft, const Moment& now);

enum class State : uint8_t {
  kCommitted,  // safe at the home
  kTentative,  // known here, not decided by the home
};

struct Version {
  RecordHash hash;
  VersionId version;
  format::Record record;
  State state = State::kCommitted;
  bool current = false;
  bool conflict_head = false;
  Merged attributes;      // as they are now; those in `record` are the first ones only
  bool body_here = true;  // false: a GET has to wait for it
  std::vector<storage::BlobPiece> body;
  Hlc last_modified() const { return record.hlc; }
};

// What a client sees of a key.
struct KeyView {
  std::optional<Version> current;     // object or marker
  std::vector<RecordHash> conflicts;  // heads beside the current
  uint32_t conflict_count = 0;        // x-demilune-conflict: 0 unless at least one head is an object
  uint32_t arriving = 0;              // x-demilune-arriving: records of other nodes whose body is not here
};

Result<KeyView> find_key(const storage::View& view, const Space& space, BytesView key);
// By record hash or version-id; what the view does not show (ended, held, hidden) is nullopt.
Result<std::optional<Version>> find_version(const storage::View& view, const Space& space, BytesView key,
                                            const VersionId& id);
Result<std::optional<Version>> find_version(const storage::View& view, const Space& space, BytesView key,
                                            const RecordHash& h);
// versionId=null: the null version that is current in the view, else the newest null.
Result<std::optional<Version>> find_null(const storage::View& view, const Space& space, BytesView key);

// The part list of a multipart body, by the hash of its record; nullopt for a single body. Errors: kCorrupt.
Result<std::optional<format::BodyManifest>> find_manifest(const storage::View& view, const RecordHash& hash);

// One row of a listing: what ListObjects shows, without a look-up a key.
struct Listed {
  Bytes key;
  RecordHash hash;
  VersionId version;
  bool null = false;
  uint64_t size = 0;
  std::string etag;
  Hlc last_modified;
  std::string storage_class;
  std::vector<format::ChecksumKind> checksum_kinds;
  bool checksum_composite = false;
  uint32_t conflicts = 0;
  bool remote = false;
};
using ListFn = std::function<Result<storage::Scan>(const Listed&)>;
// Current objects with key >= from, ascending. A forward scan of listing rows.
Result<void> scan_objects(const storage::View& view, const Space& space, BytesView from, const ListFn& fn);

using VersionFn = std::function<Result<storage::Scan>(const Version&)>;
// Versions and markers the view shows, by key, newest first within a key, starting at key >= from; after (from, after)
// when `after` is given. Null markers of a bucket that was never versioned are left out.
Result<void> scan_versions(const storage::View& view, const Space& space, BytesView from,
                           std::optional<VersionId> after, const VersionFn& fn);

struct Conflict {
  Bytes key;
  Version current;
  std::vector<Version> heads;
};
// Keys with at least one conflict where one head is an object.
Result<void> scan_conflicts(const storage::View& view, const Space& space, BytesView from,
                            const std::function<Result<storage::Scan>(const Conflict&)>& fn);

// True while a version, a marker that listings show, or a known undecided record exists (DeleteBucket).
Result<bool> space_holds_anything(const storage::View& view, const Space& space);

}  // namespace dl::journal
