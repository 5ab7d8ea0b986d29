#include <doctest/doctest.h>

#include "base/task.h"  // first: the fakes are coroutines

#include "api/admin/call.h"
#include "api/admin/testing/world.h"

using namespace dl;
using namespace dl::api::admin;
using namespace dl::api::admin::testing;

TEST_CASE("nobody unproven learns anything but that the node lives and whether it serves") {
  World w;
  CHECK(w.ask("GET", "/livez", "", "").status == 200);
  CHECK(w.ask("GET", "/readyz", "", "").status == 200);
  // The kind of reason, not its words: these may name what only an administrator should read.
  for (auto [code, told] : {std::pair(Code::kNoSpace, "below its reserve"),
                            {Code::kUnavailable, "does not commit"},
                            {Code::kIo, "the store has failed"}}) {
    w.not_ready = error(code, "/secret/place");
    auto not_ready = w.ask("GET", "/readyz", "", "");
    CHECK(not_ready.status == 503);
    CHECK(not_ready.raw.body.find(told) != std::string::npos);
    CHECK(not_ready.raw.body.find("secret") == std::string::npos);
  }
  for (const auto& route : routes()) {
    CAPTURE(route.pattern);
    auto a = w.ask(std::string(route.method), std::string(route.pattern), "{}", "");
    CHECK(a.status == 401);
    CHECK(a.text("code") == "DL-1005");
  }
}

TEST_CASE("every address asks the gate before it does anything") {
  World w;
  for (const auto& route : routes()) w.door.denied.insert(std::string(route.action));
  for (auto action : {"demilune:DeleteKey", "demilune:UpdateKey", "s3:PutObject", "s3:ListBucketVersions"})
    w.door.denied.insert(action);
  w.objects.conflicts.push_back({"b", "k", {}});
  for (const auto& route : routes()) {
    CAPTURE(route.pattern);
    auto a = w.ask(std::string(route.method),
                   std::string(route.pattern) + (route.pattern == "/api/v1/conflicts" ? "?bucket=b" : ""),
                   route.pattern == "/api/v1/conflicts/resolve" ? R"({"bucket":"b","key":"k","keep":"v"})" : "");
    CHECK(a.status == 403);
    CHECK(a.text("name") == "denied");
    CHECK(!a.text("next").empty());
  }
  CHECK(w.control().state()->users.empty());
  CHECK(w.objects.conflicts.size() == 1);
}

TEST_CASE("a request that is not understood is refused whole") {
  World w;
  CHECK(w.ask("GET", "/api/v1/nothing").status == 404);
  CHECK(w.ask("GET", "/api/v1/users/").status == 404);
  auto wrong_method = w.ask("PATCH", "/api/v1/users");
  CHECK(wrong_method.status == 501);
  CHECK(wrong_method.text("next") == "Use GET, POST.");
  CHECK(w.ask("POST", "/api/v1/users", R"({"name":"a","admin":true})").text("message") ==
        "the field 'admin' is not known here");
  CHECK(w.ask("POST", "/api/v1/users", R"({"name":"a","name":"b"})").status == 400);
  CHECK(w.ask("POST", "/api/v1/users", R"([])").status == 400);
  CHECK(w.ask("POST", "/api/v1/users", R"({)").status == 400);
  CHECK(w.ask("POST", "/api/v1/users", R"({"name":5})").status == 400);
  CHECK(w.ask("POST", "/api/v1/users", R"({})").status == 400);
  CHECK(w.ask("GET", "/api/v1/users?x=1").status == 400);
  CHECK(w.ask("GET", "/api/v1/audit?limit=1&limit=2").status == 400);
  CHECK(w.ask("GET", "/api/v1/audit?limit=1001").status == 400);
  CHECK(w.ask("GET", "/api/v1/users/%zz").status == 400);
  CHECK(w.control().state()->users.empty());
}

TEST_CASE("a body is taken up to its limit and not one byte more") {
  World w;
  auto body = [](size_t size) {
    std::string text = R"({"name":")";
    return text + std::string(size - text.size() - 2, 'x') + "\"}";
  };
  CHECK(w.ask("POST", "/api/v1/users", body(limits::kMaxBodyBytes)).status == 400);  // no such name, but read
  CHECK(w.ask("POST", "/api/v1/users", body(limits::kMaxBodyBytes + 1)).status == 413);
}

