#pragma once

// Internal to the room: the OpenSSL side of TlsContext.

#include <boost/asio/ssl/context.hpp>

#include "net/tls.h"

namespace dl::net {

struct TlsContext::Impl {
  explicit Impl(TlsOptions o) : options(std::move(o)) {}
  boost::asio::ssl::context context{boost::asio::ssl::context::tls};
  TlsOptions options;
};

// Prepares one connection: name to check and to tell; where a refusal of the peer's certificate is noted. `refusal`
// outlives the SSL.
void tls_prepare(SSL* ssl, const TlsOptions& options, std::optional<Error>* refusal);
// The peer's leaf certificate, DER; empty when it has none.
Bytes tls_peer_certificate(SSL* ssl);
// What a failed handshake, read or write means to the user.
Error tls_error(const boost::system::error_code& ec, const std::optional<Error>& refusal);

}  // namespace dl::net
