#include "app/demo_story.h"

#include <atomic>

#include <fmt/format.h>

#include "base/thread.h"
#include "crypto/hash.h"
#include "storage/file_system.h"

namespace dl::app {
namespace {

constexpr size_t kNewFiles = 300, kOverwrites = 50, kDeletes = 20, kWritesBeforeKill = 150;

Bytes report_text(const std::string& who, const std::string& what, size_t number) {
  return fmt::format("{} {} {}\n", who, what, number) + std::string(200 + 37 * (number % 50), '.') + "\n";
}

Result<void> play_build(DemoWorld& w) {
  say("A hub starts in an empty directory: it makes its keys, its CA and its first user. Each device enrols with a "
      "code that works once, and its link to the hub goes through a proxy of this demo that can really cut it.");
  DL_OK(w.build());
  for (const auto* node : w.nodes())
    say(fmt::format("{:<9} serves S3 at {}, person there: {}", node->name(), node->data_url(), node->person().name));
  auto again = w.hub->command({"device", "show", "field-01"});
  if (!again.ok()) return std::move(again).error();
  if (again->text("state") != "enrolled") return error(Code::kInternal, "field-01 is " + again->text("state"));
  say("Bucket 'mission' (all versions are kept) is assigned to both devices.");
  return {};
}

Result<void> play_upload(DemoWorld& w) {
  DL_TRY(auto files, gather_files(w.dir));
  std::string sources;
  for (const auto& s : files.sources) sources += (sources.empty() ? "" : ", ") + s;
  say(
      fmt::format("{} real files of this machine ({}) and one of 68 MiB, {} MB in all, go to the hub with "
                  "`aws s3 cp --recursive`.",
                  grouped(files.documents.size()), sources, files.bytes / 1'000'000));
  DL_TRY(auto out, w.hub->aws({"s3", "cp", "--recursive", "--only-show-errors", w.dir + "/data",
                               std::string("s3://") + kDemoBucket + "/"},
                              std::chrono::minutes(10)));
  for (const auto& [key, hash] : files.documents) {
    w.ledger.wrote("hub", key, hash);
    w.documents.push_back(key);
  }
  w.ledger.wrote("hub", files.big.first, files.big.second);
  w.data_bytes = files.bytes;
  say("Uploaded. Now the devices fetch what they do not hold yet.");
  auto start = system_clock().mono();
  for (auto* device : {w.field1.get(), w.field2.get()}) {
    DL_TRY(auto client, device->s3());
    DL_OK(wait_until(device->name() + " lists all", std::chrono::minutes(2), [&]() -> Result<bool> {
      DL_TRY(auto keys, client->keys(kDemoBucket));
      return keys.size() == w.ledger.live_keys();
    }));
    DL_OK(w.wait_settled(*device, std::chrono::minutes(5)));
  }
  say(fmt::format("Both devices hold all of it, {:.1f} s after the upload ended.",
                  std::chrono::duration<double>(system_clock().mono() - start).count()));
  return {};
}

Result<void> must_be_right(const DemoLedger::Faults& faults, const std::string& where) {
  if (faults.found.empty()) return {};
  std::string first;
  for (size_t i = 0; i < faults.found.size() && i < 5; i++) first += "\n    " + faults.found[i];
  return error(Code::kCorrupt, fmt::format("{}: {} faults, the first:{}", where, faults.found.size(), first));
}

Result<void> play_cut_work(DemoWorld& w) {
  w.link1->cut();
  say("The link of field-01 is cut: every connection was reset, new ones are too. ben goes on working at the device's "
      "own address, with the same tools and the same key.");
  DL_TRY(auto client, w.field1->s3());
  DL_TRY(auto faults, w.ledger.check_current(*client, kDemoBucket));
  DL_OK(must_be_right(faults, "reading at field-01 while cut off"));
  say(fmt::format("Read all {} objects there and compared their SHA-256: all right.", grouped(faults.read)));

  std::vector<std::pair<std::string, Bytes>> fresh, over;
  for (size_t i = 0; i < kNewFiles; i++)
    fresh.emplace_back(fmt::format("field/new/note-{:03}.txt", i), report_text("ben", "note", i));
  DL_OK(w.upload(*w.field1, fresh));
  for (size_t i = 0; i < kOverwrites; i++) over.emplace_back(w.documents[i * 40], report_text("ben", "corrected", i));
  DL_OK(w.upload(*w.field1, over));
  std::vector<std::string> gone;
  for (size_t i = 0; i < kDeletes; i++) gone.push_back(w.documents[i * 40 + 1]);
  DL_OK(w.delete_keys(*w.field1, gone));
  say(fmt::format("ben wrote {} new objects, overwrote {} and deleted {} with the AWS CLI.", kNewFiles, kOverwrites,
                  kDeletes));
  return {};
}

// Writes one after the other until the daemon is gone; each acknowledged one goes into the ledger.
struct Writer {
  DemoWorld& w;
  std::unique_ptr<DemoS3> client;
  std::atomic<size_t> acknowledged{0};
  std::atomic<bool> stop{false};

  void run() {
    for (size_t i = 0; !stop; i++) {
      std::string key = fmt::format("field/log/{:05}.log", i);
      Bytes content = report_text("ben", "log", i) + std::string((i % 7) * 4000, 'x');
      std::string hash = crypto::sha256(content).hex();
      if (!client->put(kDemoBucket, key, std::move(content)).ok()) return w.ledger.unanswered(key);
      w.ledger.wrote("field-01", key, hash);
      acknowledged++;
    }
  }
};

Result<void> play_kill(DemoWorld& w) {
  say("ben's program writes without a pause at field-01, and the daemon gets SIGKILL in the middle of it.");
  DL_TRY(auto client, w.field1->s3());
  Writer writer{w, std::move(client)};
  Result<void> killed;
  {
    Thread thread("demo-writer", [&writer] { writer.run(); });
    killed = wait_until(
        "enough writes", std::chrono::minutes(2),
        [&]() -> Result<bool> { return writer.acknowledged >= kWritesBeforeKill; }, Millis(5));
    if (killed.ok()) killed = w.field1->kill();
    writer.stop = true;
  }
  DL_OK(std::move(killed));
  say(fmt::format("Killed after {} acknowledged writes. It starts again, on the same addresses, still with no link.",
                  writer.acknowledged.load()));
  DL_OK(w.field1->start());
  DL_TRY(auto again, w.field1->s3());
  DL_TRY(auto faults, w.ledger.check_current(*again, kDemoBucket));
  DL_OK(must_be_right(faults, "reading at field-01 after the kill"));
  say(fmt::format("ben's login works, and all {} objects that must be there are there with their content.",
                  grouped(faults.read)));
  return check_adopted(w);
}

}  // namespace

std::vector<DemoStep> demo_steps() {
  return {
      {"A hub, two devices, one bucket", play_build},
      {"Real files go to the hub, the devices fetch them", play_upload},
      {"The link of field-01 is cut; work goes on there", play_cut_work},
      {"A container runs on the device, still cut off", play_job},
      {"The daemon is killed in the middle of writes", play_kill},
      {"A reboot of the device is played", play_reboot},
      {"Meanwhile, the hub and field-02", play_others},
      {"The link returns", play_meeting},
      {"Conflicts are shown and settled", play_conflicts},
      {"The checker reads everything", play_check},
  };
}

}  // namespace dl::app
