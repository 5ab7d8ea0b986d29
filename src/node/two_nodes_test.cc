// Whole nodes in this process, over real files and real sockets on loopback: what one sees from outside of a hub, and
// of a hub with a device.
#include <doctest/doctest.h>

#include <algorithm>

#include "access/sign.h"
#include "base/log.h"
#include "base/thread.h"
#include "format/json.h"
#include "net/http_client.h"
#include "node/enroll.h"
#include "node/node.h"
#include "registry/testing/bed.h"

namespace dl::node {
namespace {

using format::Json;
using registry::testing::TempDir;

struct Client {
  Client() : runtime(1, 2) { runtime.start(); }
  ~Client() { runtime.stop(); }
  net::Runtime runtime;
};

class Running {
 public:
  explicit Running(Client& client) : client_(client) { set_log_level(LogLevel::kError); }
  void start() {
    NodeConfig config;
    config.data_dir = dir;
    Settings::Sources sources;
    for (const char* setting : {"listen.data", "listen.admin", "listen.link", "listen.insecure_http"})
      sources.flags.emplace_back(setting, "127.0.0.1:0");
    config.settings = Settings::load(sources).value();
    config.version = "test";
    auto started = Node::start(this_machine(), std::move(config));
    REQUIRE_MESSAGE(started.ok(), (started.ok() ? "" : started.error().message));
    node = std::move(*started);
    if (auto first = node->first_key()) key = *first;
  }
  struct Got {
    int status = 0;
    net::HttpHeaders headers;
    Bytes body;
    Json json;
  };
  // Administration, over the local socket: as node-admin/<node>.
  Got admin(const std::string& method, const std::string& target, Bytes body = {}) {
    return ask(net::HttpEndpoint::local(dir + "/demilune.sock"), {method, target, {}, std::move(body), {}, {}, false});
  }
  // S3, as the hub's administrator.
  Got s3(const std::string& method, const std::string& path, Bytes body = {},
         std::vector<std::pair<std::string, std::string>> headers = {}) {
    auto address = *node->addresses().insecure_http;
    access::OutgoingRequest out;
    out.method = method;
    out.path = path;
    out.headers = std::move(headers);
    out.headers.emplace_back("host", net::format_host_port(address));
    auto done = access::sign(out, {key.id, key.secret, region, "s3"}, system_clock().wall());
    net::HttpClientRequest request;
    request.method = method;
    request.target = done.target;
    for (const auto& [n, v] : done.headers) request.headers.add(n, v);
    request.body = std::move(body);
    return ask(net::HttpEndpoint::plain(address), std::move(request));
  }
  // The value of a series; fails the test when it is not there.
  double metric(const std::string& series) {
    std::string text = admin("GET", "/metrics").body;
    size_t at = text.find("\n" + series + " ");
    REQUIRE_MESSAGE(at != std::string::npos, series);
    return std::stod(text.substr(at + series.size() + 2));
  }
  std::vector<std::string> audit(const std::string& action) {
    std::vector<std::string> out;
    for (const auto& row : admin("GET", "/api/v1/audit?limit=1000&action=" + action).json.find("records")->items())
      out.push_back(row.text("principal") + " " + row.text("outcome"));
    return out;
  }

  TempDir place;
  std::string dir = place / "data";
  std::string region = "us-east-1";
  Node::FirstKey key;
  std::unique_ptr<Node> node;

