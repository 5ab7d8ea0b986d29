#pragma once

// Heavy header (Asio's awaitable): include in sources only; headers include base/task_fwd.h.
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include "base/result.h"
#include "base/task_fwd.h"
