#pragma once

// Internal to the room: opening listening sockets. Includes Asio.

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>

#include "net/address.h"

namespace dl::net {

// Binds and listens; returns the address really bound. kInvalid: no such address here; kConflict: taken; kDenied; kIo.
Result<HostPort> open_acceptor(boost::asio::ip::tcp::acceptor& acceptor, const HostPort& address);
// A socket file of mode 0600; a socket that is left there is replaced, any other file is kConflict.
Result<void> open_unix_acceptor(boost::asio::local::stream_protocol::acceptor& acceptor, const std::string& path);

}  // namespace dl::net