TEST_CASE("users, policies and keys are made, shown, disabled and deleted") {
  World w;
  auto made =
      w.ask("POST", "/api/v1/users", R"({"name":"alice","policies":[{"name":"p","document":{"Statement":[]}}]})");
  CHECK(made.status == 200);
  CHECK(made.text("name") == "alice");
  CHECK(w.door.asked.back() == "demilune:CreateUser arn:demilune:::user/alice");
  CHECK(w.ask("POST", "/api/v1/users", R"({"name":"alice"})").status == 409);
  CHECK(w.ask("PUT", "/api/v1/users/alice/policies/q", R"({"document":{"Principal":"*"}})").status == 501);
  CHECK(w.ask("PUT", "/api/v1/users/alice/policies/q", R"({"document":{"Version":"2012-10-17"}})").status == 200);
  auto policies = w.ask("GET", "/api/v1/users/alice/policies");
  REQUIRE(policies.json.find("policies")->items().size() == 2);
  CHECK(policies.json.find("policies")->items()[1].find("document")->text("Version") == "2012-10-17");

  auto key = w.ask("POST", "/api/v1/users/alice/keys");
  CHECK(key.status == 200);
  auto id = key.text("access_key_id");
  CHECK(!key.text("secret_access_key").empty());
  auto keys = w.ask("GET", "/api/v1/users/alice/keys");
  CHECK(keys.raw.body.find(key.text("secret_access_key")) == std::string::npos);
  CHECK(w.ask("POST", "/api/v1/keys/" + id + "/disable").status == 200);
  CHECK(w.door.asked.back() == "demilune:UpdateKey arn:demilune:::user/alice");
  CHECK(w.ask("GET", "/api/v1/keys").json.find("keys")->items()[0].text("enabled") == "false");
  CHECK(w.ask("DELETE", "/api/v1/keys/" + id).status == 200);
  CHECK(w.ask("DELETE", "/api/v1/keys/" + id).status == 404);
  CHECK(w.ask("POST", "/api/v1/users/alice/disable").status == 200);
  CHECK(w.ask("GET", "/api/v1/users/alice").text("enabled") == "false");
  CHECK(w.ask("DELETE", "/api/v1/users/alice").status == 200);
  CHECK(w.ask("GET", "/api/v1/users/alice").status == 404);
}

TEST_CASE("buckets carry the caller's name to the objects") {
  World w;
  CHECK(w.ask("POST", "/api/v1/buckets", R"({"name":"mission"})", "user/alice").text("owner") == "user/alice");
  CHECK(w.door.asked.back() == "s3:CreateBucket arn:aws:s3:::mission");
  CHECK(w.ask("PUT", "/api/v1/buckets/mission/versioning", R"({"status":"on"})").status == 400);
  CHECK(w.ask("PUT", "/api/v1/buckets/mission/versioning", R"({"status":"enabled"})").status == 200);
  CHECK(w.ask("GET", "/api/v1/buckets").json.find("buckets")->items()[0].text("versioning") == "enabled");
  CHECK(w.ask("DELETE", "/api/v1/buckets/mission").status == 200);
  CHECK(w.ask("DELETE", "/api/v1/buckets/mission").status == 404);
}

TEST_CASE("an invitation needs an address that means the hub elsewhere, too") {
  World w;
  for (const char* address : {":7445", "*:7445", "hub", ""}) {
    auto refused =
        w.ask("POST", "/api/v1/devices", R"({"name":"field-01","hub_address":")" + std::string(address) + "\"}");
    CHECK(refused.status == 400);
    CHECK(refused.raw.body.find("--hub-address HOST:PORT") != std::string::npos);
  }
  CHECK(w.ask("GET", "/api/v1/devices/field-01").status == 404);
}

TEST_CASE("a device is invited, given a bucket before it enrols, and retired") {
  World w;
  auto invited = w.ask("POST", "/api/v1/devices", R"({"name":"field-01","expires_seconds":3600})");
  CHECK(invited.status == 200);
  CHECK(!invited.text("code").empty());
  CHECK(invited.text("hub_address") == "10.0.0.1:7445");
  CHECK(w.ask("POST", "/api/v1/devices", R"({"name":"FIELD"})").status == 400);
  auto assigned = w.ask("POST", "/api/v1/devices/field-01/assign", R"({"bucket":"mission"})");
  CHECK(assigned.json.find("buckets")->items()[0].as_string() == "mission");
  CHECK(w.ask("GET", "/api/v1/devices/field-01/ca").status == 404);
  w.sync.now_status.links.push_back({"field-01", "down", w.clock.wall(), "cut", 1, 2});
  w.clock.advance(std::chrono::seconds(90));
  auto shown = w.ask("GET", "/api/v1/devices/field-01");
  CHECK(shown.text("state") == "invited");
  CHECK(shown.text("link") == "down");
  CHECK(shown.json.number("last_contact_age_seconds") == 90);
  CHECK(shown.raw.body.find("code_hash") == std::string::npos);
  CHECK(w.ask("POST", "/api/v1/devices/field-01/unassign", R"({"bucket":"mission"})").status == 200);
  CHECK(w.ask("POST", "/api/v1/devices/field-01/retire").text("state") == "retired");
  CHECK(w.ask("POST", "/api/v1/devices/field-01/resume").status == 409);
  CHECK(w.ask("POST", "/api/v1/devices/field-02/lost").status == 404);
}

