#pragma once

#include <sys/types.h>

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "app/demo_ledger.h"
#include "app/demo_node.h"
#include "net/cut_proxy.h"

namespace dl::app {

inline constexpr char kDemoBucket[] = "mission";

// Everything the story plays with. Destroyed in reverse order: links, then nodes with their containers.
struct DemoWorld {
  explicit DemoWorld(std::string dir, std::string program);
  ~DemoWorld();

  std::string dir, program;
  net::Runtime runtime;  // of the links
  std::unique_ptr<DemoNode> hub, field1, field2;
  std::unique_ptr<net::CutProxy> link1, link2;
  DemoLedger ledger;

  std::vector<std::string> documents;                 // keys of the real files, sorted
  std::vector<std::string> conflicts;                 // keys that both sides changed
  std::set<std::string> deleted_here, deleted_there;  // of these: ben deleted, another changed; and the other way round
  std::vector<std::string> skipped;                   // steps that this machine cannot play, and why
  pid_t service_pid = 0;                              // the process in the service's container; 0 without containers
  uint64_t data_bytes = 0;
  size_t conflicts_seen = 0, conflicts_settled = 0;
  uint64_t lost = 0;
  Millis met_after{0};

  // Starts the hub, makes bucket and people, enrols both devices, starts them, waits until logins work there.
  Result<void> build();
  // Waits until nothing is under way at that device, or at both.
  Result<void> wait_settled(DemoNode& device, Millis deadline);
  std::vector<DemoNode*> nodes() const { return {hub.get(), field1.get(), field2.get()}; }
  // Uploads a directory of files (made here, content by key) with the AWS CLI in one call and enters them in the
  // ledger.
  enum class Beside { kNo, kYes };
  Result<void> upload(DemoNode& node, const std::vector<std::pair<std::string, Bytes>>& files,
                      Beside beside = Beside::kNo);
  Result<void> delete_keys(DemoNode& node, const std::vector<std::string>& keys, Beside beside = Beside::kNo);

 private:
  Result<void> make_people();
  Result<std::unique_ptr<net::CutProxy>> enrol(DemoNode& device);
  Result<void> wait_login(DemoNode& device);
  unsigned batches_ = 0;
};

// Real files of this machine below dir/data/doc, copied with links followed, and data/big/survey.bin; adds them to the
// ledger-to-be: key and SHA-256.
struct DemoFiles {
  std::vector<std::pair<std::string, std::string>> documents;  // key, hash
  std::pair<std::string, std::string> big;
  uint64_t bytes = 0;
  std::vector<std::string> sources;  // the trees they come from
};
Result<DemoFiles> gather_files(const std::string& dir);

}  // namespace dl::app
