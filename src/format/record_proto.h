#pragma once

#include "format/record.h"
#include "record.pb.h"

// Conversions that rows and frames share with records; included in src/format/*.cc only.
namespace dl::format {

void put_tags(const std::vector<Header>& tags, google::protobuf::RepeatedPtrField<demilune::v1::Header>* out);
std::vector<Header> get_tags(const google::protobuf::RepeatedPtrField<demilune::v1::Header>& in);

}  // namespace dl::format
