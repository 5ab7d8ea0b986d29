#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "api/admin/context.h"

// Included behind base/task.h. What the API asks of a node, each a fake that keeps what it was asked.
namespace dl::api::admin::testing {

// Believes the header X-Test-User; denies what is in `denied`; keeps what was asked.
class FakeDoor : public Door {
 public:
  std::set<std::string> denied;  // actions
  std::vector<std::string> asked;
  std::optional<Bytes> seen_body;

  Result<Caller> authenticate(const net::HttpRequest& request, std::optional<BytesView> body,
                              const std::string& id) override {
    auto user = request.headers.find("x-test-user");
    if (!user) return error(Code::kUnauthenticated, "nobody signed this");
    if (body) seen_body = Bytes(*body);
    return Caller{std::string(*user), "", request.peer, id};
  }
  Result<Admission> admit(const Caller& caller, const Need& need) override {
    asked.push_back(need.action + " " + need.resource);
    if (denied.count(need.action)) return error(Code::kDenied, caller.principal + " may not " + need.action);
    return Admission{caller.principal, std::nullopt};
  }
};

class FakeObjects : public ObjectOps {
 public:
  std::map<std::string, Bucket> buckets;
  std::vector<Conflict> conflicts;

  Task<std::vector<Bucket>> list_buckets(Admission) override {
    std::vector<Bucket> out;
    for (const auto& [name, b] : buckets) out.push_back(b);
    co_return out;
  }
  Task<Bucket> create_bucket(Admission admission, std::string name) override {
    if (buckets.count(name)) co_return error(Code::kExists, "bucket '" + name + "' exists");
    Bucket b;
    b.name = name;
    b.versioning = "unversioned";
    b.owner = admission.principal;
    buckets[name] = b;
    co_return b;
  }
  Task<void> delete_bucket(Admission, std::string name) override {
    if (!buckets.erase(name)) co_return error(Code::kNotFound, "no such bucket");
    co_return Result<void>();
  }
  Task<void> set_versioning(Admission, std::string name, bool enabled) override {
    buckets[name].versioning = enabled ? "enabled" : "suspended";
    co_return Result<void>();
  }
  Task<std::vector<Conflict>> list_conflicts(Admission, std::string bucket, Bytes after, size_t limit) override {
    std::vector<Conflict> out;
    for (const auto& c : conflicts)
      if (c.bucket == bucket && c.key > after && out.size() < limit) out.push_back(c);
    co_return out;
  }
  Task<Resolved> resolve(Admission, std::string bucket, Bytes key, std::string keep) override {
    auto gone = std::erase_if(conflicts, [&](const Conflict& c) { return c.bucket == bucket && c.key == key; });
    if (gone == 0) co_return error(Code::kConflict, "that key has no conflict");
    co_return Resolved{"new-of-" + keep, false};
  }
};

class FakeSync : public SyncControl {
 public:
  SyncStatus now_status;
  std::vector<std::string> steered;

  SyncStatus status() override { return now_status; }
  Result<void> now(const std::string& peer) override { return steer("now", peer); }
  Result<void> pause(const std::string& peer) override { return steer("pause", peer); }
  Result<void> resume(const std::string& peer) override { return steer("resume", peer); }
  Result<std::vector<Fact>> why(const std::string& bucket, const Bytes& key) override {
    if (key == "absent") return error(Code::kNotFound, "s3://" + bucket + "/absent is not known here");
    return std::vector<Fact>{{"state", "committed"}};
  }

 private:
  Result<void> steer(const char* what, const std::string& peer) {
    steered.push_back(std::string(what) + " " + peer);
    return {};
  }
};

class FakeImages : public Images {
 public:
  std::vector<ImageInfo> images;
  Bytes imported;

  Result<std::vector<ImageInfo>> list() override { return images; }
  Task<ImageInfo> import(net::BodyReader* archive, std::string name) override {
    char piece[100];
    for (;;) {
      DL_CO_TRY(size_t n, co_await archive->read(piece, sizeof piece));
      if (n == 0) break;
      imported.append(piece, n);
    }
    images.push_back({name, "sha256:00", "linux", "amd64", imported.size(), WallTime()});
    co_return images.back();
  }
  Result<void> remove(const std::string& name) override {
    if (std::erase_if(images, [&](const auto& i) { return i.name == name; }) == 0)
      return error(Code::kNotFound, "there is no image '" + name + "'");
    return {};
  }
};

class FakeWorkloads : public Workloads {
 public:
  std::vector<JobRequest> requests;
  std::string principal;

  Result<JobInfo> run(const audit::Author& by, const JobRequest& request) override {
    requests.push_back(request);
    principal = by.principal();
    return job();
  }
  Result<std::vector<JobInfo>> list() override { return std::vector<JobInfo>{job()}; }
  Result<JobInfo> find(const std::string& which) override {
    if (which != "j") return error(Code::kNotFound, "there is no job '" + which + "'");
    return job();
  }
  Result<LogChunk> logs(const std::string&, uint64_t offset, size_t) override {
    return LogChunk{offset == 0 ? Bytes("a\0\xff", 3) : Bytes(), 3, true, false};
  }
  Result<void> cancel(const audit::Author& by, const std::string&) override { return ended(by); }
  Result<void> remove(const audit::Author& by, const std::string&) override { return ended(by); }

 private:
  Result<void> ended(const audit::Author& by) {
    principal = by.principal();
    return {};
  }
  static JobInfo job() {
    JobInfo j;
    j.name = "j";
    j.kind = "job";
    j.phase = "Running";
    return j;
  }
};

}  // namespace dl::api::admin::testing
