#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace dl {

// Raw bytes. std::string, because RocksDB, Protocol Buffers and OpenSSL all take it without a copy.
using Bytes = std::string;
using BytesView = std::string_view;

inline const uint8_t* as_u8(BytesView b) { return reinterpret_cast<const uint8_t*>(b.data()); }

// Big-endian integers, as they stand in keys: byte order is number order.
void put_be16(Bytes& out, uint16_t v);
void put_be32(Bytes& out, uint32_t v);
void put_be64(Bytes& out, uint64_t v);
// Precondition: b.size() is at least the width.
uint16_t get_be16(BytesView b);
uint32_t get_be32(BytesView b);
uint64_t get_be64(BytesView b);

// Compares without a data-dependent branch; lengths are not secret.
bool equal_constant_time(BytesView a, BytesView b);

}  // namespace dl
