#include "app/demo_s3.h"

#include <algorithm>

#include "access/encoding.h"
#include "base/hex.h"
#include "cli/endpoint.h"
#include "cli/s3.h"
#include "crypto/hash.h"
#include "net/http_client.h"
#include "net/runtime.h"
#include "net/text.h"

namespace dl::app {
namespace {

using Query = std::vector<access::QueryParam>;

std::string first(std::string_view xml, std::string_view tag) {
  auto all = cli::xml_texts(xml, tag);
  return all.empty() ? std::string() : all.front();
}

// Keys come percent-encoded (encoding-type=url).
Result<std::string> decoded(std::string_view xml, std::string_view tag) { return access::uri_decode(first(xml, tag)); }

Result<void> add_versions(std::string_view xml, bool marker, std::vector<DemoVersion>& out) {
  for (const auto& entry : cli::xml_texts(xml, marker ? "DeleteMarker" : "Version")) {
    DemoVersion v;
    DL_TRY(v.key, decoded(entry, "Key"));
    v.version = first(entry, "VersionId");
    v.etag = first(entry, "ETag");
    v.size = net::parse_decimal(first(entry, "Size")).value_or(0);
    v.latest = first(entry, "IsLatest") == "true";
    v.marker = marker;
    out.push_back(std::move(v));
  }
  return {};
}

class Client : public DemoS3 {
 public:
  Client(cli::Place place, access::Credentials credentials)
      : host_(std::move(place.host)), credentials_(std::move(credentials)), runtime_(1, 1) {
    runtime_.start();
    client_ = std::make_unique<net::HttpClient>(runtime_, std::move(place.endpoint));
  }
  ~Client() override {
    client_.reset();
    runtime_.stop();
  }

  Result<std::string> put(const std::string& bucket, const std::string& key, Bytes body) override {
    DL_TRY(auto answer, call("PUT", bucket, key, {}, std::move(body)));
    return std::string(answer.head.headers.find("x-amz-version-id").value_or(""));
  }

  Result<std::string> get_hash(const std::string& bucket, const std::string& key, const std::string& version) override {
    crypto::Sha256Hasher hasher;
    std::string refused;
    int status = 200;
    Query query;
    if (!version.empty()) query.push_back({"versionId", version});
    DL_TRY(auto head, client_->stream(
                          signed_request("GET", bucket, key, query, {}),
                          [&](const net::HttpResponseHead& h) -> Result<void> {
                            status = h.status;
                            return {};
                          },
                          [&](BytesView piece) -> Result<void> {
                            if (status < 300)
                              hasher.update(piece);
                            else if (refused.size() < 64 * 1024)
                              refused.append(piece);
                            return {};
                          }));
    if (head.status >= 300) return cli::s3_error(head.status, refused);
    return hasher.finish().hex();
  }

  Result<Bytes> get(const std::string& bucket, const std::string& key) override {
    DL_TRY(auto answer, call("GET", bucket, key, {}, {}));
    return std::move(answer.body);
  }

  Result<std::vector<std::string>> keys(const std::string& bucket) override {
    std::vector<std::string> all;
    std::string token;
    do {
      Query query = {{"list-type", "2"}, {"encoding-type", "url"}};
      if (!token.empty()) query.push_back({"continuation-token", token});
      DL_TRY(auto answer, call("GET", bucket, "", query, {}));
      auto page = cli::parse_listing(answer.body);
      for (auto& object : page.objects) all.push_back(std::move(object.key));
      token = page.next;
    } while (!token.empty());
    std::sort(all.begin(), all.end());
    return all;
  }

  Result<std::vector<DemoVersion>> versions(const std::string& bucket) override {
    std::vector<DemoVersion> all;
    std::string key_marker, version_marker;
    for (bool more = true; more;) {
      Query query = {{"versions", ""}, {"encoding-type", "url"}};
      if (!key_marker.empty()) query.push_back({"key-marker", key_marker});
      if (!version_marker.empty()) query.push_back({"version-id-marker", version_marker});
      DL_TRY(auto answer, call("GET", bucket, "", query, {}));
      DL_OK(add_versions(answer.body, false, all));
      DL_OK(add_versions(answer.body, true, all));
      more = first(answer.body, "IsTruncated") == "true";
      DL_TRY(key_marker, decoded(answer.body, "NextKeyMarker"));
      version_marker = first(answer.body, "NextVersionIdMarker");
    }
    std::sort(all.begin(), all.end());
    return all;
  }

 private:
  net::HttpClientRequest signed_request(std::string_view method, const std::string& bucket, const std::string& key,
                                        const Query& query, Bytes body) {
    access::OutgoingRequest out;
    out.method = method;
    out.path = key.empty() ? "/" + bucket : "/" + bucket + "/" + key;
    out.query = query;
    out.headers.emplace_back("host", host_);
    out.payload = crypto::sha256(body).hex();
    auto done = access::sign(out, credentials_, system_clock().wall());
    net::HttpClientRequest ready;
    ready.method = method;
    ready.target = done.target;
    for (const auto& [name, value] : done.headers) ready.headers.set(name, value);
    ready.body = std::move(body);
    return ready;
  }

  Result<net::HttpClient::Answer> call(std::string_view method, const std::string& bucket, const std::string& key,
                                       const Query& query, Bytes body) {
    DL_TRY(auto answer, client_->request(signed_request(method, bucket, key, query, std::move(body))));
    if (answer.head.status >= 300) return cli::s3_error(answer.head.status, answer.body);
    return answer;
  }

  std::string host_;
  access::Credentials credentials_;
  net::Runtime runtime_;
  std::unique_ptr<net::HttpClient> client_;
};

}  // namespace

Result<std::unique_ptr<DemoS3>> DemoS3::connect(const std::string& url, const std::string& ca_pem,
                                                access::Credentials credentials) {
  DL_TRY(auto place, cli::make_endpoint_pem(url, ca_pem));
  return std::unique_ptr<DemoS3>(std::make_unique<Client>(std::move(place), std::move(credentials)));
}

}  // namespace dl::app
