#include "sync/meta_session.h"

#include <algorithm>

#include "base/error_table.h"
#include "sync/limits.h"

namespace dl::sync {
namespace {

using format::Frame;

Error out_of_place(const char* what) {
  return error(Code::kInvalid, std::string("the other side sent ") + what, "Update the older of the two nodes.");
}

constexpr unsigned kMaxBegun = 100;  // times that one session bears a space to be begun anew

bool has(const std::vector<BucketId>& in, const BucketId& id) {
  return std::find(in.begin(), in.end(), id) != in.end();
}

// What a peer that does not share the space (any more) may know of it: where its own journal ends.
void narrow(format::SpaceHello& hello, const NodeId& node) {
  hello.csn = hello.decided_csn = 0;
  hello.fingerprint = {};
  std::erase_if(hello.heads, [&](const auto& head) { return head.origin != node; });
}

size_t size_of(const format::RecordsFrame& f) {
  size_t n = 64;
  for (const auto& item : f.items) n += item.record ? item.record->size() + 8 : 40;
  for (const auto& seal : f.seals) n += seal.size() + 4;
  return n;
}

// One stretch as frames that fit.
void cut_history(const BucketId& space, const HistoryStretch& stretch, std::vector<Frame>& out) {
  size_t at = 0;
  uint32_t part = 0;
  do {
    size_t n = std::min(format::kFramePayloadBytes, stretch.data.size() - at);
    format::HistoryFrame frame{
        space, stretch.epoch, stretch.from, stretch.to, part++, false, stretch.data.substr(at, n)};
    at += n;
    frame.last_part = at == stretch.data.size();
    out.emplace_back(std::move(frame));
  } while (at < stretch.data.size());
}

}  // namespace

format::DenyFrame deny_of(const Error& error) {
  return {static_cast<uint32_t>(error_info(error.code).number), error.message, error.next};
}

Error error_of(const format::DenyFrame& deny, const std::string& peer) {
  const auto* info = find_error_info(static_cast<int>(deny.code));
  return error(info ? info->code : Code::kInternal, peer + " refuses: " + deny.text, deny.next);
}

MetaSession::MetaSession(Spaces& spaces, DeviceId self, NodeId node, Peer peer, SessionEvents events)
    : spaces_(spaces), self_(self), node_(node), peer_(std::move(peer)), events_(std::move(events)) {}

Result<MetaSession::Frames> MetaSession::start(WallTime now) {
  wall_millis_ = static_cast<uint64_t>(now.time_since_epoch().count());
  DL_TRY(auto shared, spaces_.shared_with(peer_));
  Frames out;
  DL_OK(greet(shared, out));
  if (out.empty()) {
    // Nothing shared yet: the hello itself still says who we are.
    out.emplace_back(
        format::HelloFrame{format::kSyncProtocol, format::Channel::kMeta, self_, node_, wall_millis_, {}, false});
  }
  return out;
}

// Our side of spaces that we have not told of yet, in as many hellos as it takes.
Result<void> MetaSession::greet(const std::vector<BucketId>& spaces, Frames& out) {
  format::HelloFrame hello{format::kSyncProtocol, format::Channel::kMeta, self_, node_, wall_millis_, {}, false};
  size_t bytes = 0;
  DL_TRY(auto shared, spaces_.shared_with(peer_));
  auto flush = [&](bool more) {
    hello.more = more;
    out.emplace_back(hello);
    hello.spaces.clear();
    bytes = 0;
  };
  for (const auto& id : spaces) {
    auto& state = states_[id];
    if (state.told) continue;
    DL_TRY(auto mine, spaces_.hello(id));
    state.told = true;
    state.epoch = mine.epoch;
    state.known = mine.csn;
    for (const auto& head : mine.heads) state.journals[head.origin].known = head.oseq;
    if (!has(shared, id)) narrow(mine, peer_.node);
    size_t size = 100 + mine.heads.size() * 80;
    if (size > format::kMaxFrameBytes - 1024)
      return error(Code::kTooLarge, "a space with more journals than a hello holds");
    if (bytes + size > format::kFramePayloadBytes) flush(true);
    bytes += size;
    hello.spaces.push_back(std::move(mine));
  }
  if (!hello.spaces.empty()) flush(false);
  return {};
}

Result<MetaSession::Frames> MetaSession::on_frame(const Frame& frame) {
  Frames out;
  if (const auto* deny = std::get_if<format::DenyFrame>(&frame)) return error_of(*deny, peer_.name);
  if (const auto* ping = std::get_if<format::PingFrame>(&frame)) {
    if (!ping->reply) out.emplace_back(format::PingFrame{ping->nonce, true});
    return out;
  }
  if (const auto* hello = std::get_if<format::HelloFrame>(&frame)) {
    DL_OK(on_hello(*hello, out));
    return out;
  }
  if (!greeted_) return out_of_place("a frame before its hello");
  if (const auto* records = std::get_if<format::RecordsFrame>(&frame)) {
    DL_OK(on_records(*records, out));
  } else if (const auto* ack = std::get_if<format::RecordsAckFrame>(&frame)) {
    DL_OK(on_records_ack(*ack, out));
  } else if (const auto* history = std::get_if<format::HistoryFrame>(&frame)) {
    DL_OK(on_history(*history, out));
  } else if (const auto* history_ack = std::get_if<format::HistoryAckFrame>(&frame)) {
    DL_OK(on_history_ack(*history_ack, out));
  } else {
    return out_of_place(std::string(format::frame_name(frame)).append(" on the metadata channel").c_str());
  }
  return out;
}

Result<void> MetaSession::on_hello(const format::HelloFrame& hello, Frames& out) {
  if (hello.protocol != format::kSyncProtocol)
    return error(Code::kUnsupported,
                 peer_.name + " speaks protocol " + std::to_string(hello.protocol) + ", this node " +
                     std::to_string(format::kSyncProtocol),
                 "Update the older of the two nodes.");
  if (hello.channel != format::Channel::kMeta) return out_of_place("a hello of another channel");
  if (hello.device != peer_.device)
    return error(Code::kForeign, peer_.name + " says that it is another device than its certificate does");
  if (!peer_.node.is_zero() && hello.node != peer_.node)
    return error(Code::kForeign,
                 peer_.name + " comes under another incarnation than it enrolled with; its disk may have been copied",
                 "Retire the device and enrol it again; what it holds stays on it.");
  peer_.node = hello.node;
  greeted_ = true;
  peer_wall_millis_ = hello.wall_millis;
  if (states_.size() + hello.spaces.size() > kMaxHelloSpaces)
    return error(Code::kLimit, "more spaces than a session holds");
  for (const auto& space : hello.spaces) DL_OK(on_space_hello(space, out));
  return {};
}

Result<void> MetaSession::on_space_hello(const format::SpaceHello& hello, Frames& out) {
  DL_TRY(auto shared, spaces_.shared_with(peer_));
  bool ours = has(shared, hello.space);
  if (!ours) {
    DL_TRY(bool receivable, spaces_.may_receive(peer_, hello.space));
    if (!receivable) {
      // Not assigned (any more), or the other side knows of an assignment before us: neither told nor taken until it
      // is shared here, too. It says hello only once.
      if (early_.size() < kMaxHelloSpaces) early_[hello.space] = hello;
      return {};
    }
  }
  // A second hello: the other side let the space go meanwhile and begins anew. Both tell each other where they are.
  auto before = states_.find(hello.space);
  bool renewed = before != states_.end() && (before->second.heard || before->second.renewed);
  if (before != states_.end() && before->second.heard) forget(before->second);
  DL_OK(greet({hello.space}, out));
  auto& state = states_[hello.space];
  state.renewed = renewed;
  state.heard = true;
  if (spaces_.is_home(hello.space)) {
    if (hello.epoch > state.epoch || (hello.epoch == state.epoch && hello.csn > state.known))
      return error(Code::kForeign,
                   peer_.name + " has followed a longer history than this hub has; was the hub restored?",
                   "Do not write to this hub; see docs/internals/sync-frames.md, 'A hub from the past'.");
    state.sent = state.acked = hello.epoch == state.epoch ? hello.csn : 0;
    state.decided = hello.epoch == state.epoch ? std::min(hello.decided_csn, hello.csn) : 0;
    state.followed = hello.followed;
    state.paused = !ours;
  }
  for (auto& [origin, journal] : state.journals) journal.sent = journal.acked = 0;
  for (const auto& head : hello.heads) {
    auto& journal = state.journals[head.origin];
    journal.sent = journal.acked = head.oseq;
    if (head.origin == node_) DL_OK(check_head(hello.space, head, journal.known));
  }
  return push(hello.space, state, out);
}

// What the other side holds of our own journal must be a beginning of it. Found before any history is taken: that would
// count places of another journal as decided, and hide what was written here.
Result<void> MetaSession::check_head(const BucketId& space, const format::JournalHead& head, uint64_t known) {
  const char* next =
      "Nothing was changed. Keep both copies and ask for help: this node must go on under a new incarnation.";
  if (head.oseq > known)
    return error(Code::kForeign,
                 peer_.name + " holds more of this node's journal than this node does; was this disk restored?", next);
  if (head.hash.is_zero()) return {};
  DL_TRY(auto ours, spaces_.place_hash(space, head.origin, head.oseq));
  if (!ours.is_zero() && ours != head.hash)
    return error(Code::kForeign,
                 peer_.name + " holds another journal of this node than this node does; was this disk restored?", next);
  return {};
}

Result<void> MetaSession::on_records(const format::RecordsFrame& records, Frames& out) {
  if (!spaces_.is_home(records.space)) return out_of_place("records to a node that is not the home");
  if (records.origin != peer_.node) return error(Code::kForeign, peer_.name + " sent the journal of another node");
  auto state = states_.find(records.space);
  if (state == states_.end() || !state->second.told)
    return out_of_place("records of a space that it said no hello for");
  if (records.items.empty()) return out_of_place("records without a record");
  DL_TRY(uint64_t durable, spaces_.take_records(peer_, records));
  state->second.journals[records.origin].known = durable;
  out.emplace_back(format::RecordsAckFrame{records.space, records.origin, durable});
  if (events_.records_arrived) events_.records_arrived(records.space);
  return push(records.space, state->second, out);
}

Result<void> MetaSession::on_records_ack(const format::RecordsAckFrame& ack, Frames& out) {
  auto state = states_.find(ack.space);
  if (peer_.hub && (state == states_.end() || !state->second.heard)) return {};  // as with history
  if (state == states_.end()) return out_of_place("an acknowledgement of a space that is not shared");
  auto journal = state->second.journals.find(ack.origin);
  if (journal == state->second.journals.end() || ack.oseq > journal->second.sent)
    return out_of_place("an acknowledgement of records that it was not sent");
  auto& j = journal->second;
  j.acked = std::max(j.acked, ack.oseq);
  if (ack.settled && ack.origin == node_ && events_.settled) events_.settled(ack.space, ack.oseq);
  while (!j.flights.empty() && j.flights.front().upto <= j.acked) {
    record_bytes_ -= j.flights.front().bytes;
    j.flights.pop_front();
  }
  return push(ack.space, state->second, out);
}

Result<void> MetaSession::on_history(const format::HistoryFrame& frame, Frames& out) {
  auto it = states_.find(frame.space);
  if (spaces_.is_home(frame.space)) return out_of_place("history of a space that it is not the home of");
  if (!peer_.hub) return error(Code::kForeign, peer_.name + " is not the home of that history");
  // On its way when the space was let go here: what counts follows the home's next hello.
  if (it == states_.end() || !it->second.heard) return {};
  auto& state = it->second;
  if (frame.part == 0) {
    state.arriving = HistoryStretch{frame.epoch, frame.from, frame.to, false, {}};
    state.next_part = 0;
  }
  if (!state.arriving || frame.part != state.next_part || frame.epoch != state.arriving->epoch ||
      frame.from != state.arriving->from || frame.to != state.arriving->to)
    return out_of_place("parts of a history piece that do not belong together");
  if (state.arriving->data.size() + frame.data.size() > kMaxStretchBytes)
    return error(Code::kTooLarge, "a history piece over its limit");
  state.arriving->data += frame.data;
  state.next_part++;
  if (!frame.last_part) return {};
  auto stretch = std::move(*state.arriving);
  state.arriving.reset();
  auto taken = spaces_.take_history(peer_, frame.space, stretch);
  if (!taken.ok() && taken.error().code == Code::kConflict) {
    // The space was let go of and begun anew, and on_change() could not see yet that it was gone, or what the home had
    // sent before is still on its way behind a hello of its: say so with a new one of ours.
    DL_TRY(auto mine, spaces_.hello(frame.space));
    auto& begun = begun_[frame.space];
    bool anew = mine.csn == 0 && (state.known > 0 || state.took || begun > 0);
    if (anew && begun < kMaxBegun) {
      begun++;
      forget(state);
      return greet({frame.space}, out);
    }
  }
  DL_OK(std::move(taken));
  state.took = true;
  out.emplace_back(format::HistoryAckFrame{frame.space, stretch.epoch, stretch.to});
  if (events_.history_arrived) events_.history_arrived(frame.space);
  return {};
}

Result<void> MetaSession::on_history_ack(const format::HistoryAckFrame& ack, Frames& out) {
  auto it = states_.find(ack.space);
  bool sent = it != states_.end() && ack.epoch == it->second.epoch && ack.csn <= it->second.sent;
  // Of a piece from before its newest hello: it let go of the space since, more than once, and that piece with it.
  if (!sent && it != states_.end() && it->second.renewed) return {};
  if (!sent) return out_of_place("an acknowledgement of history that it was not sent");
  auto& state = it->second;
  state.acked = std::max(state.acked, ack.csn);
  while (!state.flights.empty() && state.flights.front().upto <= state.acked) {
    history_bytes_ -= state.flights.front().bytes;
    state.flights.pop_front();
  }
  return push(ack.space, state, out);
}

Result<MetaSession::Frames> MetaSession::on_change() {
  Frames out;
  DL_TRY(auto shared, spaces_.shared_with(peer_));
  for (auto it = states_.begin(); it != states_.end();) {
    // At a device: the space was unassigned and is gone. Assigned again, it says hello anew.
    bool gone = peer_.hub && !has(shared, it->first);
    if (gone) forget(it->second);
    if (gone && begun_[it->first] < kMaxBegun) begun_[it->first]++;
    it = gone ? states_.erase(it) : std::next(it);
  }
  DL_OK(greet(shared, out));
  DL_OK(answer_early(shared, out));
  for (auto& [id, state] : states_) {
    if (spaces_.is_home(id)) state.paused = !has(shared, id);
    DL_OK(push(id, state, out));
  }
  return out;
}

// What is on its way of that space does not count any more.
void MetaSession::forget(SpaceState& state) {
  for (const auto& flight : state.flights) history_bytes_ -= flight.bytes;
  for (const auto& [origin, journal] : state.journals)
    for (const auto& flight : journal.flights) record_bytes_ -= flight.bytes;
  state = {};
}

Result<void> MetaSession::answer_early(const std::vector<BucketId>& shared, Frames& out) {
  for (const auto& id : shared) {
    auto early = early_.extract(id);
    if (!early.empty()) DL_OK(on_space_hello(early.mapped(), out));
  }
  return {};
}

Result<MetaSession::Frames> MetaSession::on_change(const BucketId& space) {
  Frames out;
  auto it = states_.find(space);
  if (it == states_.end()) return on_change();
  DL_OK(push(space, it->second, out));
  return out;
}

Result<void> MetaSession::push(const BucketId& space, SpaceState& state, Frames& out) {
  if (!state.told || !state.heard) return {};
  if (state.paused) return push_settled(space, state, out);
  return spaces_.is_home(space) ? push_history(space, state, out) : push_records(space, state, out);
}

// To a device that is not assigned the space any more: that its copy is not needed.
Result<void> MetaSession::push_settled(const BucketId& space, SpaceState& state, Frames& out) {
  uint64_t head = state.journals[peer_.node].known;
  if (head == 0 || state.settled == head) return {};
  DL_TRY(auto settled, spaces_.settled(peer_, space));
  if (!settled || settled == state.settled) return {};
  state.settled = settled;
  out.emplace_back(format::RecordsAckFrame{space, peer_.node, *settled, true});
  return {};
}

Result<void> MetaSession::push_history(const BucketId& space, SpaceState& state, Frames& out) {
  // A piece may be somewhat larger than asked for.
  while (history_bytes_ + 2 * kStretchBytes <= kWindowBytes) {
    DL_TRY(auto stretch,
           spaces_.give_history(space, {state.epoch, state.sent, state.decided, state.followed}, kStretchBytes));
    if (!stretch) {
      state.known = std::max(state.known, state.sent);
      return {};
    }
    if (stretch->from != state.sent || stretch->to < state.sent || stretch->data.size() > kMaxStretchBytes)
      return error(Code::kInternal, "a history piece that does not follow the one before");
    state.sent = stretch->to;
    if (stretch->last) {
      state.decided = stretch->to;
      state.followed = true;
    }
    state.known = std::max(state.known, stretch->to);
    uint64_t bytes = stretch->data.size() + 64;
    state.flights.push_back({stretch->to, bytes});
    history_bytes_ += bytes;
    cut_history(space, *stretch, out);
  }
  return {};
}

// Only our own journal: what other devices wrote reaches the home from them, and us by its history.
Result<void> MetaSession::push_records(const BucketId& space, SpaceState& state, Frames& out) {
  auto& journal = state.journals[node_];
  while (record_bytes_ + format::kMaxFrameBytes <= kWindowBytes) {
    DL_TRY(auto frame, spaces_.give_records(space, node_, journal.sent + 1, format::kFramePayloadBytes));
    if (frame.items.empty()) {
      journal.known = journal.sent;
      return {};
    }
    if (frame.from > journal.sent + 1 || frame.from + frame.items.size() <= journal.sent + 1)
      return error(Code::kInternal, "records that do not follow those before");
    journal.sent = frame.from + frame.items.size() - 1;
    journal.known = std::max(journal.known, journal.sent);
    uint64_t bytes = size_of(frame);
    journal.flights.push_back({journal.sent, bytes});
    record_bytes_ += bytes;
    out.emplace_back(std::move(frame));
  }
  return {};
}

bool MetaSession::in_step() const {
  if (!greeted_) return false;
  return std::all_of(states_.begin(), states_.end(), [&](const auto& entry) {
    const auto& state = entry.second;
    if (!state.heard || state.paused) return true;
    if (spaces_.is_home(entry.first)) return state.acked == state.known;
    auto own = state.journals.find(node_);
    return own == state.journals.end() || own->second.acked == own->second.known;
  });
}

std::map<BucketId, SpaceProgress> MetaSession::progress() const {
  std::map<BucketId, SpaceProgress> out;
  for (const auto& [id, state] : states_) {
    SpaceProgress p{state.epoch, state.sent, state.acked, 0};
    auto own = state.journals.find(node_);
    if (own != state.journals.end() && own->second.known > own->second.acked)
      p.unsent_records = own->second.known - own->second.acked;
    out[id] = p;
  }
  return out;
}

}  // namespace dl::sync
