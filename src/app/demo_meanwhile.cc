#include <fmt/format.h>

#include "app/demo_story.h"
#include "crypto/hash.h"
#include "net/cut_proxy.h"

namespace dl::app {
namespace {

using format::Json;

constexpr size_t kConflictsEach = 6, kOneSided = 5, kDeletesEach = 10, kNewEach = 15;
constexpr Millis kMeeting{120'000};

std::vector<std::pair<std::string, Bytes>> changed(const std::vector<std::string>& keys, const std::string& who) {
  std::vector<std::pair<std::string, Bytes>> out;
  for (const auto& key : keys) out.emplace_back(key, fmt::format("{} has another opinion of {}\n", who, key));
  return out;
}

// One of the hub and field-02: changes objects that ben changed, too, changes others, deletes others, writes new ones.
Result<void> play_one(DemoWorld& w, DemoNode& node, size_t which) {
  std::vector<std::string> both, alone, gone;
  for (size_t i = 0; i < kConflictsEach; i++) both.push_back(w.documents[(which * kConflictsEach + i) * 40]);
  for (size_t i = 0; i < kOneSided; i++) alone.push_back(w.documents[(which * kOneSided + i) * 40 + 2]);
  for (size_t i = 0; i < kDeletesEach; i++) gone.push_back(w.documents[(which * kDeletesEach + i) * 40 + 3]);
  const std::string& who = node.person().name;
  DL_OK(w.upload(node, changed(both, who), DemoWorld::Beside::kYes));
  w.conflicts.insert(w.conflicts.end(), both.begin(), both.end());
  // One that ben deleted is changed here, one that he changed is deleted here: conflicts, too.
  const std::string deleted_here = w.documents[which * 40 + 1];
  const std::string deleted_there = w.documents[(2 * kConflictsEach + which) * 40];
  DL_OK(w.upload(node, changed({deleted_here}, who)));
  DL_OK(w.delete_keys(node, {deleted_there}, DemoWorld::Beside::kYes));
  w.deleted_here.insert(deleted_here);
  w.deleted_there.insert(deleted_there);
  w.conflicts.insert(w.conflicts.end(), {deleted_here, deleted_there});
  auto files = changed(alone, who);
  for (size_t i = 0; i < kNewEach; i++)
    files.emplace_back(fmt::format("{}/plan-{:02}.txt", node.name(), i), fmt::format("plan {} of {}\n", i, who));
  DL_OK(w.upload(node, files));
  DL_OK(w.delete_keys(node, gone));
  say(fmt::format(
      "At {} {} changed {} objects that ben changed too and {} others, deleted {} and wrote {} new ones; and "
      "changed one that ben deleted, and deleted one that he changed.",
      node.name(), who, both.size(), alone.size(), gone.size(), kNewEach));
  return {};
}

// Empty when all three show the same; else what differs.
Result<std::string> difference(const std::vector<std::unique_ptr<DemoS3>>& clients) {
  std::vector<std::vector<DemoVersion>> all;
  for (const auto& client : clients) {
    DL_TRY(auto versions, client->versions(kDemoBucket));
    all.push_back(std::move(versions));
  }
  auto text = [](const DemoVersion& v) {
    return fmt::format("{} {}{}{}", v.key, v.version, v.marker ? " marker" : "", v.latest ? " latest" : "");
  };
  static constexpr const char* kNames[] = {"hub", "field-01", "field-02"};
  for (size_t n = 1; n < all.size(); n++) {
    if (all[n] == all[0]) continue;
    for (size_t i = 0; i < std::max(all[n].size(), all[0].size()); i++)
      if (i >= all[n].size() || i >= all[0].size() || all[n][i] != all[0][i])
        return fmt::format("{} versions at the hub, {} at {}; first difference: hub [{}], {} [{}]", all[0].size(),
                           all[n].size(), kNames[n], i < all[0].size() ? text(all[0][i]) : "-", kNames[n],
                           i < all[n].size() ? text(all[n][i]) : "-");
  }
  return std::string();
}

Result<void> wait_same(DemoWorld& w) {
  std::vector<std::unique_ptr<DemoS3>> clients;
  for (const auto* node : w.nodes()) {
    DL_TRY(auto client, node->s3());
    clients.push_back(std::move(client));
  }
  std::string last;
  auto same = wait_until("all three show the same listing and versions", kMeeting, [&]() -> Result<bool> {
    DL_TRY(last, difference(clients));
    return last.empty();
  });
  if (same.ok()) return {};
  auto e = std::move(same).error();
  return error(e.code, e.message + "; " + last);
}

Result<Json> list_conflicts(DemoNode& node) {
  DL_TRY(auto answer, node.command({"conflict", "list", kDemoBucket}));
  const Json* conflicts = answer.find("conflicts");
  if (!conflicts || !conflicts->is_array()) return error(Code::kInternal, "conflict list shows no list");
  return *conflicts;
}

// What one version of a conflict is: its content's hash, empty for a delete. Errors: it is not named as it must be.
Result<std::string> content_of(DemoWorld& w, DemoS3& client, const std::string& key, const Json& v) {
  if (v.text("device").empty() || v.text("principal").empty() || v.text("written").empty())
    return error(Code::kInternal, "conflict show lacks device, person or time: " + format::write_json(v));
  if (v.text("kind") == "delete-marker") {
    if (v.text("current") == "true") return error(Code::kInternal, "a delete hides what was written: " + key);
    return std::string();
  }
  DL_TRY(auto hash, client.get_hash(kDemoBucket, key, v.text("version")));
  if (!w.ledger.expected(key).contains(hash))
    return error(Code::kCorrupt, "a version of " + key + " has a content nobody wrote");
  return hash;
}

// One conflict: device, person and time of each version are named, contents can be read, ben's is kept.
Result<void> settle(DemoWorld& w, DemoS3& client, const std::string& key, bool tell) {
  std::string object = std::string("s3://") + kDemoBucket + "/" + key;
  DL_TRY(auto shown, w.hub->command({"conflict", "show", object}));
  const Json* versions = shown.find("versions");
  if (!versions || !versions->is_array() || versions->items().size() < 2)
    return error(Code::kInternal, "conflict show names fewer than two versions of " + key);
  std::string keep, kept_hash;
  size_t deletes = 0;
  if (tell) say_line("    " + object);
  for (const auto& v : versions->items()) {
    DL_TRY(auto hash, content_of(w, client, key, v));
    if (hash.empty()) deletes++;
    if (v.text("principal").find("ben") != std::string::npos) {
      keep = v.text("version");
      kept_hash = hash;
    }
    if (tell)
      say_line(fmt::format("      {} {}  by {} at {}, {}{}", hash.empty() ? "delete " : "version", v.text("version"),
                           v.text("principal"), v.text("device"), v.text("written"),
                           v.text("current") == "true" ? ", current" : ""));
  }
  if (keep.empty()) return error(Code::kInternal, "no version of " + key + " is ben's: " + format::write_json(shown));
  if (deletes != w.deleted_here.count(key) + w.deleted_there.count(key))
    return error(Code::kInternal, "the delete of " + key + " is not named: " + format::write_json(shown));
  DL_TRY(auto resolved, w.hub->command({"conflict", "resolve", object, "--keep", keep}));
  kept_hash.empty() ? w.ledger.settled_gone(key) : w.ledger.settled(key, kept_hash);
  w.conflicts_settled++;
  return {};
}

}  // namespace

Result<void> play_others(DemoWorld& w) {
  DL_OK(play_one(w, *w.hub, 0));
  DL_OK(play_one(w, *w.field2, 1));
  return {};
}

Result<void> play_meeting(DemoWorld& w) {
  auto start = system_clock().mono();
  w.link1->mend();
  say("The link of field-01 works again. It tells the hub what it wrote, hears what it missed; bodies follow.");
  DL_OK(wait_same(w));
  w.met_after = std::chrono::duration_cast<Millis>(system_clock().mono() - start);
  say(fmt::format("After {:.1f} s all three nodes show the same listing and the same versions.",
                  static_cast<double>(w.met_after.count()) / 1000));
  DL_OK(w.wait_settled(*w.field1, kMeeting));
  DL_OK(w.wait_settled(*w.field2, kMeeting));
  for (const auto* node : w.nodes()) {
    DL_TRY(auto client, node->s3());
    DL_TRY(auto faults, w.ledger.check_current(*client, kDemoBucket));
    if (!faults.found.empty()) {
      std::string all;
      for (size_t i = 0; i < faults.found.size() && i < 5; i++) all += "\n    " + faults.found[i];
      return error(Code::kCorrupt, fmt::format("{} faults at {}:{}", faults.found.size(), node->name(), all));
    }
  }
  say("What only one side changed is simply there, on all three; nothing that was deleted is back.");
  return {};
}

Result<void> play_conflicts(DemoWorld& w) {
  DL_TRY(auto listed, list_conflicts(*w.hub));
  std::set<std::string> shown;
  for (const auto& c : listed.items()) shown.insert(c.text("key"));
  w.conflicts_seen = shown.size();
  std::set<std::string> wanted(w.conflicts.begin(), w.conflicts.end());
  if (shown != wanted)
    return error(Code::kInternal, fmt::format("{} conflicts are shown, {} were made", shown.size(), wanted.size()));
  for (auto* device : {w.field1.get(), w.field2.get()}) {
    DL_TRY(auto there, list_conflicts(*device));
    if (there.items().size() != wanted.size())
      return error(Code::kInternal, fmt::format("{} shows {} conflicts, the hub {}", device->name(),
                                                there.items().size(), wanted.size()));
  }
  say(
      fmt::format("`demilune conflict list` shows {} conflicts on every node: exactly the objects that both sides "
                  "changed, or one changed and the other deleted. Each names its versions:",
                  shown.size()));
  DL_TRY(auto client, w.hub->s3());
  const std::set<std::string> told{w.conflicts.front(), *w.deleted_here.begin(), *w.deleted_there.begin()};
  for (const auto& key : wanted) DL_OK(settle(w, *client, key, told.contains(key)));
  say("Contents can be read by their version; a change stays in sight beside a delete. `conflict resolve --keep` "
      "settled "
      "each with what ben did, his deletes, too.");
  DL_OK(wait_same(w));
  for (auto* node : w.nodes())
    DL_OK(wait_until("no conflict is left at " + node->name(), kMeeting, [&]() -> Result<bool> {
      DL_TRY(auto left, list_conflicts(*node));
      return left.items().empty();
    }));
  say("No conflict is left on any node.");
  return {};
}

Result<void> play_check(DemoWorld& w) {
  DL_OK(w.wait_settled(*w.field1, kMeeting));
  DL_OK(w.wait_settled(*w.field2, kMeeting));
  DL_OK(wait_same(w));
  std::vector<std::string> found;
  for (const auto* node : w.nodes()) {
    DL_TRY(auto client, node->s3());
    DL_TRY(auto now, w.ledger.check_current(*client, kDemoBucket));
    for (const auto& f : now.found) found.push_back(node->name() + ": " + f);
    say(fmt::format("{}: read {} objects, {} faults.", node->name(), grouped(now.read), now.found.size()));
  }
  DL_TRY(auto client, w.hub->s3());
  DL_TRY(auto versions, w.ledger.check_versions(*client, kDemoBucket));
  for (const auto& f : versions.found) found.push_back("hub: " + f);
  say(fmt::format("hub: read all {} versions; every acknowledged write, overwritten or not, must be among them.",
                  grouped(versions.read)));
  w.lost = found.size();
  for (size_t i = 0; i < found.size() && i < 20; i++) say_line("    " + found[i]);
  if (!found.empty()) return error(Code::kCorrupt, fmt::format("{} faults", found.size()));
  return {};
}

}  // namespace dl::app
