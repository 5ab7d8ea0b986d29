// What this machine can do at most, to be read beside a server's figures: `bench_limits DIR [SECONDS]`. Appends of
// 4 KiB with fdatasync to a file in DIR, OpenSSL's MD5 and AES-256-GCM on one core, memcpy. Prints one JSON line.

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <openssl/evp.h>

namespace {

[[noreturn]] void fail(const std::string& why) {
  fmt::print(stderr, "bench_limits: {}\n", why);
  std::exit(2);
}

void require(bool holds, const char* what) {
  if (!holds) fail(std::string(what) + " failed");
}

// Calls a second.
double rate_of(double seconds, const std::function<void()>& call) {
  using Clock = std::chrono::steady_clock;
  auto begun = Clock::now();
  size_t calls = 0;
  std::chrono::duration<double> passed{};
  do {
    call();
    ++calls;
    passed = Clock::now() - begun;
  } while (passed.count() < seconds);
  return static_cast<double>(calls) / passed.count();
}

double sync_rate(const std::string& directory, double seconds) {
  std::string path = directory + "/sync-rate";
  int fd = ::open(path.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
  if (fd < 0) fail("no file " + path + ": " + std::strerror(errno));
  std::string block(4096, 'x');
  double rate = rate_of(seconds, [&] {
    require(::write(fd, block.data(), block.size()) == static_cast<ssize_t>(block.size()), "write");
    require(::fdatasync(fd) == 0, "fdatasync");
  });
  ::close(fd);
  ::unlink(path.c_str());
  return rate;
}

// MiB a second, 64 KiB a call.
double md5_rate(double seconds) {
  std::vector<unsigned char> in(64 * 1024, 'x');
  EVP_MD* md5 = EVP_MD_fetch(nullptr, "MD5", nullptr);
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  require(md5 != nullptr && context != nullptr && EVP_DigestInit_ex2(context, md5, nullptr) == 1, "MD5");
  double rate = rate_of(seconds, [&] { require(EVP_DigestUpdate(context, in.data(), in.size()) == 1, "MD5"); });
  EVP_MD_CTX_free(context);
  EVP_MD_free(md5);
  return rate / 16;
}

double gcm_rate(double seconds) {
  std::vector<unsigned char> in(64 * 1024, 'x'), out(in.size() + 16);
  unsigned char key[32] = {1}, nonce[12] = {}, tag[16];
  EVP_CIPHER* gcm = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
  EVP_CIPHER_CTX* context = EVP_CIPHER_CTX_new();
  require(gcm != nullptr && context != nullptr && EVP_EncryptInit_ex2(context, gcm, key, nonce, nullptr) == 1,
          "AES-GCM");
  double rate = rate_of(seconds, [&] {
    int size = 0;
    nonce[0]++;
    require(EVP_EncryptInit_ex2(context, nullptr, nullptr, nonce, nullptr) == 1 &&
                EVP_EncryptUpdate(context, out.data(), &size, in.data(), static_cast<int>(in.size())) == 1 &&
                EVP_EncryptFinal_ex(context, out.data() + size, &size) == 1 &&
                EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, sizeof tag, tag) == 1,
            "AES-GCM");
  });
  EVP_CIPHER_CTX_free(context);
  EVP_CIPHER_free(gcm);
  return rate / 16;
}

// Between buffers that no cache holds.
double copy_rate(double seconds) {
  constexpr size_t kSize = 128 << 20;
  std::vector<char> from(kSize, 'x'), to(kSize, 'y');
  size_t at = 0;
  volatile char seen = 0;
  double rate = rate_of(seconds, [&] {
    std::memcpy(to.data() + at, from.data() + at, 1 << 20);
    seen = to[at];
    at = (at + (1 << 20)) % kSize;
  });
  return seen == 'x' ? rate : 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2 || argv[1][0] == '-') fail("bench_limits DIR [SECONDS]");
  double seconds = argc > 2 ? std::atof(argv[2]) : 1;
  fmt::print(R"({{"fdatasync_rate":{:.0f},"md5_mib_s":{:.0f},"aes_256_gcm_mib_s":{:.0f},"memcpy_mib_s":{:.0f}}})"
             "\n",
             sync_rate(argv[1], seconds), md5_rate(seconds), gcm_rate(seconds), copy_rate(seconds));
  return 0;
}
