#include "cli/s3.h"

#include "access/sign.h"
#include "base/clock.h"
#include "cli/endpoint.h"
#include "net/http_client.h"
#include "net/runtime.h"
#include "net/text.h"

namespace dl::cli {
namespace {

constexpr const char* kEmptySha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

class HttpS3 : public S3 {
 public:
  HttpS3(Place place, access::Credentials credentials, std::string base)
      : host_(std::move(place.host)), base_(std::move(base)), credentials_(std::move(credentials)), runtime_(1, 1) {
    runtime_.start();
    net::HttpClientOptions options;
    options.answer_deadline = std::chrono::minutes(10);
    client_ = std::make_unique<net::HttpClient>(runtime_, std::move(place.endpoint), options);
  }
  ~HttpS3() override {
    client_.reset();
    runtime_.stop();
  }

  Result<std::vector<std::string>> buckets() override {
    DL_TRY(auto answer, small("GET", "", "", {}));
    return xml_texts(answer.body, "Name");
  }

  Result<S3Page> list(const std::string& bucket, const std::string& prefix, const std::string& delimiter,
                      const std::string& token) override {
    Query query = {{"list-type", "2"}, {"encoding-type", "url"}};
    if (!prefix.empty()) query.emplace_back("prefix", prefix);
    if (!delimiter.empty()) query.emplace_back("delimiter", delimiter);
    if (!token.empty()) query.emplace_back("continuation-token", token);
    DL_TRY(auto answer, small("GET", bucket, "", query));
    return parse_listing(answer.body);
  }

  Result<S3Head> head(const std::string& bucket, const std::string& key, const std::string& version) override {
    DL_TRY(auto answer, small("HEAD", bucket, key, version_query(version)));
    return head_of(answer.head);
  }

  Result<S3Head> get(const std::string& bucket, const std::string& key, const std::string& version,
                     std::function<Result<void>(std::string_view)> sink) override {
    // An error's text is no object: it goes into a message.
    auto refused = std::make_shared<std::string>();
    auto status = std::make_shared<int>(200);
    DL_TRY(auto head, client_->stream(
                          request("GET", bucket, key, version_query(version), {}, kEmptySha256),
                          [status](const net::HttpResponseHead& h) -> Result<void> {
                            *status = h.status;
                            return {};
                          },
                          [status, refused, sink](BytesView piece) -> Result<void> {
                            if (*status < 300) return sink(piece);
                            if (refused->size() < 64 * 1024) refused->append(piece);
                            return {};
                          }));
    if (head.status >= 300) return s3_error(head.status, *refused);
    return head_of(head);
  }

  Result<S3Head> put(const std::string& bucket, const std::string& key, Pull pull, uint64_t size) override {
    auto out = request("PUT", bucket, key, {}, {}, "UNSIGNED-PAYLOAD");
    out.source = net::blocking_source(std::move(pull));
    out.source_length = size;
    out.expect_continue = size > 64 * 1024;
    DL_TRY(auto answer, checked(client_->request(std::move(out))));
    return head_of(answer.head);
  }

  Result<void> copy(const std::string& from_bucket, const std::string& from_key, const std::string& bucket,
                    const std::string& key) override {
    auto out = request("PUT", bucket, key, {},
                       {{"x-amz-copy-source", "/" + escape(from_bucket) + "/" + escape_key(from_key)}}, kEmptySha256);
    DL_TRY(auto answer, checked(client_->request(std::move(out))));
    // S3 may tell of an error after it has said 200.
    if (answer.body.find("<Error>") != std::string::npos) return s3_error(500, answer.body);
    return {};
  }

  Result<void> remove(const std::string& bucket, const std::string& key, const std::string& version) override {
    DL_TRY(auto answer, small("DELETE", bucket, key, version_query(version)));
    (void)answer;
    return {};
  }

  std::string presign(std::string_view method, const std::string& bucket, const std::string& key,
                      std::chrono::seconds life) override {
    access::OutgoingRequest out;
    out.method = method;
    out.path = "/" + bucket + "/" + key;
    out.headers.emplace_back("host", host_);
    return base_ + access::presign(out, credentials_, system_clock().wall(), life);
  }

 private:
  using Headers = std::vector<std::pair<std::string, std::string>>;

  static Query version_query(const std::string& version) {
    return version.empty() ? Query() : Query{{"versionId", version}};
  }

  net::HttpClientRequest request(std::string_view method, const std::string& bucket, const std::string& key,
                                 const Query& query, const Headers& headers, const char* payload) {
    access::OutgoingRequest out;
    out.method = method;
    out.path = bucket.empty() ? "/" : key.empty() ? "/" + bucket : "/" + bucket + "/" + key;
    for (const auto& [name, value] : query) out.query.push_back({name, value});
    out.headers = headers;
    out.headers.emplace_back("host", host_);
    out.payload = payload;
    auto done = access::sign(out, credentials_, system_clock().wall());
    net::HttpClientRequest ready;
    ready.method = method;
    ready.target = done.target;
    for (const auto& [name, value] : done.headers) ready.headers.set(name, value);
    return ready;
  }

  Result<net::HttpClient::Answer> small(std::string_view method, const std::string& bucket, const std::string& key,
                                        const Query& query) {
    return checked(client_->request(request(method, bucket, key, query, {}, kEmptySha256)));
  }

  static Result<net::HttpClient::Answer> checked(Result<net::HttpClient::Answer> answer) {
    if (answer.ok() && answer->head.status >= 300) return s3_error(answer->head.status, answer->body);
    return answer;
  }

  static S3Head head_of(const net::HttpResponseHead& head) {
    S3Head out;
    for (const auto& h : head.headers.list()) {
      std::string name;
      for (char c : h.name) name += net::lower_ascii(c);
      out.headers.emplace_back(std::move(name), h.value);
    }
    return out;
  }

  std::string host_, base_;
  access::Credentials credentials_;
  net::Runtime runtime_;
  std::unique_ptr<net::HttpClient> client_;
};

}  // namespace

Result<std::unique_ptr<S3>> connect_s3(Session& s) {
  DL_TRY(auto keys, find_keys(*s.hooks, s.environment));
  access::Credentials credentials{keys.id, keys.secret, find_region(s.global, s.environment), "s3"};
  std::string url = s.global.endpoint;
  if (url.empty()) url = s.environment("AWS_ENDPOINT_URL").value_or("");
  if (!url.empty()) {
    DL_TRY(auto place, make_endpoint(url, s.global.ca, *s.hooks->files, s.environment));
    return std::unique_ptr<S3>(std::make_unique<HttpS3>(std::move(place), std::move(credentials), url));
  }
  DL_TRY(auto node, s.get("/api/v1/node"));
  credentials.region = node.text("region");
  DL_TRY(auto place, make_endpoint_pem(node.text("data_endpoint"), node.text("ca_pem")));
  return std::unique_ptr<S3>(
      std::make_unique<HttpS3>(std::move(place), std::move(credentials), node.text("data_endpoint")));
}

}  // namespace dl::cli
