#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "access/sign.h"
#include "base/clock.h"
#include "gate/permit.h"
#include "objects/objects.h"

// A whole node's S3 side in memory, without sockets: memory partition, journal, audit, gate with a few users, objects
// and the handler. Requests are signed and handed to the handler as the HTTP server would.
namespace dl::net {
class Runtime;
}

namespace dl::objects {
class Objects;
}

namespace dl::api::s3 {
class S3Handler;
}

namespace dl::api::s3::testing {

using Headers = std::vector<std::pair<std::string, std::string>>;

struct Ask {
  std::string method = "GET";
  std::string target = "/";  // path and query as they stand on the request line; encoded
  Headers headers;
  Bytes body;
  std::string user = "admin";  // admin: everything; reader: reads of bucket "data"; nobody: unsigned
  std::string payload;         // x-amz-content-sha256; empty: the body's hash
  std::string region;          // of the credential; empty: the node's
  bool chunked = false;        // transfer coding: no Content-Length
  bool presigned = false;
};

struct Answer {
  int status = 0;
  Headers headers;
  Bytes body;
  uint64_t length = 0;                              // Content-Length as told
  bool cut = false;                                 // fewer bytes than told
  uint64_t body_read = 0;                           // bytes of the request's body that were taken
  std::string header(std::string_view name) const;  // empty when absent
  bool has(std::string_view name) const;
  std::string tag(std::string_view element) const;  // text of the first such element
  std::string code() const { return tag("Code"); }
};

struct WorldOptions {
  std::string region = "us-east-1";
  bool hub = true;
  const Clock* clock = nullptr;  // instead of one that stands still
  Millis hub_wait{30'000};       // of x-demilune-wait
};

class World {
 public:
  explicit World(WorldOptions options = {});
  ~World();
  Answer ask(Ask ask);
  // PUT /name of a bucket, by the administrator; must succeed.
  void make_bucket(const std::string& name);
  ManualClock& clock();
  // Control state moves: permits of before are decided again. `during`: while the next body is read.
  void bump_revision();
  void bump_revision_during_next_body();
  size_t audit_records();  // of all decisions so far
  size_t blob_count();     // bodies on the memory disk after freeing what is due
  void lose_bodies();      // they are gone from the memory disk, the rows that name them stay
  const std::vector<objects::Damaged>& damaged() const;  // what the node was told of

  // Another node writes the key without knowing what is here: at the hub its record and body arrive, at a device it
  // comes with the hub's history, without its body.
  void write_elsewhere(const std::string& bucket, const Bytes& key, const Bytes& body);
  // What a waiter answers from now on; kHere brings the bodies that are wanted. Without a call: no waiter.
  void set_waiter(objects::BodyState state);
  // At a device: the bucket is held though nobody may create it here.
  void hold_bucket(const std::string& name);

  objects::Objects& objects();
  gate::Permit permit(const std::string& action, const std::string& bucket, const Bytes& key);
  S3Handler& handler();
  std::string exposition();  // the metrics' text
  net::Runtime& runtime();

  struct Impl;

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace dl::api::s3::testing