 private:
  Got ask(net::HttpEndpoint endpoint, net::HttpClientRequest request) {
    net::HttpClient http(client_.runtime, std::move(endpoint));
    auto answer = http.request(std::move(request));
    REQUIRE_MESSAGE(answer.ok(), (answer.ok() ? "" : answer.error().message));
    Got got{answer->head.status, answer->head.headers, answer->body, {}};
    if (auto json = format::parse_json(got.body); json.ok()) got.json = std::move(*json);
    return got;
  }
  Client& client_;
};

// Waits for what takes its time, at most 30 s.
template <class F>
bool soon(F condition) {
  StopSignal pause;
  for (int tries = 0; tries < 600; tries++) {
    if (condition()) return true;
    pause.wait_for(Millis(50));
  }
  return false;
}

using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("a job of the hub's own administrator is sent to a device only when it needs no rights there") {
  Client client;
  Running hub(client);
  hub.start();
  CHECK(hub.admin("POST", "/api/v1/devices", R"({"name":"field-01","hub_address":"127.0.0.1:1"})").status == 200);
  for (const char* field : {"input", "output"}) {
    auto got = hub.admin("POST", "/api/v1/jobs",
                         R"({"image":"busybox","on":"field-01",")" + std::string(field) + R"(":"s3://mission/a/"})");
    CHECK(got.status == 400);
    CHECK(got.json.text("message").find("'node-admin/hub' has no rights at device 'field-01'") != std::string::npos);
    CHECK(got.json.text("next").find("--endpoint") != std::string::npos);
  }
  CHECK(hub.admin("GET", "/api/v1/jobs").json.find("jobs")->items().empty());
  // What was not done is written within 100 ms.
  CHECK(soon([&] { return hub.audit("demilune:RunJob") == Lines{"node-admin/hub failed", "node-admin/hub failed"}; }));
  CHECK(hub.admin("POST", "/api/v1/jobs", R"({"image":"busybox","on":"field-01"})").status == 200);
}

TEST_CASE(
    "a hub from outside: it is ready, its numbers move, and each change has one audit record, also after a restart") {
  Client client;
  Running hub(client);
  hub.start();
  CHECK(hub.admin("GET", "/readyz").status == 200);
  CHECK(hub.audit("demilune:CreateKey") == Lines{"first-start done"});

  const std::string commits = R"(demilune_commits_total{partition="default"})";
  const std::string puts = R"(demilune_requests_total{door="s3",operation="PutObject",status="2xx"})";
  const std::string made = R"(demilune_requests_total{door="admin",operation="CreateBucket",status="2xx"})";
  CHECK(hub.metric(puts) == 0);
  CHECK(hub.admin("POST", "/api/v1/buckets", R"({"name":"mission"})").status == 200);
  CHECK(hub.admin("POST", "/api/v1/buckets", R"({"name":"mission"})").status == 409);
  CHECK(hub.metric(made) == 1);
  CHECK(hub.metric("demilune_ready") == 1);
  double before = hub.metric(commits);
  CHECK(hub.s3("PUT", "/mission/small", "x").status == 200);
  CHECK(hub.s3("PUT", "/mission/large", Bytes(200'000, 'x')).status == 200);
  CHECK(hub.metric(puts) == 2);
  CHECK(hub.metric(commits) >= before + 2);
  CHECK(hub.metric(R"(demilune_body_syncs_total{partition="default"})") == 1);
  CHECK(hub.metric(R"(demilune_store_segments{partition="default"})") == 1);
  CHECK(hub.metric(R"(demilune_store_segment_live_bytes{partition="default"})") > 200'000);
  CHECK(hub.metric(R"(demilune_store_database_bytes{partition="default"})") > 0);
  CHECK(hub.metric("demilune_store_cache_limit_bytes") == 32 << 20);
  CHECK(hub.metric("demilune_store_buffer_bytes") > 0);
  CHECK(hub.metric(R"(demilune_connections_open{listener="admin"})") >= 1);
  CHECK(hub.metric(R"(demilune_workloads{phase="Running"})") == 0);
  CHECK(hub.metric("demilune_disk_free_bytes") > 0);
  CHECK(hub.metric("demilune_process_resident_bytes") > 1'000'000);
  CHECK(hub.metric("demilune_process_open_fds") > 3);
  std::string text = hub.admin("GET", "/metrics").body;
  for (const char* name : {"demilune_requests_total", "demilune_request_seconds", "demilune_commits_total"}) {
    CHECK(text.find(std::string("# HELP ") + name + " ") != std::string::npos);
    CHECK(text.find(std::string("# TYPE ") + name + " ") != std::string::npos);
  }

  CHECK(hub.admin("POST", "/api/v1/users", R"({"name":"alice"})").status == 200);
  CHECK(hub.admin("DELETE", "/api/v1/buckets/mission").status == 409);
  auto check_audit = [&] {
    CHECK(hub.audit("s3:CreateBucket") == Lines{"node-admin/hub failed", "node-admin/hub done"});
    CHECK(hub.audit("demilune:CreateUser") == Lines{"node-admin/hub done", "first-start done"});
    CHECK(hub.audit("s3:DeleteBucket") == Lines{"node-admin/hub failed"});
  };
  CHECK(soon([&] { return hub.audit("s3:DeleteBucket").size() == 1; }));  // failures go through the queue
  check_audit();
  hub.node.reset();
  hub.start();
  check_audit();
  CHECK(hub.s3("GET", "/mission/small").body == "x");
}

TEST_CASE("who comes in as soon as the local socket is there is told all addresses") {
  Client client;
  Running hub(client);
  Json told;
  Thread early("early", [&] {
    net::HttpClient http(client.runtime, net::HttpEndpoint::local(hub.dir + "/demilune.sock"));
    StopSignal pause;
    for (int tries = 0; tries < 30'000; tries++) {
      auto answer = http.request({"GET", "/api/v1/node", {}, {}, {}, {}, false});
      if (answer.ok() && answer->head.status == 200) {
        if (auto json = format::parse_json(answer->body); json.ok()) told = std::move(*json);
        return;
      }
      pause.wait_for(Millis(1));
    }
  });
  hub.start();
  early.join();
  auto bound = hub.node->addresses();
  CHECK(told.text("data_endpoint") == "https://" + net::format_host_port(bound.data));
  CHECK(told.text("admin_endpoint") == "https://" + net::format_host_port(bound.admin));
  CHECK(told.text("link_address") == net::format_host_port(*bound.link));
}

TEST_CASE("a hub and a device from outside: a write waits for the hub, jobs are ended by who asks, ages are true") {
  Client client;
  Running hub(client), device(client);
  hub.start();
  REQUIRE(hub.admin("POST", "/api/v1/buckets", R"({"name":"mission"})").status == 200);
  REQUIRE(hub.s3("PUT", "/mission/plan", "go").status == 200);
  auto link = net::format_host_port(*hub.node->addresses().link);
  auto invite = [&] {
    auto invited = hub.admin("POST", "/api/v1/devices", R"({"name":"field-01","hub_address":")" + link + "\"}");
    REQUIRE(invited.status == 200);
    return invited.json.text("code");
  };
  auto old_code = invite(), code = invite();  // which replaces the first
  TempDir other;
  CHECK_FALSE(enroll_device(old_code, other / "data").ok());
  CHECK(hub.audit("demilune:EnrollDevice") == Lines{"enroll/field-01 refused"});
  REQUIRE(hub.admin("POST", "/api/v1/devices/field-01/assign", R"({"bucket":"mission"})").status == 200);
  auto enrolled = enroll_device(code, device.dir);
  REQUIRE_MESSAGE(enrolled.ok(), (enrolled.ok() ? "" : enrolled.error().message));
  CHECK(hub.audit("demilune:EnrollDevice") == Lines{"enroll/field-01 done", "enroll/field-01 refused"});
  CHECK(hub.audit("demilune:AssignBucket") == Lines{"node-admin/hub done"});
  device.key = hub.key;
  device.region = "field-01";
  device.start();
  REQUIRE(soon([&] { return device.s3("GET", "/mission/plan").body == "go"; }));

  auto put = device.s3("PUT", "/mission/report", "found", {{"x-demilune-wait", "hub"}});
  CHECK(put.status == 200);
  CHECK(put.headers.find("x-demilune-durable") == "hub");
  CHECK(hub.s3("GET", "/mission/report").body == "found");  // at once: it waited
  CHECK(device.metric(R"(demilune_link_connected{peer="hub"})") == 1);
  CHECK(device.metric(R"(demilune_link_contact_age_seconds{peer="hub"})") < 60);
  CHECK(hub.metric(R"(demilune_link_connected{peer="field-01"})") == 1);

  // The hub stamps its word with the day; the session makes it fresh.
  auto status = device.admin("GET", "/api/v1/status");
  CHECK(status.json.find("device")->number("age_seconds") < 60);

  REQUIRE(device.admin("POST", "/api/v1/sync/pause").status == 200);
  CHECK(device.admin("GET", "/readyz").status == 200);  // the link does not matter
  put = device.s3("PUT", "/mission/later", "kept");
  CHECK(put.headers.find("x-demilune-durable") == "local");
  CHECK(soon([&] { return device.metric("demilune_records_undecided") >= 1; }));
  REQUIRE(device.admin("POST", "/api/v1/sync/resume").status == 200);
  CHECK(soon([&] { return hub.s3("GET", "/mission/later").body == "kept"; }));

  auto run = hub.admin("POST", "/api/v1/jobs", R"({"image":"absent","name":"far","on":"field-01"})");
  REQUIRE(run.status == 200);
  CHECK(hub.admin("POST", "/api/v1/jobs/far/cancel").status == 200);
  CHECK(hub.audit("demilune:RunJob") == Lines{"node-admin/hub done"});
  CHECK(hub.audit("demilune:CancelJob") == Lines{"node-admin/hub done"});
}

}  // namespace dl::node
