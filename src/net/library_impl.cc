// The bodies of the non-template functions of Asio's TLS streams and of Beast, compiled once.
#include <boost/asio/ssl/impl/src.hpp>
#include <boost/beast/src.hpp>
