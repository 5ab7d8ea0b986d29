#include "net/address.h"

#include <boost/asio/ip/address.hpp>

#include "net/text.h"

namespace dl::net {

Result<HostPort> parse_host_port(std::string_view text) {
  auto bad = [&] {
    return error(Code::kInvalid, "'" + std::string(text) + "' is no address",
                 "Write ADDRESS:PORT, as in 127.0.0.1:7443 or [::1]:7443.");
  };
  size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return bad();
  HostPort out;
  auto port = parse_decimal(text.substr(colon + 1));
  if (!port || *port > 65535) return bad();
  out.port = static_cast<uint16_t>(*port);
  std::string_view host = text.substr(0, colon);
  if (host.starts_with('[')) {
    if (!host.ends_with(']')) return bad();
    host = host.substr(1, host.size() - 2);
    boost::system::error_code ec;
    boost::asio::ip::make_address_v6(std::string(host), ec);
    if (ec) return bad();
  } else if (host.find(':') != std::string_view::npos) {
    return bad();
  }
  if (host == "*") host = "";
  for (char c : host)
    if (!is_value_char(c) || c == ' ' || c == '\t' || c == '/' || c == '@') return bad();
  out.host = host;
  return out;
}

std::string format_host_port(const HostPort& address) {
  bool v6 = address.host.find(':') != std::string::npos;
  return (v6 ? "[" + address.host + "]" : address.host) + ":" + std::to_string(address.port);
}

bool is_loopback(std::string_view host) {
  if (host == "localhost") return true;
  boost::system::error_code ec;
  auto address = boost::asio::ip::make_address(std::string(host), ec);
  return !ec && address.is_loopback();
}

}  // namespace dl::net
