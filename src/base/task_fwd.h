#pragma once

namespace boost::asio {
class any_io_executor;
template <class T, class Executor>
class awaitable;
}  // namespace boost::asio

namespace dl {

template <class T>
class Result;

// A coroutine that ends with a value or an Error. The definition is in base/task.h, included in sources only.
template <class T>
using Task = boost::asio::awaitable<Result<T>, boost::asio::any_io_executor>;

}  // namespace dl
