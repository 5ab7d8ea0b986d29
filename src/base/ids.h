#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <string>

#include "base/bytes.h"
#include "base/hex.h"
#include "base/result.h"

namespace dl {

// A fixed run of bytes with a type of its own, so that a node is never passed where a bucket is meant.
template <class Tag, size_t N>
struct FixedId {
  static constexpr size_t kSize = N;
  std::array<uint8_t, N> b{};

  auto operator<=>(const FixedId&) const = default;
  BytesView view() const { return {reinterpret_cast<const char*>(b.data()), N}; }
  Bytes bytes() const { return Bytes(view()); }
  std::string hex() const { return to_hex(view()); }
  bool is_zero() const { return *this == FixedId{}; }

  // Errors: kInvalid when the size is wrong.
  static Result<FixedId> from_bytes(BytesView v) {
    if (v.size() != N)
      return error(Code::kInvalid, "an id has " + std::to_string(N) + " bytes, got " + std::to_string(v.size()));
    FixedId id;
    std::memcpy(id.b.data(), v.data(), N);
    return id;
  }
  // Precondition: v.size() == N.
  static FixedId of(BytesView v) { return from_bytes(v).value(); }
  static Result<FixedId> from_hex(std::string_view text) {
    auto raw = dl::from_hex(text);
    if (!raw.ok()) return std::move(raw).error();
    return from_bytes(*raw);
  }
};

using DeviceId = FixedId<struct DeviceTag, 16>;
using NodeId = FixedId<struct NodeTag, 16>;  // an incarnation of a device's or hub's journal: a record's origin
using BucketId = FixedId<struct BucketTag, 16>;
using LabelId = FixedId<struct LabelTag, 16>;
using RecordHash = FixedId<struct RecordTag, 32>;
using VersionId = FixedId<struct VersionTag, 16>;
using BlobId = FixedId<struct BlobTag, 16>;
using UploadId = FixedId<struct UploadTag, 16>;
using UserId = FixedId<struct UserTag, 16>;
using WorkloadId = FixedId<struct WorkloadTag, 16>;
using Sha256 = FixedId<struct Sha256Tag, 32>;

// Ids are random or hashes: their first bytes are a hash already.
template <class Tag, size_t N>
struct IdHash {
  size_t operator()(const FixedId<Tag, N>& id) const {
    size_t h;
    std::memcpy(&h, id.b.data(), sizeof h);
    return h;
  }
};

}  // namespace dl

template <class Tag, size_t N>
struct std::hash<dl::FixedId<Tag, N>> : dl::IdHash<Tag, N> {};
