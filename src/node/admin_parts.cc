#include "node/admin_parts.h"

#include <algorithm>

#include "base/hex.h"
#include "base/task.h"
#include "journal/follow.h"
#include "journal/receive.h"

namespace dl::node {
namespace {

constexpr uint64_t kMaxArchiveBytes = 16ull << 30;

std::string state_name(sync::LinkState state) {
  switch (state) {
    case sync::LinkState::kDown:
      return "down";
    case sync::LinkState::kConnecting:
      return "connecting";
    case sync::LinkState::kConnected:
      return "connected";
    case sync::LinkState::kPaused:
      return "paused";
  }
  return "down";
}

api::admin::LinkStatus link_status(const sync::LinkReport& r) {
  return {r.peer, state_name(r.state), r.last_contact, r.message, r.sent_bytes, r.received_bytes};
}

api::admin::ImageInfo image_info(const registry::ImageSummary& image) {
  api::admin::ImageInfo info;
  info.name = image.names.empty() ? "" : image.names.front();
  info.digest = "sha256:" + image.digest.hex();
  info.os = "linux";
  info.architecture = image.architecture;
  info.size = image.size;
  info.imported = WallTime(Millis(static_cast<int64_t>(image.imported_millis)));
  return info;
}

}  // namespace

// ---- sync

void SyncAdmin::add_spaces(const sync::LinkReport& link, api::admin::SyncStatus& out) {
  auto state = parts_.control->state();
  for (const auto& [name, id] : state->bucket_names) {
    if (parts_.hub_link && !link.progress.contains(id)) continue;
    auto held = parts_.spaces->find_space(id);
    if (!held) continue;
    auto view = held->partition->snapshot();
    if (!view.ok()) continue;
    api::admin::SpaceStatus space;
    space.bucket = name;
    space.peer = link.peer;
    auto position = journal::read_position(**view, held->space);
    if (!position.ok()) continue;
    auto progress = link.progress.find(id);
    if (parts_.hub_link) {
      space.cursor = progress->second.acked;
      space.newest = position->cursor.csn;
    } else {
      space.cursor = position->cursor.csn;
      space.newest = position->cursor.csn;
      space.as_of = link.last_contact;
      auto heads = journal::journal_heads(**view, held->space);
      if (heads.ok())
        for (const auto& head : *heads)
          if (head.origin == held->space.self && head.received > head.decided)
            space.undecided = head.received - head.decided;
    }
    auto wanted = journal::wanted(**view, held->space, 10'000);
    if (wanted.ok()) {
      space.bodies_missing = wanted->size();
      for (const auto& w : *wanted) space.bytes_missing += w.size;
    }
    out.spaces.push_back(std::move(space));
  }
}

std::vector<api::admin::LinkStatus> SyncAdmin::links() const {
  std::vector<api::admin::LinkStatus> out;
  if (parts_.device_link) out.push_back(link_status(parts_.device_link->report()));
  if (!parts_.hub_link) return out;
  for (const auto& report : parts_.hub_link->report()) out.push_back(link_status(report));
  for (const auto& [name, device] : parts_.control->state()->devices) {
    bool seen = std::any_of(out.begin(), out.end(), [&](const auto& link) { return link.peer == name; });
    if (!seen)
      out.push_back({name, "down", std::nullopt,
                     std::string(format::device_state_name(device.state)) + ", not heard of since this start", 0, 0});
  }
  return out;
}

api::admin::SyncStatus SyncAdmin::status() {
  api::admin::SyncStatus out;
  out.links = links();
  if (parts_.device_link) {
    auto report = parts_.device_link->report();
    out.paused = report.state == sync::LinkState::kPaused;
    add_spaces(report, out);
  }
  if (parts_.hub_link)
    for (const auto& report : parts_.hub_link->report()) add_spaces(report, out);
  return out;
}

Result<void> SyncAdmin::now(const std::string& peer) {
  if (parts_.device_link && (peer.empty() || peer == parts_.device_link->report().peer)) {
    parts_.device_link->now();
    return {};
  }
  if (parts_.hub_link) {
    parts_.hub_link->changed_all();
    return {};
  }
  return error(Code::kNotFound, "this node has no link to '" + peer + "'");
}

Result<void> SyncAdmin::pause(const std::string&) {
  if (!parts_.device_link)
    return error(Code::kUnsupported, "links are paused at the device in this version",
                 "Or suspend the device: `demilune device suspend`.");
  parts_.device_link->pause();
  return {};
}

Result<void> SyncAdmin::resume(const std::string&) {
  if (!parts_.device_link) return error(Code::kUnsupported, "links are paused at the device in this version");
  parts_.device_link->resume();
  return {};
}

Result<std::vector<api::admin::Fact>> SyncAdmin::why(const std::string& bucket, const Bytes& key) {
  auto info = parts_.spaces->find_bucket(bucket);
  if (!info) return error(Code::kNotFound, "there is no bucket '" + bucket + "' here");
  auto held = parts_.spaces->find_space(info->id);
  if (!held) return error(Code::kNotFound, "bucket '" + bucket + "' is not held here");
  DL_TRY(auto view, held->partition->snapshot());
  DL_TRY(auto found, journal::find_key(*view, held->space, key));
  std::vector<api::admin::Fact> facts;
  if (!found.current) {
    facts.push_back({"state", "there is no current version of it here"});
    if (found.arriving > 0)
      facts.push_back(
          {"arriving", std::to_string(found.arriving) + " versions are known whose content is not here yet"});
    return facts;
  }
  const auto& v = *found.current;
  bool committed = v.state == journal::State::kCommitted;
  facts.push_back({"version", v.version.hex()});
  facts.push_back({"written by", v.record.principal});
  facts.push_back(
      {"state", committed ? "committed: safe at the hub" : "tentative: durable here, the hub has not decided yet"});
  DL_TRY(auto heads, journal::journal_heads(*view, held->space));
  for (const auto& head : heads)
    if (head.origin == v.record.origin && !(held->space.home && head.origin == held->space.self))
      facts.push_back({"seal", head.sealed >= v.record.oseq
                                   ? held->space.home ? "checked: its device signed it" : "signed by this device"
                                   : "not yet: within a second of the write"});
  facts.push_back({"content", v.body_here ? "here" : "elsewhere: only its record is here"});
  if (found.conflict_count > 0)
    facts.push_back({"conflict", std::to_string(found.conflict_count) + " other versions did not know it"});
  if (found.arriving > 0) facts.push_back({"arriving", std::to_string(found.arriving) + " versions are on their way"});
  if (parts_.device_link) {
    auto link = parts_.device_link->report();
    facts.push_back({"link", state_name(link.state) + (link.message.empty() ? "" : ": " + link.message)});
    if (!committed)
      facts.push_back({"waits for", link.state == sync::LinkState::kConnected ? "its turn on the link"
                                                                              : "the link to " + link.peer});
  }
  return facts;
}

// ---- images

Result<std::vector<api::admin::ImageInfo>> ImagesAdmin::list() {
  DL_TRY(auto images, images_.list());
  std::vector<api::admin::ImageInfo> out;
  for (const auto& image : images) {
    auto info = image_info(image);
    out.push_back(info);
    for (size_t i = 1; i < image.names.size(); i++) {
      info.name = image.names[i];
      out.push_back(info);
    }
  }
  return out;
}

Task<api::admin::ImageInfo> ImagesAdmin::import(net::BodyReader* archive, std::string name) {
  std::string path = tmp_dir_ + "/import-" + to_hex(random_.bytes(8)) + ".tar";
  DL_CO_TRY(auto opened, fs_.open_write(path, storage::OpenMode::kCreateNew, 0600));
  std::shared_ptr<storage::WriteFile> file = std::move(opened);
  auto& fs = fs_;
  Bytes buffer(256 * 1024, '\0');
  uint64_t total = 0;
  std::optional<Error> failed;
  while (!failed) {
    auto n = co_await archive->read(buffer.data(), buffer.size());
    if (!n.ok()) {
      failed = std::move(n).error();
      break;
    }
    if (*n == 0) break;
    total += *n;
    if (total > kMaxArchiveBytes) failed = error(Code::kTooLarge, "the archive is larger than 16 GiB");
    if (failed) break;
    BytesView data = BytesView(buffer).substr(0, *n);
    auto wrote = co_await net::run_blocking(runtime_, [file, data] { return file->append(data); });
    if (!wrote.ok()) failed = std::move(wrote).error();
  }
  auto imported = std::make_shared<std::vector<registry::ImageSummary>>();
  if (!failed) {
    auto done = co_await net::run_blocking(runtime_, [this, path, name, imported]() -> Result<void> {
      DL_TRY(*imported, images_.import(path, {name, {}}));
      return {};
    });
    if (!done.ok()) failed = std::move(done).error();
  }
  (void)(co_await net::run_blocking(runtime_, [&fs, path] { return fs.remove(path); })).ok();
  if (failed) co_return std::move(*failed);
  if (imported->empty()) co_return error(Code::kInvalid, "there is no image in the archive");
  co_return image_info(imported->front());
}

Result<void> ImagesAdmin::remove(const std::string& name) {
  DL_TRY(auto gone, images_.remove(name, [this](const Sha256& digest) {
    auto used = compute_.uses_image(digest);
    return !used.ok() || *used;  // when it cannot be told, the image stays
  }));
  (void)gone;
  return {};
}

}  // namespace dl::node
