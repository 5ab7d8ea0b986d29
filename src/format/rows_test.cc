#include "format/rows.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <functional>
#include <set>

#include "base/random.h"
#include "base/testing/golden.h"
#include "format/arriving.h"
#include "format/history.h"
#include "format/keys.h"

using namespace dl;
using namespace dl::format;

namespace {

RecordHash hash(char c) { return RecordHash::of(Bytes(32, c)); }
BucketId bucket() { return BucketId::of("bucket-bucket-16"); }
NodeId node(char c) { return NodeId::of(Bytes(16, c)); }

AttributeState attributes() {
  AttributeState a;
  a.tags.setters = {{hash('s'), {7}, {{"k", "v"}}}};
  a.retention.setters = {{hash('t'), {8}, {1'800'000'000'000, true}}};
  a.hold.setters = {{hash('u'), {9}, true}};
  a.acl.setters = {{hash('v'), {10}, "policy"}};
  a.hold.dropped = {hash('w')};
  return a;
}
KeyState state() { return {hash('c'), {hash('d'), hash('e')}, {hash('f')}, {{hash('g'), attributes()}}, 12}; }
DecidedSet decided() { return {5, {{7, 8}, {10, 12}}}; }

Record object() {
  Record r;
  r.kind = RecordKind::kObject;
  r.space = bucket();
  r.origin = node('o');
  r.oseq = 2;
  r.previous = hash('p');
  r.key = Bytes("key\0x", 5);
  r.parents = {hash('a')};
  r.ends = {hash('a'), hash('b')};
  r.guard = true;
  r.hlc = Hlc::at(WallTime(Millis(1'700'000'000'000)), 3);
  r.clock_trust = ClockTrust::kSynced;
  r.principal = "alice";
  r.policy_revision = 9;
  r.null = true;
  r.object.emplace();
  r.object->size = 10;
  r.object->body_hash = Sha256::of(Bytes(32, 'h'));
  r.object->etag = "etag-2";
  r.object->checksums = {{ChecksumKind::kCrc64Nvme, Bytes(8, '\1'), true, 2}};
  r.object->headers = {{"content-type", "text/plain"}};
  r.object->user_metadata = {{"name", "\xff not UTF-8"}};
  r.object->part_runs = {{5, 2}};
  r.object->storage_class = "STANDARD_IA";
  r.attributes.tags = {{{"k", "v"}}, {}};
  r.value = "inline";
  return r;
}
Record purge() {
  Record r;
  r.kind = RecordKind::kPurge;
  r.space = bucket();
  r.origin = node('o');
  r.oseq = 1;
  r.key = "key";
  r.target = hash('t');
  r.ends = {hash('t')};
  r.hlc = {77};
  r.principal = "alice";
  r.bypass_governance = true;
  return r;
}

Record marker() {
  Record r = purge();
  r.kind = RecordKind::kMarker;
  r.oseq = 3;
  r.previous = hash('p');
  r.target = {};
  r.parents = {hash('a'), hash('b')};
  r.ends = {hash('a')};
  r.settles = true;
  r.unlisted = true;
  r.null = true;
  r.bypass_governance = false;
  return r;
}
Record change_of_attributes() {
  Record r = purge();
  r.kind = RecordKind::kAttributes;
  r.oseq = 4;
  r.previous = hash('p');
  r.ends = {};
  r.bypass_governance = false;
  r.attributes.tags = {{{"k", "v"}}, {hash('s')}};
  r.attributes.retention = {{1'800'000'000'000, true}, {hash('t')}};
  r.attributes.hold = {true, {hash('u')}};
  r.attributes.acl = {"policy", {hash('v')}};
  return r;
}

HistoryPiece piece() {
  HistoryPiece p{.epoch = 1, .from = 3, .to = 9, .last = true};
  p.entries = {{4, "key", hash('r'), EntryKind::kRow, {}, 0},
               {5, "key", hash('x'), EntryKind::kEnd, {hash('y')}, 0},
               {8, "key", hash('z'), EntryKind::kHeld, {}, 4}};
  p.rows = {{"record", 4, attributes()}};
  p.states = {{"key", state()}};
  p.decided = {{node('o'), decided()}};
  p.fingerprint = Sha256::of(Bytes(32, 'f'));
  return p;
}

// One of each row, every field set, as bytes and as a check that they come back whole.
struct Sample {
  std::string name;
  Bytes bytes;
  std::function<bool(BytesView)> comes_back;
};
template <class Row, class Decode>
Sample sample(const std::string& name, const Row& row, Bytes bytes, Decode decode) {
  return {name, std::move(bytes), [row, decode](BytesView b) { return decode(b).value() == row; }};
}
template <class Row, class Decode>
Sample row_sample(const std::string& name, const Row& row, Decode decode) {
  return sample(name, row, encode(row), decode);
}

std::vector<Sample> samples() {
  ListingRow listing{hash('h'), VersionId::of(Bytes(16, 'v')), true, 10, "etag", {5},
                     "GLACIER", {ChecksumKind::kSha256},       true, 2,  true};
  VersionRow version{"record", Status::kTentative, true, 6, attributes(), attributes(), {}, true};
  version.body = {{BlobId::of(Bytes(16, 'b')), 3, 7}};
  SpaceRow space{2, 30, 29, 4, 5, Sha256::of(Bytes(32, 'f')), {6}, true, 31, true};
  OriginRow origin{20, 18, 17, decided(), 30, 16, Sha256::of(Bytes(32, 's')), 25};
  Seal seal{bucket(), node('o'), false, 1, 4, Sha256::of(Bytes(32, 'r')), Sha256::of(Bytes(32, 'q')), {}, "signature"};
  seal.incarnation = Incarnation{DeviceId::of(Bytes(16, 'd')), node('o'), node('n')};
  BodyManifest manifest{{{5, Sha256::of(Bytes(32, '1'))}, {6, Sha256::of(Bytes(32, '2'))}}};
  PlaceRow at_version{"03 key", {}, {}}, bare{{}, "record", {}}, grave;
  grave.tombstone = Tombstone{"key", {hash('a')}, 7, true};
  return {
      sample("record_object", object(), encode_record(object()).value(), decode_record),
      sample("record_purge", purge(), encode_record(purge()).value(), decode_record),
      sample("record_marker", marker(), encode_record(marker()).value(), decode_record),
      sample("record_attributes", change_of_attributes(), encode_record(change_of_attributes()).value(), decode_record),
      row_sample("row_arriving", ArrivingRow{bucket(), 7, {{BlobId::of(Bytes(16, 'b')), 7}}, "manifest"},
                 decode_arriving),
      sample("row_seal", seal, encode_seal(seal), decode_seal),
      sample("row_manifest", manifest, encode_manifest(manifest), decode_manifest),
      sample("history_piece", piece(), encode_history(piece()), decode_history),
      row_sample("row_listing", listing, decode_listing_row),
      row_sample("row_key_state", KeyStateRow{state(), {hash('n')}}, decode_key_state_row),
      row_sample("row_version", version, decode_version_row),
      row_sample("row_entry", EntryRow{"key", hash('h')}, decode_entry_row),
      row_sample("row_journal", JournalRow{hash('h'), true}, decode_journal_row),
      row_sample("row_space", space, decode_space_row),
      row_sample("row_origin", origin, decode_origin_row),
      row_sample("row_peer", PeerRow{1, 2, {{node('o'), 3}}}, decode_peer_row),
      row_sample("row_pending", PendingRow{Status::kHeld, 8, 4}, decode_pending_row),
      row_sample("row_place_version", at_version, decode_place_row),
      row_sample("row_place_record", bare, decode_place_row),
      row_sample("row_place_tombstone", grave, decode_place_row),
      row_sample("row_view", ViewRow{state(), {hash('i')}, {hash('j')}, {11}, 3}, decode_view_row),
  };
}

// DL_WRITE_GOLDEN=1 writes the files anew: a change of format is a decision, never an accident.
void write_golden(const Sample& s) {
  std::ofstream file(testing::repository_root() / "tests" / "format" / (s.name + ".hex"));
  file << "# " << s.name << ", format 1: the sample of src/format/rows_test.cc.\n";
  std::string hex = to_hex(s.bytes);
  for (size_t i = 0; i < hex.size(); i += 120) file << hex.substr(i, 120) << "\n";
}

}  // namespace

