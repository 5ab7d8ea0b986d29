#pragma once

// Internal to the room: opening outgoing connections. Includes Asio.

#include "net/address.h"
#include "net/byte_stream.h"

namespace dl::net {

// Resolves and tries each address in turn. kUnavailable: nobody answers there, or not in time.
Task<std::shared_ptr<ByteStream>> dial_tcp(HostPort address, Millis deadline);
Task<std::shared_ptr<ByteStream>> dial_unix(std::string path, Millis deadline);

}  // namespace dl::net
