#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "base/hex.h"
#include "bench/load/plan.h"
#include "crypto/hash.h"

namespace dl::bench {
namespace {

constexpr size_t kPage = 1000;

size_t occurrences(std::string_view text, std::string_view what) {
  size_t count = 0;
  for (size_t at = text.find(what); at != std::string_view::npos; at = text.find(what, at + what.size())) ++count;
  return count;
}

// The text of the first element of that name, or empty; the five predefined entities are resolved.
std::string element(std::string_view text, const std::string& name) {
  size_t from = text.find("<" + name + ">");
  if (from == std::string_view::npos) return "";
  from += name.size() + 2;
  std::string_view raw = text.substr(from, text.find('<', from) - from);
  std::string out;
  static constexpr std::pair<std::string_view, char> kEntities[] = {
      {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&#34;", '"'}, {"&#39;", '\''}, {"&apos;", '\''}, {"&amp;", '&'}};
  while (!raw.empty()) {
    auto entity = std::find_if(std::begin(kEntities), std::end(kEntities),
                               [&](const auto& e) { return raw.starts_with(e.first); });
    bool is_entity = entity != std::end(kEntities);
    out += is_entity ? entity->second : raw[0];
    raw.remove_prefix(is_entity ? entity->first.size() : 1);
  }
  return out;
}

// Pages of ListObjectsV2 over the fill. `list`: each connection walks on its own, again and again; `walk`: one walk;
// `page`, `first`: first pages only. A whole walk must name as many keys as there are objects.
class List : public Plan {
 public:
  List(const Options& o, Signer& signer) : o_(o), signer_(signer), walks_(o.connections) {
    empty_hash_ = crypto::sha256("").hex();
  }

  bool next(size_t connection, Job& job) override {
    if (is_over_) return false;
    if (o_.op == "first") is_over_ = true;
    job = Job();
    std::string query;
    if (!walks_[connection].token.empty()) query = "continuation-token=" + query_value(walks_[connection].token) + "&";
    query += fmt::format("list-type=2&max-keys={}&prefix={}", kPage, query_value(o_.set + "/"));
    std::string path = "/" + o_.bucket;
    job.head = signer_.head({.method = "GET", .path = path, .query = query, .payload_hash = empty_hash_});
    job.want.keeps_body = true;
    return true;
  }

  std::string judge(size_t connection, const Job& job, const Answer& answer) override {
    std::string fault = Plan::judge(connection, job, answer);
    Walk& walk = walks_[connection];
    if (!fault.empty()) {
      lost(connection, job);
      return fault;
    }
    size_t found = occurrences(answer.body(), "<Key>");
    keys_ += found;
    walk.keys += found;
    bool is_more = element(answer.body(), "IsTruncated") == "true";
    if (o_.op == "page" || o_.op == "first") {
      size_t expected = std::min(o_.objects, kPage);
      walk = Walk();
      return found == expected && is_more == (o_.objects > kPage) ? "" : "wrong first page";
    }
    if (is_more) {
      std::string token = element(answer.body(), "NextContinuationToken");
      if (!token.empty() && token != walk.token) {
        walk.token = token;
        return "";
      }
      lost(connection, job);
      return "a listing that does not go on";
    }
    bool is_whole = walk.keys == o_.objects;
    walk = Walk();
    if (o_.op == "walk") is_over_ = true;
    return is_whole ? "" : "a listing with a wrong count of keys";
  }

  void lost(size_t connection, const Job&) override {
    walks_[connection] = Walk();
    if (o_.op == "walk") is_over_ = true;
  }
  bool is_over() const override { return is_over_; }
  size_t keys() const override { return keys_; }

 private:
  struct Walk {
    std::string token;
    size_t keys = 0;
  };

  const Options& o_;
  Signer& signer_;
  std::vector<Walk> walks_;
  std::string empty_hash_;
  bool is_over_ = false;
  size_t keys_ = 0;
};

// DeleteObjects of three of four objects of the fill: those whose number is not divisible by four.
class Delete : public Plan {
 public:
  Delete(const Options& o, Signer& signer) : o_(o), signer_(signer) { next_ = o.from; }

  bool next(size_t, Job& job) override {
    if (is_over()) return false;
    job = Job();
    job.own_body = "<Delete><Quiet>true</Quiet>";
    for (size_t count = 0; count < kPage && next_ < o_.objects; ++next_) {
      if (next_ % 4 == 0) continue;
      job.own_body += fmt::format("<Object><Key>{}/{:08}</Key></Object>", o_.set, next_);
      ++count;
    }
    job.own_body += "</Delete>";
    std::string path = "/" + o_.bucket;
    std::string hash = crypto::sha256(job.own_body).hex();
    std::string more = "Content-MD5: " + to_base64(crypto::md5(job.own_body)) + "\r\n";
    job.head = signer_.head({.method = "POST",
                             .path = path,
                             .query = "delete=",
                             .payload_hash = hash,
                             .body_size = job.own_body.size(),
                             .more = more});
    job.want.keeps_body = true;
    return true;
  }

  std::string judge(size_t connection, const Job& job, const Answer& answer) override {
    std::string fault = Plan::judge(connection, job, answer);
    if (fault.empty() && answer.body().find("<Error>") != std::string::npos) fault = "a key was not deleted";
    return fault;
  }
  bool is_over() const override { return next_ >= o_.objects; }

 private:
  const Options& o_;
  Signer& signer_;
  size_t next_ = 0;
};

}  // namespace

std::unique_ptr<Plan> make_list_plan(const Options& o, Signer& signer) {
  if (o.op == "list" || o.op == "walk" || o.op == "page" || o.op == "first") return std::make_unique<List>(o, signer);
  if (o.op == "delete") return std::make_unique<Delete>(o, signer);
  return nullptr;
}

}  // namespace dl::bench
