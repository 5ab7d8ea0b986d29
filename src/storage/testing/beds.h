#pragma once

#include "storage/testing/bed.h"

namespace dl::storage::testing {

std::vector<BedKind> memory_beds();
std::vector<BedKind> local_beds();

}  // namespace dl::storage::testing