TEST_CASE("every record, seal, row and history piece has the bytes that were decided, and comes back whole") {
  for (const auto& s : samples()) {
    CAPTURE(s.name);
    if (std::getenv("DL_WRITE_GOLDEN")) write_golden(s);
    CHECK(to_hex(s.bytes) == to_hex(testing::golden(s.name)));
    CHECK(s.comes_back(s.bytes));
  }
}

TEST_CASE("cut or changed bytes of any row are refused or read, never worse") {
  SeededRandom random(3);
  for (const auto& s : samples())
    for (int i = 0; i < 300; i++) {
      Bytes damaged = s.bytes;
      if (i % 2) damaged.resize(random.below(damaged.size()));
      if (!damaged.empty()) damaged[random.below(damaged.size())] ^= static_cast<char>(1 + random.below(255));
      (void)decode_record(damaged).ok();
      (void)decode_seal(damaged).ok();
      (void)decode_manifest(damaged).ok();
      (void)decode_history(damaged).ok();
      (void)decode_version_row(damaged).ok();
      (void)decode_key_state_row(damaged).ok();
      (void)decode_origin_row(damaged).ok();
      (void)decode_place_row(damaged).ok();
      (void)decode_view_row(damaged).ok();
    }
}

TEST_CASE("a record at each limit is taken, one past it refused") {
  Record r = object();
  r.parents.assign(kMaxParents, hash('a'));
  r.ends.assign(kMaxEnds, hash('a'));
  r.key = Bytes(kMaxKeyBytes, 'k');
  r.value = Bytes(kMaxValueBytes, 'v');
  CHECK(decode_record(encode_record(r).value()).value() == r);
  auto refused = [](Record past) { return encode_record(past).error().code == Code::kTooLarge; };
  Record past = r;
  past.parents.push_back(hash('b'));
  CHECK(refused(past));
  past = r;
  past.ends.push_back(hash('b'));
  CHECK(refused(past));
  past = r;
  past.key += 'k';
  CHECK(refused(past));
  past = r;
  *past.value += 'v';
  CHECK(refused(past));
  past = r;
  past.body_envelope = Bytes(kMaxRecordBytes, 'e');
  CHECK(refused(past));
  size_t spare = kMaxRecordBytes - encode_record(r).value().size() - 5;  // tag and length of the field
  r.body_envelope = Bytes(spare, 'e');
  CHECK(encode_record(r).value().size() <= kMaxRecordBytes);
  CHECK(encode_record(r).value().size() > kMaxRecordBytes - 8);
}

