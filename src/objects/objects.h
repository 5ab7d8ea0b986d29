#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "base/task_fwd.h"
#include "gate/permit.h"
#include "net/runtime.h"
#include "objects/bucket_source.h"
#include "objects/read_cache.h"
#include "objects/reason.h"
#include "objects/types.h"

namespace dl::gate {
class Gate;
}

namespace dl::objects {

// A version that a reader could not be given because of damage.
struct Damaged {
  std::string bucket;
  Bytes key;
  std::string version;  // "null", 32 hex digits; empty: not known
  std::string why;      // for the operator
};

// What a node wires into Objects. Everything here outlives it and is thread-safe.
struct Deps {
  net::Runtime* runtime = nullptr;  // loops and pool; all functions are called on one of its loops
  const Clock* clock = nullptr;
  Random* random = nullptr;
  BucketSource* buckets = nullptr;
  SpaceSource* spaces = nullptr;
  ReadCache* cache = nullptr;    // nullptr: none
  BodyWaiter* waiter = nullptr;  // nullptr: bodies that are not here cannot be fetched
  gate::Gate* gate = nullptr;    // decides again when control state moved under a write
  // Whether the kernel says that its clock is disciplined.
  std::function<format::ClockTrust()> clock_trust;
  std::function<void(const Damaged&)> damaged;  // told of each time; quick; may be empty
  Millis hub_wait{30'000};                      // how long a write with x-demilune-wait waits for its home
};

// An object's body, opened. Owned by one request.
class ObjectReader {
 public:
  virtual ~ObjectReader() = default;
  const ObjectInfo& info() const { return info_; }
  // All bytes that were asked for, when they are few enough to have been read while opening; else nullptr.
  virtual Bytes* whole() = 0;
  // The next bytes of what is asked for, at most limits::kTransferBytes; valid until the next call; empty at the end.
  // Errors: kCorrupt, kIo.
  virtual Task<BytesView> next() = 0;

 protected:
  ObjectInfo info_;
};

// The one place where a request changes an object. Each function takes the Permit of the decision it rests on and
// checks that action, bucket and key are its own; a write is one commit step {control revision compared, conditions
// checked, record appended to the journal, audit record appended} and is answered when that is durable. Coroutines of
// the runtime's loops; blocking work goes to its pool. Owned by the node, which stops the partitions before it lets go
// of this. Errors carry a Reason (objects/reason.h) where S3 has a word of its own.
class Objects {
 public:
  explicit Objects(Deps deps) : deps_(std::move(deps)) {}

  // s3:PutObject. The body is stored encrypted while it arrives and hashed on the way (SHA-256, MD5, `checksum`).
  // `body` is kept alive by the caller. Errors: kNotFound, kPrecondition, kTooLarge, kInvalid, kNoSpace.
  Task<PutResult> put(gate::Permit permit, PutRequest request, BodySource* body);

  // s3:GetObject, or s3:GetObjectVersion with a version. A failed If-Match is kPrecondition; 304 and markers are in
  // `found`, because their answers carry headers.
  Task<ObjectInfo> head(gate::Permit permit, GetRequest request);
  // s3:GetObjectTagging, or s3:GetObjectVersionTagging with a version: the version with its attributes.
  Task<ObjectInfo> find_tags(gate::Permit permit, GetRequest request);
  // As head(), with the body. Waits for one that is not here (limits::kBodyWait). Errors: kUnavailable (kBodyOnItsWay,
  // kBodyRemote).
  Task<std::unique_ptr<ObjectReader>> get(gate::Permit permit, GetRequest request);

  // s3:DeleteObject, or s3:DeleteObjectVersion with a version.
  Task<RemoveResult> remove(gate::Permit permit, RemoveRequest request);
  // Several keys of one bucket, each with a decision of its own, in few commit steps. Results in the order of `items`.
  struct RemoveItem {
    gate::Permit permit;
    RemoveRequest request;
  };
  Task<std::vector<Result<RemoveResult>>> remove_many(std::vector<RemoveItem> items);

  // read: s3:GetObject[Version] on the source; write: s3:PutObject. Within a partition the bytes are shared, not moved.
  Task<CopyResult> copy(gate::Permit read, gate::Permit write, CopyRequest request);

  // Multipart uploads (rows 09 and 0A, node-local). s3:PutObject except where told.
  Task<UploadId> create_upload(gate::Permit permit, CreateUploadRequest request);
  Task<PartResult> upload_part(gate::Permit permit, UploadPartRequest request, BodySource* body);
  Task<PartResult> upload_part_copy(gate::Permit read, gate::Permit write, UploadPartRequest request,
                                    CopyRequest source);
  Task<PutResult> complete_upload(gate::Permit permit, CompleteRequest request);
  Task<void> abort_upload(gate::Permit permit, UploadId upload);  // s3:AbortMultipartUpload
  // s3:ListMultipartUploadParts: parts with a number above `after`.
  Task<PartsPage> list_parts(gate::Permit permit, UploadId upload, uint32_t after, size_t limit);
  Task<UploadsPage> list_uploads(gate::Permit permit, ListUploadsRequest request);  // s3:ListBucketMultipartUploads

  Task<ListPage> list(gate::Permit permit, ListRequest request);                       // s3:ListBucket
  Task<VersionsPage> list_versions(gate::Permit permit, ListVersionsRequest request);  // s3:ListBucketVersions

  // Keys in conflict. s3:ListBucketVersions.
  struct ConflictRow {
    Bytes key;
    VersionsPage::Row current;
    std::vector<VersionsPage::Row> heads;
    std::vector<std::string> principals;  // of current, then of the heads
    std::vector<NodeId> origins;          // likewise
  };
  Task<std::vector<ConflictRow>> list_conflicts(gate::Permit permit, Bytes after, size_t limit);
  // s3:PutObject. Writes `keep`'s body and headers (or, when it is a marker, a marker) with the current version and all
  // heads as parents. Errors: kNotFound, kConflict when the key has no conflict.
  Task<PutResult> resolve(gate::Permit permit, VersionRef keep);

  // Buckets.
  Task<BucketInfo> create_bucket(gate::Permit permit);                                        // s3:CreateBucket
  Task<void> delete_bucket(gate::Permit permit);                                              // s3:DeleteBucket
  Result<BucketInfo> find_bucket(const gate::Permit& permit, std::string_view action) const;  // any bucket action
  Result<std::vector<BucketInfo>> list_buckets(const gate::Permit& permit) const;             // s3:ListAllMyBuckets
  Task<void> set_versioning(gate::Permit permit, journal::Versioning versioning);             // s3:PutBucketVersioning

  const Deps& deps() const { return deps_; }

 private:
  Deps deps_;
};

}  // namespace dl::objects
