#pragma once

#include <algorithm>
#include <array>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "sync/body_session.h"
#include "sync/meta_session.h"
#include "sync/testing/site.h"

// A link without sockets: the sessions of a hub and a device, and the frames on their way between them.
namespace dl::sync::testing {

enum class Way : uint8_t { kMetaUp, kMetaDown, kBodyUp, kBodyDown };  // up: to the hub
inline constexpr std::array kWays{Way::kMetaUp, Way::kMetaDown, Way::kBodyUp, Way::kBodyDown};

class Link {
 public:
  // Spaces other than the sites' own (a planted bug) may stand in between.
  Link(Site& hub, Site& device, Spaces* hub_spaces = nullptr, Spaces* device_spaces = nullptr)
      : hub_{hub, hub_spaces ? *hub_spaces : hub.spaces, {}, {}},
        device_{device, device_spaces ? *device_spaces : device.spaces, {}, {}} {}

  // New sessions at both ends; their hellos are on the way.
  void connect() {
    cut();
    ended.reset();
    open(hub_, device_, Way::kMetaDown, Way::kBodyDown);
    open(device_, hub_, Way::kMetaUp, Way::kBodyUp);
  }
  // Sessions and what is on the way are gone.
  void cut() {
    for (auto* end : {&hub_, &device_}) {
      end->meta.reset();
      end->body.reset();
    }
    for (auto& queue : queues_) queue.clear();
  }
  bool up() const { return hub_.meta != nullptr; }
  bool quiet() const {
    return std::all_of(queues_.begin(), queues_.end(), [](const auto& q) { return q.empty(); });
  }
  size_t waiting(Way way) const { return queues_[static_cast<size_t>(way)].size(); }
  MetaSession& meta(bool hub) { return hub ? *hub_.meta : *device_.meta; }
  BodySession& body(bool hub) { return hub ? *hub_.body : *device_.body; }

  // Hands over the next frame; false when there is none.
  bool deliver(Way way) {
    auto& queue = queues_[static_cast<size_t>(way)];
    if (!up() || queue.empty()) return false;
    format::Frame frame = queue.front();
    queue.pop_front();
    if (spoil) spoil(way, frame);
    bool up_way = way == Way::kMetaUp || way == Way::kBodyUp, meta = way == Way::kMetaUp || way == Way::kMetaDown;
    End& end = up_way ? hub_ : device_;
    take(end, meta, meta ? end.meta->on_frame(frame) : end.body->on_frame(frame));
    if (up() && !meta) take(end, false, end.body->flush());
    if (std::exchange(moved_, false) && moved) moved();
    return true;
  }
  // Both ends look for what is new.
  void change(bool hub_too = true, bool bodies = true) {
    for (auto* end : {&device_, &hub_}) {
      if (!up() || (end == &hub_ && !hub_too)) continue;
      take(*end, true, end->meta->on_change());
      if (up() && bodies) take(*end, false, end->body->flush());
    }
  }

  std::optional<Error> ended;                                     // why a session ended by itself
  std::function<void(Way, format::Frame&)> spoil;                 // changes a frame as it arrives
  std::function<void(Way, const format::Frame&)> sent;            // sees every frame as it leaves
  std::function<void(Site&, const BucketId&, uint64_t)> settled;  // the home holds all of a journal
  std::function<void()> moved;  // a side has something new: others may have news for others

 private:
  struct End {
    Site& site;
    Spaces& spaces;
    std::unique_ptr<MetaSession> meta;
    std::unique_ptr<BodySession> body;
  };

  void open(End& end, End& other, Way meta, Way body) {
    auto news = [this, &end](const BucketId& space) {
      moved_ = true;
      if (end.body) end.body->records_arrived(space);
    };
    auto settles = [this, &end](const BucketId& space, uint64_t oseq) {
      if (settled) settled(end.site, space, oseq);
    };
    Peer peer = other.site.as_peer();
    end.meta = std::make_unique<MetaSession>(end.spaces, end.site.device, end.site.node.space.self, peer,
                                             SessionEvents{news, news, settles});
    end.body =
        std::make_unique<BodySession>(end.spaces, end.site.device, end.site.node.space.self, peer,
                                      BodyEvents{[this](const BucketId&, const RecordHash&) { moved_ = true; }, {}});
    put(meta, end.meta->start(end.site.clock.wall()).value());
    put(body, {end.body->hello(end.site.clock.wall())});
  }
  void take(End& end, bool meta, Result<std::vector<format::Frame>> out) {
    if (!out.ok()) {
      ended = out.error();
      cut();
      return;
    }
    bool hub = &end == &hub_;
    put(meta ? (hub ? Way::kMetaDown : Way::kMetaUp) : (hub ? Way::kBodyDown : Way::kBodyUp), *out);
  }
  // Every frame goes through its bytes.
  void put(Way way, const std::vector<format::Frame>& frames) {
    for (const auto& frame : frames) {
      if (sent) sent(way, frame);
      format::FrameReader reader;
      reader.feed(format::encode_frame(frame).value());
      queues_[static_cast<size_t>(way)].push_back(reader.next().value().value());
    }
  }

  End hub_, device_;
  bool moved_ = false;
  std::array<std::deque<format::Frame>, 4> queues_;
};

// Delivers in turn until nothing is on its way and nobody has news. False: it did not come to rest in `max` frames.
inline bool run(const std::vector<Link*>& links, size_t max = 20'000) {
  bool news = true;
  for (auto* link : links) link->moved = [&news] { news = true; };
  size_t frames = 0;
  while (frames <= max) {
    if (std::exchange(news, false))
      for (auto* link : links) link->change();
    bool any = false;
    for (auto* link : links)
      for (Way way : kWays)
        if (link->deliver(way)) {
          any = true;
          frames++;
        }
    if (!any && !news) break;
  }
  for (auto* link : links) link->moved = {};
  return frames <= max;
}

}  // namespace dl::sync::testing
