#include "sync/body_session.h"

#include <algorithm>
#include <iterator>

#include "base/log.h"
#include "sync/limits.h"
#include "sync/meta_session.h"

namespace dl::sync {
namespace {

constexpr int kFramesInTurn = 4;

Error out_of_place(const std::string& what) {
  return error(Code::kInvalid, "the other side sent " + what, "Update the older of the two nodes.");
}

// What a multipart record's body hash is taken over (record.proto, BodyManifest).
Sha256 manifest_hash(const format::BodyManifest& manifest) {
  crypto::Sha256Hasher hasher;
  for (const auto& part : manifest.parts) {
    Bytes size;
    put_be64(size, part.size);
    hasher.update(size);
    hasher.update(part.sha256.view());
  }
  return hasher.finish();
}

format::Frame no_more(const RecordHash& record) {
  format::BodyFrame frame;
  frame.record = record;
  frame.missing = true;
  return frame;
}

uint64_t weight(const WantedBody& wanted) { return std::min<uint64_t>(wanted.size, kWindowBytes) + 256; }

}  // namespace

BodySession::BodySession(Spaces& spaces, DeviceId self, NodeId node, Peer peer, BodyEvents events)
    : spaces_(spaces), self_(self), node_(node), peer_(std::move(peer)), events_(std::move(events)) {}

format::Frame BodySession::hello(WallTime now) const {
  return format::HelloFrame{format::kSyncProtocol,
                            format::Channel::kBodies,
                            self_,
                            node_,
                            static_cast<uint64_t>(now.time_since_epoch().count()),
                            {},
                            false};
}

Result<BodySession::Frames> BodySession::on_frame(const format::Frame& frame) {
  Frames out;
  if (const auto* deny = std::get_if<format::DenyFrame>(&frame)) return error_of(*deny, peer_.name);
  if (const auto* ping = std::get_if<format::PingFrame>(&frame)) {
    if (!ping->reply) out.emplace_back(format::PingFrame{ping->nonce, true});
    return out;
  }
  if (const auto* hello = std::get_if<format::HelloFrame>(&frame)) {
    if (hello->protocol != format::kSyncProtocol)
      return error(Code::kUnsupported, peer_.name + " speaks another protocol", "Update the older of the two nodes.");
    if (hello->channel != format::Channel::kBodies || hello->device != peer_.device)
      return out_of_place("a hello of another channel");
    if (!peer_.node.is_zero() && hello->node != peer_.node)
      return error(Code::kForeign,
                   peer_.name + " comes under another incarnation than it enrolled with; its disk may have been copied",
                   "Retire the device and enrol it again; what it holds stays on it.");
    peer_.node = hello->node;
    greeted_ = true;
    return out;
  }
  if (!greeted_) return out_of_place("a frame before its hello");
  if (const auto* want = std::get_if<format::WantFrame>(&frame)) {
    DL_OK(on_want(*want, out));
  } else if (const auto* body = std::get_if<format::BodyFrame>(&frame)) {
    DL_OK(on_body(*body, out));
  } else if (const auto* ack = std::get_if<format::BodyAckFrame>(&frame)) {
    auto it = outgoing_.find(ack->record);
    if (it == outgoing_.end()) return out;  // of a body that was given up meanwhile
    auto& o = it->second;
    if (ack->offset > o.sent || ack->offset < o.acked)
      return out_of_place("an acknowledgement of bytes that it was not sent");
    outgoing_bytes_ -= ack->offset - o.acked;
    o.acked = ack->offset;
    if (first_ == ack->record) first_.reset();
    if (o.acked == o.body.size && o.finished) outgoing_.erase(it);
  } else {
    return out_of_place(std::string(format::frame_name(frame)) + " on the body channel");
  }
  return out;
}

// ---- asking and receiving

void BodySession::hurry(const BucketId& space, const RecordHash& record) {
  missing_.erase(record);
  if (!incoming_.contains(record) && hurried_.size() < kMaxQueuedWants) hurried_.emplace_back(space, record);
}

bool BodySession::has_room() const {
  return incoming_.size() < kMaxWants && (incoming_.empty() || incoming_bytes_ < kWindowBytes);
}

// Returns how many bodies of the space are wanted, on their way or not.
Result<size_t> BodySession::ask_in(const BucketId& space, Frames& out) {
  DL_TRY(auto list, spaces_.wanted(peer_, space, kMaxWants + missing_.size() + refused_.size()));
  for (const auto& wanted : list) {
    if (!has_room()) break;
    if (incoming_.contains(wanted.record) || missing_.contains(wanted.record) || refused_.contains(wanted.record))
      continue;
    DL_TRY(bool started, start_incoming(wanted, out));
    (void)started;
  }
  return list.size();
}

Result<void> BodySession::ask(Frames& out) {
  // Looking for more costs a scan: not before half of what was asked for has come.
  if (hurried_.empty() && incoming_.size() > kMaxWants / 2) return {};
  while (!hurried_.empty() && incoming_.size() < kMaxWants) {  // a person waits: beyond the byte window, too
    auto [space, record] = hurried_.front();
    hurried_.pop_front();
    if (incoming_.contains(record) || refused_.contains(record)) continue;
    DL_TRY(auto wanted, spaces_.find_wanted(space, record));
    if (!wanted) continue;
    DL_TRY(bool started, start_incoming(*wanted, out));
    (void)started;
  }
  if (!has_room()) return {};
  DL_TRY(auto shared, spaces_.shared_with(peer_));
  owed_.insert(shared_.begin(), shared_.end());  // those that were unassigned meanwhile
  shared_ = shared;
  for (const auto& space : shared) owed_.erase(space);
  for (const auto& space : shared) {
    if (!has_room()) return {};
    DL_OK(ask_in(space, out));
  }
  if (std::exchange(look_, false)) {
    DL_TRY(auto owed, spaces_.owed_by(peer_));
    owed_.insert(owed.begin(), owed.end());
  }
  for (auto it = owed_.begin(); it != owed_.end() && has_room();) {
    bool ours = spaces_.is_home(*it);
    if (ours) {
      DL_TRY(ours, spaces_.may_receive(peer_, *it));
    }
    size_t missing = 0;
    if (ours) {
      DL_TRY(missing, ask_in(*it, out));
    }
    it = missing > 0 ? std::next(it) : owed_.erase(it);
  }
  return {};
}

// Continues what is on disk already: the bytes are hashed again, for a hash cannot be kept across a restart.
Result<bool> BodySession::start_incoming(const WantedBody& wanted, Frames& out) {
  auto in = std::make_unique<Incoming>();
  in->wanted = wanted;
  if (wanted.size > kChunkBytes) {
    DL_TRY(auto before, spaces_.find_arriving(wanted));
    if (before) {
      in->manifest = before->manifest;
      if (wanted.multipart) {
        auto parts = format::decode_manifest(in->manifest);
        if (!parts.ok()) return std::move(parts).error();
        in->parts = std::move(*parts);
      }
      Bytes buffer(256 * 1024, '\0');
      for (uint64_t at = 0; at < before->length;) {
        size_t n = std::min<uint64_t>(buffer.size(), before->length - at);
        DL_OK(spaces_.read_arriving(wanted, *before, at, buffer.data(), n));
        auto hashed = hash_bytes(*in, BytesView(buffer).substr(0, n));
        if (!hashed.ok()) {
          DL_OK(spaces_.drop_arriving(wanted));
          return std::move(hashed).error();
        }
        at += n;
      }
      in->received = in->durable = before->length;
    }
  }
  out.emplace_back(format::WantFrame{wanted.space, wanted.record, in->received});
  incoming_bytes_ += weight(wanted);
  incoming_.emplace(wanted.record, std::move(in));
  return true;
}

Result<void> BodySession::on_body(const format::BodyFrame& frame, Frames& out) {
  auto it = incoming_.find(frame.record);
  if (it == incoming_.end()) {
    // The other side refused what we send, or it answers a wish that was given up meanwhile.
    if (frame.missing) give_up_outgoing(frame.record);
    return {};
  }
  auto& in = *it->second;
  if (frame.missing) {
    missing_.insert(frame.record);
    incoming_bytes_ -= weight(in.wanted);
    incoming_.erase(it);
    return {};
  }
  auto taken = take_bytes(in, frame, out);
  if (!taken.ok()) {
    if (taken.error().code == Code::kNotFound) {  // nobody wants it any more
      out.emplace_back(no_more(frame.record));
      incoming_bytes_ -= weight(in.wanted);
      incoming_.erase(it);
      return {};
    }
    // Bytes that do not match their record are refused; everything else ends the session.
    if (taken.error().code != Code::kCorrupt) return taken;
    out.emplace_back(no_more(frame.record));
    return refuse(frame.record, taken.error());
  }
  return {};
}

Result<void> BodySession::take_bytes(Incoming& in, const format::BodyFrame& frame, Frames& out) {
  if (in.whole) return error(Code::kCorrupt, "bytes behind the end of a body");
  if (!frame.manifest.empty()) {
    if (!in.wanted.multipart || in.parts || in.manifest.size() + frame.manifest.size() > kMaxManifestBytes)
      return error(Code::kCorrupt, "a part list that does not belong here");
    in.manifest += frame.manifest;
    return {};
  }
  if (in.wanted.multipart && !in.parts) {
    DL_TRY(auto parts, format::decode_manifest(in.manifest));
    if (manifest_hash(parts) != in.wanted.body_hash)
      return error(Code::kCorrupt, "the part list does not match the record's body hash");
    uint64_t total = 0;
    for (const auto& part : parts.parts) total += part.size;
    if (total != in.wanted.size) return error(Code::kCorrupt, "the part list does not add up to the body's size");
    in.parts = std::move(parts);
  }
  if (frame.offset != in.received) return error(Code::kInvalid, "body bytes that leave a gap");
  if (frame.data.size() > in.wanted.size - in.received)
    return error(Code::kCorrupt, "a body longer than its record says");
  DL_OK(hash_bytes(in, frame.data));
  in.chunk += frame.data;
  in.received += frame.data.size();
  bool end = in.received == in.wanted.size;
  if (end != frame.last) return error(Code::kCorrupt, "a body whose end is not where its record says");
  if (end && !in.parts && in.hasher.finish() != in.wanted.body_hash)
    return error(Code::kCorrupt, "a body that does not match its record's hash");
  if (end) in.whole = true;
  if (in.wanted.size <= kChunkBytes) {
    if (end) ready_.push_back(frame.record);
    return {};
  }
  if (in.chunk.size() >= kChunkBytes || end) return store_chunk(in, out);
  return {};
}

// Multipart: every part is checked at its end, so that a bad byte is found before much is stored behind it.
Result<void> BodySession::hash_bytes(Incoming& in, BytesView data) {
  if (!in.parts) {
    in.hasher.update(data);
    return {};
  }
  while (!data.empty()) {
    if (in.part >= in.parts->parts.size()) return error(Code::kCorrupt, "bytes behind the last part");
    const auto& part = in.parts->parts[in.part];
    size_t n = std::min<uint64_t>(data.size(), part.size - in.part_bytes);
    in.hasher.update(data.substr(0, n));
    in.part_bytes += n;
    data.remove_prefix(n);
    if (in.part_bytes < part.size) return {};
    if (in.hasher.finish() != part.sha256)
      return error(Code::kCorrupt, "part " + std::to_string(in.part + 1) + " does not match its hash");
    in.part++;
    in.part_bytes = 0;
  }
  return {};
}

Result<void> BodySession::store_chunk(Incoming& in, Frames& out) {
  DL_OK(spaces_.add_chunk(in.wanted, in.chunk, in.manifest));
  in.chunk.clear();
  in.durable = in.received;
  auto wanted = in.wanted;
  if (in.whole) {
    DL_OK(spaces_.finish_arriving(wanted));
    incoming_bytes_ -= weight(wanted);
    incoming_.erase(wanted.record);
    if (events_.body_arrived) events_.body_arrived(wanted.space, wanted.record);
    out.emplace_back(format::BodyAckFrame{wanted.record, wanted.size});
  } else {
    out.emplace_back(format::BodyAckFrame{wanted.record, in.durable});
  }
  return {};
}

Result<void> BodySession::refuse(const RecordHash& record, const Error& why) {
  auto it = incoming_.find(record);
  auto wanted = it->second->wanted;
  log_warn("sync", "a body from {} was refused: {}", peer_.name, why.message);
  refused_.insert(record);
  incoming_bytes_ -= weight(wanted);
  incoming_.erase(it);
  if (wanted.size > kChunkBytes) DL_OK(spaces_.drop_arriving(wanted));
  if (events_.body_refused) events_.body_refused(wanted.space, record, why);
  return {};
}

Result<void> BodySession::finish_small(Frames& out) {
  if (ready_.empty()) return {};
  std::vector<WholeBody> bodies;
  for (const auto& record : ready_) {
    auto& in = *incoming_.at(record);
    bodies.push_back({in.wanted, std::move(in.chunk), std::move(in.manifest)});
  }
  std::vector<WantedBody> done;
  for (const auto& body : bodies) done.push_back(body.wanted);
  DL_OK(spaces_.take_bodies(std::move(bodies)));
  for (const auto& wanted : done) {
    incoming_bytes_ -= weight(wanted);
    incoming_.erase(wanted.record);
    out.emplace_back(format::BodyAckFrame{wanted.record, wanted.size});
    if (events_.body_arrived) events_.body_arrived(wanted.space, wanted.record);
  }
  ready_.clear();
  return {};
}

Result<BodySession::Frames> BodySession::flush() {
  Frames out;
  if (!greeted_) return out;
  DL_OK(finish_small(out));
  DL_OK(ask(out));
  DL_OK(send(out));
  return out;
}

// ---- answering

Result<void> BodySession::on_want(const format::WantFrame& want, Frames& out) {
  if (outgoing_.contains(want.record)) return out_of_place("a second wish for a body that is on its way");
  if (outgoing_.size() >= kMaxQueuedWants) return out_of_place("more wishes than a session holds");
  DL_TRY(auto body, spaces_.open_body(peer_, want.space, want.record));
  if (!body || want.offset > body->size) {
    out.emplace_back(no_more(want.record));
    return {};
  }
  Outgoing o;
  o.space = want.space;
  o.record = want.record;
  o.body = std::move(*body);
  o.sent = o.acked = want.offset;
  // Where it continues, the other side has the part list already.
  o.manifest_sent = want.offset > 0 ? o.body.manifest.size() : 0;
  outgoing_.emplace(want.record, std::move(o));
  order_.push_back(want.record);
  return {};
}

void BodySession::give_up_outgoing(const RecordHash& record) {
  auto it = outgoing_.find(record);
  if (it == outgoing_.end()) return;
  outgoing_bytes_ -= it->second.sent - it->second.acked;
  outgoing_.erase(it);
  std::erase(order_, record);
  if (first_ == record) first_.reset();
}

// In turn, a few frames each: a small body never waits for the end of a large one.
Result<void> BodySession::send(Frames& out) {
  for (size_t stuck = 0; stuck < order_.size();) {
    if (!first_) first_ = order_.front();
    auto& o = outgoing_.at(order_.front());
    size_t before = out.size();
    auto sent = send_some(o, out);
    if (!sent.ok() && sent.error().code == Code::kCorrupt) {
      // It may come from another node, or be whole again after a repair; the others need not wait for that.
      const RecordHash record = o.record;
      log_warn("sync", "a body that {} asks for cannot be given: {}", peer_.name, sent.error().message);
      out.emplace_back(no_more(record));
      give_up_outgoing(record);
      stuck = 0;
      continue;
    }
    DL_OK(sent);
    stuck = out.size() == before ? stuck + 1 : 0;
    order_.pop_front();
    if (!o.finished) order_.push_back(o.record);
  }
  return {};
}

// Whether the next frame of that body fits into the window.
bool BodySession::fits_window(const Outgoing& o) const {
  uint64_t kept = 0;
  if (first_ && *first_ != o.record) {
    // What the other side waits for before it acknowledges: a chunk or the end.
    const auto& f = outgoing_.at(*first_);
    uint64_t due = std::min<uint64_t>(f.body.size - f.acked, kChunkBytes + format::kFramePayloadBytes);
    kept = due - std::min(due, f.sent - f.acked);
  }
  return outgoing_bytes_ + std::min<uint64_t>(format::kFramePayloadBytes, o.body.size - o.sent) + kept <= kWindowBytes;
}

Result<void> BodySession::send_some(Outgoing& o, Frames& out) {
  if (!fits_window(o)) return {};
  while (o.manifest_sent < o.body.manifest.size()) {
    format::BodyFrame frame;
    frame.record = o.record;
    frame.manifest = o.body.manifest.substr(o.manifest_sent, format::kFramePayloadBytes);
    o.manifest_sent += frame.manifest.size();
    out.emplace_back(std::move(frame));
  }
  int frames = 0;
  do {
    format::BodyFrame frame;
    frame.record = o.record;
    frame.offset = o.sent;
    frame.data.resize(std::min<uint64_t>(format::kFramePayloadBytes, o.body.size - o.sent));
    if (!frame.data.empty()) DL_OK(spaces_.read_body(o.space, o.body, o.sent, frame.data.data(), frame.data.size()));
    o.sent += frame.data.size();
    outgoing_bytes_ += frame.data.size();
    frame.last = o.finished = o.sent == o.body.size;
    out.emplace_back(std::move(frame));
  } while (!o.finished && ++frames < kFramesInTurn && fits_window(o));
  return {};
}

}  // namespace dl::sync
