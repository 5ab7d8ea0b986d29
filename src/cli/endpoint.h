#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "access/encoding.h"
#include "cli/http_api.h"
#include "net/http_client.h"

// Where a port is and how it is trusted. Inside the room.
namespace dl::cli {

struct Place {
  net::HttpEndpoint endpoint;
  std::string host;  // as the Host header says it
};
// "https://A:P", or http:// on loopback. The CA: `ca` (a file), else AWS_CA_BUNDLE, else the system's. Errors:
// kInvalid, kNotFound.
Result<Place> make_endpoint(const std::string& url, const std::string& ca, LocalFiles& files,
                            const Environment& environment);
// The same with the CA at hand.
Result<Place> make_endpoint_pem(const std::string& url, const std::string& ca_pem);

struct Target {
  Bytes path;
  std::vector<access::QueryParam> query;
};
// What we encoded ourselves, decoded again for signing.
Target split_target(std::string_view target);

}  // namespace dl::cli