TEST_CASE("a record that no node could act on is refused both ways") {
  auto invalid = [](auto change) {
    Record r = object();
    change(r);
    return encode_record(r).error().code == Code::kInvalid;
  };
  CHECK(invalid([](Record& r) { r.oseq = 0; }));
  CHECK(invalid([](Record& r) { r.previous.reset(); }));
  CHECK(invalid([](Record& r) { r.key.clear(); }));
  CHECK(invalid([](Record& r) { r.target = hash('t'); }));
  CHECK(invalid([](Record& r) { r.object.reset(); }));
  CHECK(invalid([](Record& r) { r.kind = RecordKind::kPurge; }));
  Bytes newer = encode_record(object()).value();
  newer[1] = 2;  // the format version is the first field
  CHECK(decode_record(newer).error().code == Code::kUnsupported);
}

TEST_CASE("row keys sort as their parts mean") {
  std::vector<Bytes> keys = {"a", Bytes("a\0", 2), Bytes("a\0\0", 3), Bytes("a\0\xff", 3), "a\1", "ab", "b", "\xff"};
  for (size_t i = 0; i + 1 < keys.size(); i++) {
    Bytes low = key_prefix(RowType::kListing, bucket(), keys[i]);
    CHECK(low < key_prefix(RowType::kListing, bucket(), keys[i + 1]));
    CHECK(object_key_of(low).value() == keys[i]);
    // No version of a key sorts among those of another.
    CHECK(prefix_end(key_prefix(RowType::kVersion, bucket(), keys[i])) <=
          key_prefix(RowType::kVersion, bucket(), keys[i + 1]));
  }
  VersionId v;
  CHECK(version_key(bucket(), "a", {9}, v) < version_key(bucket(), "a", {8}, v));
  CHECK(entry_key(bucket(), 0, 1, 255) < entry_key(bucket(), 0, 1, 256));
  CHECK(entry_key(bucket(), 0, 1, 256) < entry_key(bucket(), 0, 2, 1));
  CHECK(entry_csn(entry_key(bucket(), 0, 1, 256)) == 256);
  CHECK(!object_key_of(space_prefix(RowType::kListing, bucket()) + "a").ok());
  CHECK(!object_key_of(space_prefix(RowType::kListing, bucket()) + Bytes("a\0\2", 3)).ok());
}

TEST_CASE("a decided set is the set of what was added, however it came") {
  SeededRandom random(5);
  for (int round = 0; round < 200; round++) {
    DecidedSet set;
    std::set<uint64_t> truth;
    for (int i = 0; i < 12; i++) {
      uint64_t from = 1 + random.below(30), to = from + random.below(4);
      set.add(from, to);
      for (uint64_t v = from; v <= to; v++) truth.insert(v);
    }
    for (uint64_t v = 0; v < 40; v++) CHECK(set.contains(v) == truth.contains(v));
    uint64_t last = set.prefix;
    for (const auto& i : set.intervals) {
      CHECK(i.from > last + 1);
      last = i.to;
    }
    CHECK(decode_origin_row(encode(OriginRow{.decided = set})).value().decided == set);
  }
}
