#pragma once

#include <cstdint>

#include "base/clock.h"
#include "base/ids.h"
#include "base/result.h"

// Keys of a partition (docs/internals/record.md, "Rows"): byte order is the order of meaning. Integers are big-endian;
// an object key is escaped (00 becomes 00 FF) and ends with 00 01, so that no key is another's prefix and listings stay
// in the order of the raw keys.
namespace dl::format {

enum class RowType : uint8_t {
  kListing = 0x01,
  kKeyState = 0x02,
  kVersion = 0x03,
  kEntry = 0x04,
  kJournal = 0x05,
  kSpace = 0x06,
  kOrigin = 0x07,
  kPeer = 0x08,
  kUpload = 0x09,
  kPart = 0x0a,
  kBlob = 0x0b,
  kBlobOwner = 0x0c,
  kBlobDue = 0x0d,
  kAudit = 0x0e,
  kSeal = 0x0f,
  kPending = 0x10,
  kPlace = 0x11,
  kView = 0x12,
  kManifest = 0x13,
  kWanted = 0x14,
  kArriving = 0x15,
  kTable = 0x7e,
  kFormat = 0x7f,
};

void put_escaped(Bytes& out, BytesView key);
// Reads one escaped key off the front of `in`. Errors: kCorrupt.
Result<Bytes> take_escaped(BytesView& in);
// The smallest key above all keys that start with `prefix`; empty when there is none.
Bytes prefix_end(BytesView prefix);

Bytes space_prefix(RowType type, const BucketId& bucket);  // type bucket
Bytes key_prefix(RowType type, const BucketId& bucket,
                 BytesView key);  // type bucket escaped-key: 01, 02, 03.., 10.., 12
// The escaped form of all keys >= key, for where a scan starts.
Bytes key_from(RowType type, const BucketId& bucket, BytesView key);
// The object key in a row key of types 01, 02, 03, 10, 12. Errors: kCorrupt.
Result<Bytes> object_key_of(BytesView row_key);

Bytes version_key(const BucketId& bucket, BytesView key, Hlc hlc, const VersionId& version);  // 03 .. ~hlc version
Bytes entry_key(const BucketId& bucket, uint32_t shard, uint64_t epoch, uint64_t csn);        // 04
uint64_t entry_csn(BytesView row_key);                                                        // of an 04 key
Bytes journal_key(const BucketId& bucket, const NodeId& origin, uint64_t oseq);               // 05
uint64_t journal_oseq(BytesView row_key);                                                     // of an 05 key
Bytes space_key(const BucketId& bucket);                                                      // 06
Bytes origin_key(const BucketId& bucket, const NodeId& origin);                               // 07
Bytes peer_key(const BucketId& bucket, const NodeId& peer);                                   // 08
Bytes seal_key(const BucketId& bucket, bool history, const NodeId& origin, uint64_t to);      // 0F
Bytes pending_key(const BucketId& bucket, BytesView key, const RecordHash& hash);             // 10
Bytes place_key(const RecordHash& hash);                                                      // 11
Bytes manifest_key(const RecordHash& hash);                                                   // 13
Bytes wanted_key(const BucketId& bucket, Hlc hlc, const RecordHash& hash);                    // 14 bucket ~hlc hash
Bytes arriving_key(const RecordHash& hash);  // 15 hash: node-local, sync
// The last N bytes of a row key as an id: pending, wanted, place. Precondition: the key is long enough.
RecordHash trailing_hash(BytesView row_key);
NodeId trailing_node(BytesView row_key);

}  // namespace dl::format
