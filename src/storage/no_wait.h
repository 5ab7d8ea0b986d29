#pragma once

namespace dl::storage {

// While one lives, what this thread reads from files must be in memory already: a read, or an opening, that would wait
// for the disk fails at once with kUnavailable, and refused() says so. For event loops: they try, and hand what was
// refused to a thread that may wait. Nests; the innermost counts. Not across a suspension of a coroutine.
class NoWait {
 public:
  NoWait();
  ~NoWait();
  NoWait(const NoWait&) = delete;
  NoWait& operator=(const NoWait&) = delete;
  bool refused() const { return refused_; }

  // For file systems: whether this thread must not wait, and that it would have to.
  static bool wanted();
  static void refuse();

 private:
  NoWait* outer_;
  bool refused_ = false;
};

}  // namespace dl::storage
