#pragma once

namespace dl::bench {

// User and system time of a process and all its threads so far, in microseconds (it moves in ticks of 10 ms); 0 when
// pid is 0. Exits when there is no such process.
double process_cpu_us(int pid);
// The same of this program, exact.
double own_cpu_us();

}  // namespace dl::bench
