#include "storage/crash/workload.h"

#include <algorithm>
#include <condition_variable>
#include <set>

#include "base/assert.h"
#include "base/thread.h"
#include "storage/blob_rows.h"
#include "storage/local/slab.h"

namespace dl::storage::crash {
namespace {

constexpr std::string_view kPart = "default";
constexpr std::string_view kDir = "/data";
constexpr BytesView kFirstRow = "a", kEndOfRows = "z";
constexpr size_t kObjects = 40, kRows = 120;

// An object's row: its version (which seeds the body's bytes), length and pieces.
struct Object {
  uint64_t version = 0;
  uint64_t length = 0;
  std::vector<BlobPiece> pieces;
};

Bytes encode(const Object& object) {
  Bytes out;
  put_be64(out, object.version);
  put_be64(out, object.length);
  for (const auto& piece : object.pieces) {
    out += piece.blob.view();
    put_be64(out, piece.length);
  }
  return out;
}

Object decode(BytesView row) {
  DL_ASSERT(row.size() >= 16 && row.size() % 24 == 16, "an object row of the workload is damaged");
  Object out{get_be64(row), get_be64(row.substr(8)), {}};
  for (row.remove_prefix(16); !row.empty(); row.remove_prefix(24))
    out.pieces.push_back({BlobId::of(row.substr(0, 16)), 0, get_be64(row.substr(16))});
  return out;
}

bool is_object(std::string_view key) { return key.starts_with("o/"); }

Bytes body_of(uint64_t version, uint64_t length) {
  SeededRandom random(version);
  return random.bytes(length);
}

Bytes owner_of(uint64_t version) { return "v" + std::to_string(version); }

std::string numbered(std::string_view prefix, uint64_t n) {
  std::string digits = std::to_string(n);
  return std::string(prefix) + std::string(4 - digits.size(), '0') + digits;
}

void apply(State& state, const Expected::Change& change) {
  if (!change.end.empty())
    state.erase(state.lower_bound(change.key), state.lower_bound(change.end));
  else if (change.value)
    state[change.key] = *change.value;
  else
    state.erase(change.key);
}

void keep_distinct(std::vector<State>& states) {
  std::sort(states.begin(), states.end());
  states.erase(std::unique(states.begin(), states.end()), states.end());
}

}  // namespace

LocalLimits small_limits() {
  LocalLimits limits;
  limits.reserve_percent = 0;
  limits.reopen_free_bytes = 0;
  limits.committer.tick = Millis(5);
  limits.watermark_interval = Millis(3);
  limits.reclaim_interval = Millis(5);
  limits.inline_limit = 4096;
  limits.blob_bytes = 100'000;
  limits.segment_bytes = 400'000;
  limits.write_buffer_bytes = 64 << 10;
  limits.wal_bytes = 256 << 10;
  limits.blob_file_bytes = 64 << 10;
  limits.least_garbage_bytes = 32 << 10;
  limits.compact_interval = Millis(5);
  limits.cache_bytes = 1 << 20;
  return limits;
}

void Expected::add(const std::vector<Change>& changes, Outcome outcome) {
  auto apply_all = [&](std::vector<State>& states) {
    for (auto& state : states)
      for (const auto& change : changes) apply(state, change);
  };
  if (outcome == Outcome::kRefused) return;
  if (outcome == Outcome::kAcknowledged) {
    apply_all(states_);
    after_open_ = false;
  } else {
    if (!after_open_) carried_ = states_;
    after_open_ = true;
    apply_all(carried_);
    states_.insert(states_.end(), carried_.begin(), carried_.end());
  }
  keep_distinct(states_);
}

bool Expected::settle(const State& found) {
  if (std::find(states_.begin(), states_.end(), found) == states_.end()) return false;
  states_ = {found};
  after_open_ = false;
  return true;
}

std::string Expected::describe_difference(const State& found) const {
  std::string out = std::to_string(states_.size()) + " states were possible; against the last: ";
  const State& want = states_.back();
  for (const auto& [key, value] : want) {
    auto it = found.find(key);
    if (it == found.end()) out += key + " is missing, ";
    if (it != found.end() && it->second != value) out += key + " is another, ";
  }
  for (const auto& [key, value] : found)
    if (!want.contains(key)) out += key + " should not be, ";
  return out.substr(0, 400);
}

Result<Plant> parse_plant(std::string_view name) {
  if (name == "none") return Plant::kNone;
  if (name == "early-ack") return Plant::kEarlyAck;
  if (name == "no-dir-sync") return Plant::kNoDirSync;
  if (name == "no-wal-sync") return Plant::kNoWalSync;
  if (name == "no-body-sync") return Plant::kNoBodySync;
  if (name == "no-watermark") return Plant::kNoWatermark;
  if (name == "retry-after-failed-sync") return Plant::kRetryAfterFailedSync;
  if (name == "ignored-return-code") return Plant::kIgnoredReturnCode;
  return error(Code::kInvalid, "no planted bug is called '" + std::string(name) + "'");
}

namespace {

Lies lies_of(Plant plant) {
  Lies out;
  out.forget_dir_syncs = plant == Plant::kNoDirSync;
  if (plant == Plant::kNoWalSync) out.forget_syncs_of = ".log";
  if (plant == Plant::kNoBodySync) out.forget_syncs_of = ".seg";
  out.retry_syncs = plant == Plant::kRetryAfterFailedSync;
  out.ignore_writes = plant == Plant::kIgnoredReturnCode;
  return out;
}

}  // namespace

// A change on its way. Filled in by the step and the done, on the committer thread.
struct Workload::Issued {
  uint64_t number = 0;
  std::vector<Expected::Change> changes;
  std::mutex m;
  std::condition_variable arrived;
  std::optional<Result<void>> result;
  Result<void> wait() {
    std::unique_lock lock(m);
    arrived.wait(lock, [&] { return result.has_value(); });
    return *result;
  }
};

Workload::Workload(uint64_t seed, Plant plant)
    : engine_(seed), plant_(plant), disk_(std::make_unique<SimDisk>(engine_())), dir_(kDir), random_(engine_()) {}

Workload::Workload(uint64_t seed, Plant plant, FileSystem& files, std::string dir)
    : engine_(seed), plant_(plant), below_(&files), dir_(std::move(dir)), random_(engine_()) {}

Result<void> Workload::open() {
  died_ = false;
  fresh_ = true;
  auto limits = small_limits();
  limits.move_bytes = move_bytes_;
  files_ = std::make_unique<PlantedFiles>(below_ ? *below_ : *disk_, lies_of(plant_));
  auto fatal = [this](const std::string& why) {
    std::lock_guard lock(why_m_);
    why_ = why;
    died_ = true;
  };
  DL_TRY(store_, open_local_store(*files_, dir_, {{std::string(kPart), Bytes(32, 'k'), Bytes(32, 'b')}}, clock_,
                                  random_, limits, fatal));
  return {};
}

std::string Workload::why_died() const {
  std::lock_guard lock(why_m_);
  return why_;
}

std::vector<Error> Workload::take_errors() { return std::exchange(errors_, {}); }

void Workload::close() {
  if (store_) moved_ += store_->stats(kPart).moved_bodies;
  store_.reset();
}

void Workload::send(std::unique_ptr<Issued>& change, Step step) {
  auto* issued = change.get();
  issued->number = ++numbers_;
  if (listener_) listener_->asked(issued->number, issued->changes);
  store_->partition(kPart).commit(
      std::move(step),
      [this, issued](Result<void> result) {
        if (listener_ && result.ok()) listener_->acknowledged(issued->number);
        std::lock_guard lock(issued->m);
        issued->result = std::move(result);
        issued->arrived.notify_one();
      },
      Purpose::kWrite);
}

std::unique_ptr<Workload::Issued> Workload::put_row() {
  auto out = std::make_unique<Issued>();
  for (uint64_t i = 0, n = 1 + below(3); i < n; i++)
    out->changes.push_back({numbered("k/", below(kRows)), random_.bytes(below(4) == 0 ? below(4000) : below(200)), ""});
  send(out, [changes = out->changes](Batch& batch) -> Result<void> {
    for (const auto& change : changes) batch.put(change.key, *change.value);
    return {};
  });
  return out;
}

std::unique_ptr<Workload::Issued> Workload::put_object() {
  Object object;
  object.version = ++version_;
  object.length = below(3) == 0 ? 4097 + below(250'000) : below(5000);
  auto writer = store_->blobs(kPart).create(object.length);
  auto failed = [this](Error why) {
    errors_.push_back(std::move(why));
    return nullptr;
  };
  if (!writer.ok()) return failed(std::move(writer).error());
  Bytes body = body_of(object.version, object.length);
  auto sent = (*writer)->append(body);
  if (!sent.ok()) return failed(std::move(sent).error());
  if (below(12) == 0) return nullptr;  // a client that goes away
  auto written = (*writer)->finish();
  if (!written.ok()) return failed(std::move(written).error());
  if (below(12) == 0) return nullptr;  // a step that never comes
  object.pieces = written->pieces();
  auto out = std::make_unique<Issued>();
  std::string key = numbered("o/", below(kObjects));
  out->changes.push_back({key, encode(object), ""});
  send(out, [this, key, object, body_written = *written](Batch& batch) -> Result<void> {
    auto& blobs = store_->blobs(kPart);
    DL_TRY(auto before, batch.get(key));
    if (before) {
      Object old = decode(*before);
      for (const auto& piece : old.pieces)
        DL_OK(blobs.release(batch, piece.blob, owner_of(old.version), clock_.wall()));
    }
    blobs.attach(batch, body_written, owner_of(object.version));
    batch.put(key, encode(object));
    return {};
  });
  return out;
}

std::unique_ptr<Workload::Issued> Workload::erase_object() {
  auto out = std::make_unique<Issued>();
  std::string key = numbered("o/", below(kObjects));
  out->changes.push_back({key, std::nullopt, ""});
  send(out, [this, key](Batch& batch) -> Result<void> {
    DL_TRY(auto before, batch.get(key));
    if (!before) return {};
    Object old = decode(*before);
    for (const auto& piece : old.pieces)
      DL_OK(store_->blobs(kPart).release(batch, piece.blob, owner_of(old.version), clock_.wall()));
    batch.erase(key);
    return {};
  });
  return out;
}

std::unique_ptr<Workload::Issued> Workload::erase_some() {
  auto out = std::make_unique<Issued>();
  uint64_t from = below(kRows);
  out->changes.push_back({numbered("k/", from), std::nullopt, numbered("k/", from + 1 + below(20))});
  send(out, [change = out->changes[0]](Batch& batch) -> Result<void> {
    batch.erase_range(change.key, change.end);
    return {};
  });
  return out;
}

std::unique_ptr<Workload::Issued> Workload::issue() {
  switch (below(10)) {
    case 0:
      return erase_object();
    case 1:
      return erase_some();
    case 2:
    case 3:
    case 4:
    case 5:
      return put_object();
    default:
      return put_row();
  }
}

void Workload::run(int rounds) {
  fresh_ = false;
  for (int i = 0; i < rounds && !(disk_ && disk_->is_cut()) && !died_; i++) {
    std::vector<std::unique_ptr<Issued>> group;
    for (uint64_t n = 1 + below(4); n > 0; n--)
      if (auto one = issue()) group.push_back(std::move(one));
    for (auto& one : group) {
      auto result = one->wait();
      auto outcome = Expected::Outcome::kAcknowledged;
      if (!result.ok()) {
        bool open = result.error().code == Code::kUnavailable || result.error().code == Code::kIo;
        outcome = open ? Expected::Outcome::kOpen : Expected::Outcome::kRefused;
        refused_++;
        errors_.push_back(result.error());
      } else {
        acknowledged_++;
      }
      if (plant_ == Plant::kEarlyAck) outcome = Expected::Outcome::kAcknowledged;
      expected_.add(one->changes, outcome);
    }
    if (below(8) == 0) clock_.advance(Millis(1));
    if (expected_.alternatives() > 64) return;
  }
}

Result<State> Workload::read_state() {
  State found;
  DL_TRY(auto view, store_->partition(kPart).snapshot());
  DL_OK(view->scan(kFirstRow, kEndOfRows, [&](BytesView key, BytesView value) -> Result<Scan> {
    found[Bytes(key)] = Bytes(value);
    return Scan::kContinue;
  }));
  for (const auto& [key, value] : found) {
    DL_TRY(auto row, store_->partition(kPart).get(key));
    if (!row || *row != value) return error(Code::kInternal, "get and scan disagree about " + key);
  }
  return found;
}

Result<void> Workload::check_bodies(const State& found) {
  for (const auto& [key, row] : found) {
    if (!is_object(key)) continue;
    Object object = decode(row);
    Bytes body(object.length, '\0');
    DL_OK(read_pieces(store_->blobs(kPart), object.pieces, 0, body.data(), body.size()));
    if (body != body_of(object.version, object.length)) return error(Code::kInternal, "WRONG BODY of " + key);
  }
  return {};
}

// After a reclaim every blob that has a row is some object's.
Result<void> Workload::check_no_strays(const State& found) {
  clock_.advance(Millis(1));
  DL_TRY([[maybe_unused]] size_t freed, store_->reclaim());
  std::set<Bytes> wanted;
  for (const auto& [key, row] : found)
    if (is_object(key))
      for (const auto& piece : decode(row).pieces) wanted.insert(blob_key(piece.blob));
  DL_TRY(auto view, store_->partition(kPart).snapshot());
  DL_OK(view->scan(BytesView("\x0b"), BytesView("\x0c"), [&](BytesView key, BytesView) -> Result<Scan> {
    if (!wanted.contains(Bytes(key))) return error(Code::kInternal, "STRAY BODY: a blob that nobody owns was kept");
    return Scan::kContinue;
  }));
  return fresh_ ? check_segments() : Result<void>();
}

// After a start nothing lies in segments but what rows name. A body that is just being moved is there twice.
Result<void> Workload::check_segments() {
  uint64_t named = 0, kept = 0;
  StopSignal never;
  for (int tries = 0; tries < 400; tries++) {
    DL_TRY(auto view, store_->partition(kPart).snapshot());
    named = 0;
    DL_OK(scan_segment_blobs(*view, [&](const BlobId&, const SegmentPlace& at) -> Result<void> {
      named += sealed_bytes(at.length);
      return {};
    }));
    kept = store_->stats(kPart).segment_bytes;
    if (named == kept) return {};
    never.wait_for(Millis(5));
  }
  return error(Code::kInternal,
               "STRAY BYTES: segments keep " + std::to_string(kept) + ", rows name " + std::to_string(named));
}

Result<void> Workload::verify() {
  DL_TRY(State found, read_state());
  if (!expected_.settle(found))
    return error(Code::kInternal, "LOST OR WRONG ROWS: " + expected_.describe_difference(found));
  DL_OK(check_bodies(found));
  return check_no_strays(found);
}

}  // namespace dl::storage::crash
