#pragma once

#include <map>
#include <optional>
#include <unordered_map>

#include "format/keys.h"
#include "format/record.h"
#include "format/rows.h"
#include "journal/space.h"
#include "storage/partition.h"

// Typed access to the rows of one space, for the sources of this room only.
namespace dl::journal {

// What is known of a record hash here.
struct Known {
  enum class Kind : uint8_t { kUnknown, kVersion, kBare, kTombstone };
  Kind kind = Kind::kUnknown;
  RecordHash hash;
  Bytes version_key;        // kVersion
  format::VersionRow row;   // kVersion
  Bytes bytes;              // kBare: purge, attributes
  format::Record record;    // kVersion, kBare
  format::Tombstone grave;  // kTombstone
  bool is_version() const { return kind == Kind::kVersion; }
  bool is_tombstone() const { return kind == Kind::kTombstone; }
};

RecordHash hash_record(BytesView bytes);
VersionId version_id(const Space& space, const RecordHash& hash);
// Whether readers of the record need a body that lies outside it.
bool needs_body(const format::Record& record);

Result<Known> load_known(const storage::View& view, const RecordHash& hash);
// Errors: kNotFound when the node does not hold the space.
Result<format::SpaceRow> load_space(const storage::View& view, const BucketId& bucket);
Result<format::OriginRow> load_origin(const storage::View& view, const BucketId& bucket, const NodeId& origin);
Result<format::KeyStateRow> load_key_state(const storage::View& view, const BucketId& bucket, BytesView key);
Result<std::optional<format::ViewRow>> load_view(const storage::View& view, const BucketId& bucket, BytesView key);
// What clients see: the view's state where the key has tentative records, else the committed one.
Result<format::KeyState> load_shown_state(const storage::View& view, const Space& space, BytesView key);
Result<std::optional<format::JournalRow>> load_journal(const storage::View& view, const BucketId& bucket,
                                                       const NodeId& origin, uint64_t oseq);
Result<std::optional<format::PendingRow>> load_pending(const storage::View& view, const BucketId& bucket, BytesView key,
                                                       const RecordHash& hash);

struct Pending {
  RecordHash hash;
  format::PendingRow row;
};
Result<std::vector<Pending>> load_all_pending(const storage::View& view, const BucketId& bucket, BytesView key);

// Lets go of an owner's blobs, each once.
Result<void> release_all(storage::Batch& batch, const Space& space, const std::vector<BlobId>& blobs, BytesView owner,
                         WallTime due);
// Lets go of the chunks of a body that was on its way in.
Result<void> forget_arriving(storage::Batch& batch, const Space& space, const RecordHash& hash, WallTime due);

// One call's work on one space inside a step: typed writes that keep the rows consistent with each other, the space
// row and the journals' rows held until finish().
class Work {
 public:
  static Result<Work> open(storage::Batch& batch, const Space& space);
  // Writes the space row and the journals' rows. Nothing may follow.
  void finish();

  storage::Batch& batch() const { return *batch_; }
  const Space& space() const { return *space_; }
  format::SpaceRow& row() { return row_; }
  Result<format::OriginRow*> origin(const NodeId& node);

  // The next commit number (home).
  uint64_t next_csn() { return ++row_.csn; }

  // Writes a version's row and takes it into, or out of, the fingerprint. The Known stays current.
  Result<void> save_version(Known& version);
  void save_key_state(BytesView key, const format::KeyStateRow& before, const format::KeyStateRow& after);
  // The committed state of a key as it is in this step; read once.
  Result<format::KeyStateRow> key_state(BytesView key);
  // A record that was not known: row, place, list of bodies wanted. Not pending yet. `body`: it came with its body.
  Result<Known> admit(const RecordHash& hash, Bytes bytes, format::Record record, format::Status status,
                      std::optional<std::vector<format::BodyPiece>> body = {});
  // Gives the version its body. Precondition: is_version().
  Result<void> set_body(Known& version, std::vector<format::BodyPiece> pieces);
  void set_pending(BytesView key, const RecordHash& hash, const format::PendingRow& row);
  Result<void> clear_pending(BytesView key, const RecordHash& hash);
  // Moves the record's entry to `csn`; `before` is where it was, 0 for none.
  void move_entry(BytesView key, const RecordHash& hash, uint64_t before, uint64_t csn);
  // The version, known or not, becomes a tombstone; its body is freed at `due`.
  Result<void> bury(const RecordHash& hash, BytesView key, uint64_t csn, bool voided, WallTime due);

 private:
  Work(storage::Batch& batch, const Space& space, format::SpaceRow row)
      : batch_(&batch), space_(&space), row_(std::move(row)) {}
  void count(const Sha256& element, bool in);
  void write_version(const Known& version);

  storage::Batch* batch_;
  const Space* space_;
  format::SpaceRow row_;
  std::map<NodeId, format::OriginRow> origins_;
  std::optional<std::pair<Bytes, format::KeyStateRow>> key_state_;  // of the key that was asked for last
};

std::vector<format::BodyPiece> to_row(const std::vector<storage::BlobPiece>& pieces);
std::vector<storage::BlobPiece> from_row(const std::vector<format::BodyPiece>& pieces);

}  // namespace dl::journal