TEST_CASE("a device refuses what is the hub's and says so") {
  World w(control::Role::kDevice);
  CHECK(w.ask("GET", "/api/v1/devices").status == 501);
  auto user = w.ask("POST", "/api/v1/users", R"({"name":"alice"})");
  CHECK(user.status == 501);
  CHECK(user.text("message").find("hub") != std::string::npos);
  CHECK(w.ask("GET", "/api/v1/status").text("role") == "device");
}

TEST_CASE("status tells the age of every fact from elsewhere") {
  World w;
  auto heard = w.clock.wall();
  w.sync.now_status.links.push_back({"field-01", "connected", heard, "", 10, 20});
  w.sync.now_status.spaces.push_back({"mission", "field-01", 5, 9, 1, 2, 300, heard});
  w.clock.advance(std::chrono::seconds(7));
  auto s = w.ask("GET", "/api/v1/status");
  CHECK(s.status == 200);
  CHECK(s.text("ready") == "true");
  const auto& space = s.json.find("sync")->find("spaces")->items()[0];
  CHECK(space.number("age_seconds") == 7);
  CHECK(space.number("newest") == 9);
  CHECK(s.json.find("sync")->find("links")->items()[0].text("last_contact") == time_text(heard));
  w.not_ready = error(Code::kUnavailable, "the disk is being repaired");
  CHECK(w.ask("GET", "/api/v1/status").text("not_ready_because") == "the disk is being repaired");
}

TEST_CASE("a device knows its state as of the last session, not as of the day that the hub stamped") {
  World w(control::Role::kDevice);
  auto now = w.clock.wall();
  const uint64_t day = static_cast<uint64_t>(now.time_since_epoch().count()) / 86'400'000 * 86'400'000;
  w.project(format::SelfRow{"hub", "field-01", format::DeviceState::kEnrolled, day});
  auto as_of = [&] { return w.ask("GET", "/api/v1/status").json.find("device")->text("as_of"); };
  CHECK(as_of() == time_text(WallTime(Millis(static_cast<int64_t>(day)))));
  w.hub_heard = now;
  CHECK(as_of() == time_text(now));
}

TEST_CASE("sync is steered, and why answers for one object") {
  World w;
  CHECK(w.ask("POST", "/api/v1/sync/pause", R"({"peer":"field-01"})").status == 200);
  CHECK(w.ask("POST", "/api/v1/sync/now").status == 200);
  CHECK(w.sync.steered == std::vector<std::string>{"pause field-01", "now "});
  CHECK(w.ask("GET", "/api/v1/sync/why?bucket=b&key=a%2Fb").text("key") == "a/b");
  CHECK(w.ask("GET", "/api/v1/sync/why?bucket=b&key=absent").status == 404);
  CHECK(w.ask("GET", "/api/v1/sync/why?bucket=b").status == 400);
}

TEST_CASE("a conflict is listed, shown by its exact key, and resolved once") {
  World w;
  Head a{"aa", false, true, 5, "e1", "user/alice", NodeId(), "hub", Hlc::at(w.clock.wall())};
  Head b{"bb", true, false, 0, "", "user/bob", NodeId(), "field-01", Hlc::at(w.clock.wall())};
  w.objects.conflicts = {
      {"mission", "a", {a, b}}, {"mission", "a/b", {a, b}}, {"mission", std::string("a\0", 2), {a, b}}};
  auto list = w.ask("GET", "/api/v1/conflicts?bucket=mission&limit=2");
  CHECK(list.json.find("conflicts")->items().size() == 2);
  CHECK(list.text("truncated") == "true");
  auto one = w.ask("GET", "/api/v1/conflicts/show?bucket=mission&key=a%2Fb");
  REQUIRE(one.status == 200);
  CHECK(one.text("key") == "a/b");
  const auto& versions = one.json.find("versions")->items();
  CHECK(versions[0].text("device") == "hub");
  CHECK(versions[1].text("kind") == "delete-marker");
  CHECK(versions[1].text("principal") == "user/bob");
  CHECK(versions[1].text("written") == time_text(w.clock.wall()));
  CHECK(w.ask("GET", "/api/v1/conflicts/show?bucket=mission&key=a").text("key") == "a");
  CHECK(w.ask("GET", "/api/v1/conflicts/show?bucket=mission&key=zz").status == 404);
  auto request = R"({"bucket":"mission","key":"a/b","keep":"bb"})";
  auto resolved = w.ask("POST", "/api/v1/conflicts/resolve", request);
  CHECK(resolved.text("version") == "new-of-bb");
  CHECK(resolved.text("durable") == "local");
  CHECK(w.door.asked.back() == "s3:PutObject arn:aws:s3:::mission/a/b");
  CHECK(w.ask("POST", "/api/v1/conflicts/resolve", request).status == 409);
}

