// The bodies of Asio's non-template functions; everything else is compiled with BOOST_ASIO_SEPARATE_COMPILATION.
#include <boost/asio/impl/src.hpp>
