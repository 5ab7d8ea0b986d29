#include "cli/endpoint.h"

#include "cli/output.h"

namespace dl::cli {
Target split_target(std::string_view target) {
  size_t mark = target.find('?');
  auto query = access::parse_query(mark == std::string_view::npos ? "" : target.substr(mark + 1));
  auto path = access::uri_decode(target.substr(0, mark));
  DL_ASSERT(path.ok() && query.ok(), "a target of our own making");
  return {std::move(*path), std::move(*query)};
}

Result<Place> make_endpoint_pem(const std::string& url, const std::string& ca_pem) {
  bool tls = url.starts_with("https://");
  if (!tls && !url.starts_with("http://"))
    return error(Code::kInvalid, "'" + safe_text(url) + "' is no endpoint", "Write https://HOST:PORT.");
  std::string rest = url.substr(tls ? 8 : 7);
  while (!rest.empty() && rest.back() == '/') rest.pop_back();
  DL_TRY(auto address, net::parse_host_port(rest));
  if (!tls) {
    if (!net::is_loopback(address.host))
      return error(Code::kInvalid, "plain http is allowed to this machine only", "Use https://.");
    return Place{net::HttpEndpoint::plain(address), net::format_host_port(address)};
  }
  net::TlsOptions options;
  options.ca_pem = ca_pem;
  options.name = address.host;
  options.alpn = "http/1.1";
  DL_TRY(auto context, net::TlsContext::client(std::move(options)));
  std::string host = net::format_host_port(address);
  return Place{net::HttpEndpoint::secure(std::move(address), std::move(context)), std::move(host)};
}

Result<Place> make_endpoint(const std::string& url, const std::string& ca, LocalFiles& files,
                            const Environment& environment) {
  std::string file = ca.empty() ? environment("AWS_CA_BUNDLE").value_or("") : ca;
  std::string pem;
  if (!file.empty() && url.starts_with("https://")) {
    DL_TRY(pem, read_file(files, file));
  }
  return make_endpoint_pem(url, pem);
}

}  // namespace dl::cli
