#include "app/demo_world.h"

#include <fmt/format.h>

#include "crypto/hash.h"
#include "storage/file_system.h"

namespace dl::app {
namespace {

using format::Json;

constexpr char kPolicy[] =
    R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:*"],"Resource":["*"]}]})";

}  // namespace

DemoWorld::DemoWorld(std::string dir_, std::string program_)
    : dir(std::move(dir_)), program(std::move(program_)), runtime(1, 1) {
  runtime.start();
}

DemoWorld::~DemoWorld() {
  field1.reset();
  field2.reset();
  hub.reset();
  if (link1) link1->stop();
  if (link2) link2->stop();
  link1.reset();
  link2.reset();
  runtime.stop();
}

Result<void> DemoWorld::build() {
  auto& fs = storage::posix_file_system();
  for (const char* name : {"/log", "/tmp", "/data"}) DL_OK(storage::make_dirs(fs, dir + name, 0700));
  DL_OK(write_text(dir + "/tmp/aws.config", "[default]\n"));
  hub = std::make_unique<DemoNode>(DemoNode::Role::kHub, "hub", dir, program);
  field1 = std::make_unique<DemoNode>(DemoNode::Role::kDevice, "field-01", dir, program);
  field2 = std::make_unique<DemoNode>(DemoNode::Role::kDevice, "field-02", dir, program);
  DL_OK(hub->start());
  DL_OK(make_people());
  DL_TRY(auto bucket, hub->command({"bucket", "create", kDemoBucket, "--versioning"}));
  DL_OK(upload(*hub, {{"readme.txt", "What the mission brings home.\n"}}));
  DL_TRY(link1, enrol(*field1));
  DL_TRY(link2, enrol(*field2));
  for (auto* device : {field1.get(), field2.get()}) {
    DL_OK(device->start());
    DL_OK(wait_login(*device));
  }
  return {};
}

Result<void> DemoWorld::make_people() {
  DL_OK(write_text(dir + "/tmp/policy.json", kPolicy));
  std::pair<DemoNode*, const char*> people[] = {{hub.get(), "ada"}, {field1.get(), "ben"}, {field2.get(), "cleo"}};
  for (auto [node, name] : people) {
    DL_TRY(auto user, hub->command({"user", "create", name, "--policy", dir + "/tmp/policy.json"}));
    DL_TRY(auto key, hub->command({"key", "create", name}));
    node->set_person({name, key.text("access_key_id"), key.text("secret_access_key")});
  }
  return {};
}

Result<std::unique_ptr<net::CutProxy>> DemoWorld::enrol(DemoNode& device) {
  DL_TRY(auto target, net::parse_host_port(hub->link()));
  DL_TRY(auto proxy, net::CutProxy::open(runtime, target));
  DL_TRY(auto invited,
         hub->command({"device", "invite", device.name(), "--hub-address", net::format_host_port(proxy->address())}));
  DL_TRY(auto assigned, hub->command({"device", "assign", device.name(), "--bucket", kDemoBucket}));
  DL_TRY(auto enrolled, device.command({"device", "enroll", "--code", invited.text("code")}));
  return proxy;
}

Result<void> DemoWorld::wait_login(DemoNode& device) {
  DL_TRY(auto client, device.s3());
  return wait_until(device.person().name + " is let in at " + device.name(), Millis(60'000),
                    [&]() -> Result<bool> { return client->keys(kDemoBucket).ok(); });
}

Result<void> DemoWorld::wait_settled(DemoNode& device, Millis deadline) {
  std::string last;
  auto done = wait_until(device.name() + " holds all", deadline, [&]() -> Result<bool> {
    DL_TRY(auto sync, device.command({"sync", "status"}));
    const Json* spaces = sync.find("spaces");
    if (!spaces || !spaces->is_array()) return error(Code::kInternal, "sync status names no spaces");
    last = format::write_json(sync);
    bool found = false;
    for (const auto& s : spaces->items()) {
      if (s.text("bucket") != kDemoBucket) continue;
      found = true;
      if (s.number("undecided") > 0 || s.number("bodies_missing") > 0 || s.text("cursor") != s.text("newest"))
        return false;
    }
    return found;
  });
  if (done.ok()) return {};
  auto e = std::move(done).error();
  return error(e.code, e.message + "; sync status: " + last);
}

Result<void> DemoWorld::upload(DemoNode& node, const std::vector<std::pair<std::string, Bytes>>& files, Beside beside) {
  std::string from = fmt::format("{}/tmp/batch-{}", dir, ++batches_);
  for (const auto& [key, content] : files) DL_OK(write_text(from + "/" + key, content));
  DL_TRY(auto out,
         node.aws({"s3", "cp", "--recursive", "--only-show-errors", from, std::string("s3://") + kDemoBucket + "/"}));
  for (const auto& [key, content] : files) {
    std::string hash = crypto::sha256(content).hex();
    if (beside == Beside::kYes)
      ledger.wrote_beside(node.name(), key, hash);
    else
      ledger.wrote(node.name(), key, hash);
  }
  return storage::remove_tree(storage::posix_file_system(), from);
}

Result<void> DemoWorld::delete_keys(DemoNode& node, const std::vector<std::string>& keys, Beside beside) {
  Json objects = Json::array();
  for (const auto& key : keys) objects.push(Json::object().set("Key", key));
  std::string file = dir + "/tmp/delete.json";
  DL_OK(write_text(file, format::write_json(Json::object().set("Objects", std::move(objects)))));
  DL_TRY(auto out, node.aws({"s3api", "delete-objects", "--bucket", kDemoBucket, "--delete", "file://" + file,
                             "--output", "json"}));
  DL_TRY(auto answer, format::parse_json(out.empty() ? "{}" : out));
  const Json* deleted = answer.find("Deleted");
  if (answer.find("Errors") || !deleted || deleted->items().size() != keys.size())
    return error(Code::kInternal, "delete-objects did not delete all: " + out);
  for (const auto& key : keys)
    beside == Beside::kYes ? ledger.deleted_beside(node.name()) : ledger.deleted(node.name(), key);
  return {};
}

}  // namespace dl::app
