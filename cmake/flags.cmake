# Compiler and linker flags for every room. Kept in one place so that presets differ by options only.
add_compile_options(-Wall -Wextra -Wshadow -Wnon-virtual-dtor -Wimplicit-fallthrough -Werror=return-type
                    -Werror=unused-result -Wno-missing-field-initializers -fno-omit-frame-pointer -g1
                    -fcolor-diagnostics -mcx16 -maes -mpclmul -msse4.2)
add_link_options(-fuse-ld=lld)
# Asio: no deprecated API, awaitables only; Boost.Asio and Beast are compiled once, inside net.
add_compile_definitions(BOOST_ASIO_NO_DEPRECATED BOOST_ASIO_SEPARATE_COMPILATION BOOST_BEAST_SEPARATE_COMPILATION
                        SPDLOG_COMPILED_LIB SPDLOG_FMT_EXTERNAL)
if(CMAKE_BUILD_TYPE STREQUAL "Release")
  add_compile_options(-O2 -fstack-protector-strong -fPIE -fcf-protection)
  add_compile_definitions(_FORTIFY_SOURCE=2 _GLIBCXX_ASSERTIONS)
  add_link_options(-pie -Wl,-z,relro,-z,now)
else()
  add_compile_options(-O0)
endif()
if(DL_ASAN)
  # Recycled coroutine frames hide use-after-free from the sanitizer.
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=all -O1)
  add_link_options(-fsanitize=address,undefined)
  add_compile_definitions(BOOST_ASIO_DISABLE_AWAITABLE_FRAME_RECYCLING BOOST_ASIO_DISABLE_SMALL_BLOCK_RECYCLING)
endif()
if(DL_TSAN)
  add_compile_options(-fsanitize=thread -O1)
  add_link_options(-fsanitize=thread)
endif()
if(DL_FUZZ)
  # Fuzz targets share the sanitizer build: coverage counters everywhere, libFuzzer's main in the targets alone.
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