TEST_CASE("an image is streamed in past the limit of other bodies") {
  World w;
  Bytes archive(limits::kMaxBodyBytes + 5, 't');
  CHECK(w.ask("POST", "/api/v1/images?name=bb", archive).status == 200);
  CHECK(w.images.imported == archive);
  CHECK(w.ask("GET", "/api/v1/images").json.find("images")->items()[0].text("name") == "bb");
  CHECK(w.ask("DELETE", "/api/v1/images?name=bb").status == 200);
  CHECK(w.ask("DELETE", "/api/v1/images?name=bb").status == 404);
  CHECK(w.ask("DELETE", "/api/v1/images").status == 400);
}

TEST_CASE("a job runs as who submitted it, whatever the request says") {
  World w;
  auto ran = w.ask(
      "POST", "/api/v1/jobs",
      R"({"image":"bb","args":["sh","-c","true"],"input":"s3://mission/a/","memory_bytes":1048576,"timeout_seconds":5})",
      "user/alice");
  CHECK(ran.status == 200);
  CHECK(w.workloads.principal == "user/alice");
  REQUIRE(w.workloads.requests.size() == 1);
  CHECK(w.workloads.requests[0].args.size() == 3);
  CHECK(w.workloads.requests[0].timeout == Millis(5000));
  CHECK(w.workloads.requests[0].limits.memory_bytes == 1048576);
  for (std::string bad :
       {R"({"image":""})", R"({"image":"b","principal":"user/root"})", R"({"image":"b","restart":"maybe"})",
        R"({"image":"b","restart":"always"})", R"({"image":"b","args":"sh"})", R"({"image":"b","args":[1]})",
        R"({"image":"b","input":"/etc"})", R"({"image":"b","output":"s3://"})", R"({"image":"b","env":["=x"]})",
        R"({"image":"b","memory_bytes":-1})", R"({"image":"b","timeout_seconds":1.5})"}) {
    CAPTURE(bad);
    CHECK(w.ask("POST", "/api/v1/jobs", bad).status == 400);
  }
  CHECK(w.workloads.requests.size() == 1);
  CHECK(w.ask("GET", "/api/v1/jobs/j/logs").text("data_base64") == "YQD/");
  CHECK(w.ask("GET", "/api/v1/jobs/x").status == 404);
  CHECK(w.ask("POST", "/api/v1/jobs/j/cancel", "", "user/bob").text("phase") == "Running");
  CHECK(w.workloads.principal == "user/bob");
  CHECK(w.ask("DELETE", "/api/v1/jobs/j", "", "user/carol").status == 200);
  CHECK(w.workloads.principal == "user/carol");
}

TEST_CASE("what waits for a person and what was decided can be read") {
  World w;
  CHECK(w.ask("GET", "/api/v1/inbox").json.find("items")->items()[0].text("reason") == "device lost");
  CHECK(w.ask("GET", "/api/v1/inbox/ab").text("device") == "field-01");
  CHECK(w.ask("GET", "/api/v1/inbox/zz").status == 404);
  auto records = w.ask("GET", "/api/v1/audit?principal=user%2Falice&decision=denied&last_seconds=60");
  CHECK(records.json.find("records")->items()[0].text("principal") == "user/alice");
  CHECK(records.json.find("records")->items()[0].text("decision") == "denied");
}

TEST_CASE("doctor is healthy unless something is an error; metrics are text") {
  World w;
  w.findings = {{Finding::Level::kWarning, "clock", "not disciplined", "run chrony"}};
  CHECK(w.ask("GET", "/api/v1/doctor").text("healthy") == "true");
  w.findings.push_back({Finding::Level::kError, "crun", "not installed", "apt install crun"});
  CHECK(w.ask("GET", "/api/v1/doctor").text("healthy") == "false");
  CHECK(w.ask("GET", "/metrics").raw.body.find("demilune_up 1") != std::string::npos);
  CHECK(w.ask("GET", "/api/v1/ca").text("pem") == "PEM\n");
}

TEST_CASE("each error has the HTTP status that a stock client expects") {
  CHECK(http_status(Code::kInvalid) == 400);
  CHECK(http_status(Code::kNotFound) == 404);
  CHECK(http_status(Code::kBusy) == 503);
  auto r = error_response(error(Code::kBusy, "m"), "id");
  CHECK(r.headers.find("Retry-After") == "2");
  CHECK(r.body ==
        "{\"code\":\"DL-1011\",\"name\":\"busy\",\"message\":\"m\",\"next\":\"Try again after the time the answer "
        "names.\",\"request_id\":\"id\"}\n");
}
