#pragma once

#include "format/rows.h"
#include "row.pb.h"

// Parts that rows and frames share; included in src/format/*.cc only.
namespace dl::format {

void put_attribute_state(const AttributeState& in, demilune::v1::AttributeState* out);
Result<AttributeState> get_attribute_state(const demilune::v1::AttributeState& in);
void put_key_state(const KeyState& in, demilune::v1::KeyState* out);
Result<KeyState> get_key_state(const demilune::v1::KeyState& in);
void put_decided(const DecidedSet& in, demilune::v1::DecidedSet* out);
Result<DecidedSet> get_decided(const demilune::v1::DecidedSet& in);

}  // namespace dl::format
