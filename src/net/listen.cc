#include "net/listen.h"

#include <vector>

#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/ip/v6_only.hpp>

namespace dl::net {
namespace {

using Ec = boost::system::error_code;
using boost::asio::ip::tcp;
using Unix = boost::asio::local::stream_protocol;

Error listen_error(const Ec& ec, const std::string& where) {
  std::string message = "cannot listen on " + where + ": " + ec.message();
  if (ec == boost::asio::error::address_in_use)
    return error(Code::kConflict, message, "Stop the program that uses it, or choose another port.");
  if (ec == boost::asio::error::access_denied)
    return error(Code::kDenied, message, "Choose a port above 1023, or grant CAP_NET_BIND_SERVICE.");
  return error(Code::kInvalid, message, "Choose an address of this machine.");
}

Ec try_listen(tcp::acceptor& acceptor, const tcp::endpoint& endpoint) {
  Ec ec, ignored;
  acceptor.close(ignored);
  acceptor.open(endpoint.protocol(), ec);
  if (ec) return ec;
  acceptor.set_option(tcp::acceptor::reuse_address(true), ignored);
  if (endpoint.address().is_v6() && endpoint.address().is_unspecified())
    acceptor.set_option(boost::asio::ip::v6_only(false), ignored);
  acceptor.bind(endpoint, ec);
  if (!ec) acceptor.listen(boost::asio::socket_base::max_listen_connections, ec);
  if (ec) acceptor.close(ignored);
  return ec;
}

std::vector<tcp::endpoint> endpoints_of(tcp::acceptor& acceptor, const HostPort& address, Ec& ec) {
  if (address.host.empty()) return {{tcp::v6(), address.port}, {tcp::v4(), address.port}};
  tcp::resolver resolver(acceptor.get_executor());
  std::vector<tcp::endpoint> out;
  for (const auto& r : resolver.resolve(address.host, std::to_string(address.port),
                                        tcp::resolver::passive | tcp::resolver::numeric_service, ec)) {
    // Two families of one name: the older first, so that "localhost" is what everybody expects.
    if (r.endpoint().address().is_v4()) {
      out.insert(out.begin(), r.endpoint());
    } else {
      out.push_back(r.endpoint());
    }
  }
  return out;
}

}  // namespace

Result<HostPort> open_acceptor(tcp::acceptor& acceptor, const HostPort& address) {
  Ec ec;
  for (const auto& endpoint : endpoints_of(acceptor, address, ec)) {
    ec = try_listen(acceptor, endpoint);
    if (ec == boost::asio::error::address_in_use) break;
    if (ec) continue;
    auto bound = acceptor.local_endpoint(ec);
    if (!ec) return HostPort{address.host.empty() ? "" : bound.address().to_string(), bound.port()};
  }
  return listen_error(ec ? ec : Ec(boost::asio::error::host_not_found), format_host_port(address));
}

Result<void> open_unix_acceptor(Unix::acceptor& acceptor, const std::string& path) {
  if (path.size() >= sizeof(sockaddr_un::sun_path))
    return error(Code::kInvalid, "the socket's path " + path + " is longer than 107 bytes", "Use a shorter directory.");
  struct stat info{};
  if (::lstat(path.c_str(), &info) == 0) {
    if (!S_ISSOCK(info.st_mode)) return error(Code::kConflict, path + " exists and is no socket", "Move it away.");
    ::unlink(path.c_str());
  }
  Ec ec;
  acceptor.open(Unix(), ec);
  if (!ec) acceptor.bind(Unix::endpoint(path), ec);
  if (!ec && ::chmod(path.c_str(), 0600) != 0) ec = Ec(errno, boost::system::system_category());
  if (!ec) acceptor.listen(boost::asio::socket_base::max_listen_connections, ec);
  if (ec) return listen_error(ec, path);
  return {};
}

}  // namespace dl::net
